"""Tiny open_clip models of every family, as local folders: random weights, and tokenizers made here."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from models.torchvision_operators import declare_missing_operators

# open_clip and transformers take seconds to load: a test that writes no model does not wait for them.
# ruff: noqa: PLC0415

Family = Literal["xlm-roberta", "clip", "siglip", "coca", "nllb"]
FAMILIES: tuple[Family, ...] = ("xlm-roberta", "clip", "siglip", "coca", "nllb")

IMAGE_SIZE = 32
CONTEXT = 77
PIECES = 300
LONGEST_PIECE = 6
VOCABULARY = 320
"""Rows of the table of embeddings: the pieces and the marks."""
WIDTH = 32
DIM = 64

SENTENCES = (
    "rotes Kleid ohne Ärmel",
    "blaues Hemd mit Streifen für Herren",
    "grüne Hose, lang und weit",
    "schwarze Schuhe aus Leder",
    "weißes T-Shirt mit Aufdruck",
    "gelber Rock mit Punkten",
    "graue Jacke mit Kapuze",
    "Handtasche in Braun",
    "red dress without sleeves",
    "blue striped shirt for men",
    "green trousers, long and wide",
    "black leather shoes",
    "white t-shirt with a print",
    "yellow skirt with dots",
    "grey jacket with a hood",
    "brown handbag",
)
"""What the tokenizers know the pieces of."""


def write_tiny(folder: Path, family: Family, seed: int = 0, **vision: Any) -> Path:
    """A random model of `family` in `folder`, which `--tower local-dir:FOLDER` opens; returns the folder.

    Equal seeds give equal weights; all families end in DIM dimensions, two seeds in two spaces. `vision` is
    where the image side's configuration differs from the family's.
    """
    declare_missing_operators()
    import open_clip
    import safetensors.torch
    import torch

    folder.mkdir(parents=True)
    model_cfg = _model_cfg(folder, family)
    model_cfg["vision_cfg"] |= vision
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.3, 0.25, 0.2], "interpolation": "bicubic"}
    preprocess["resize_mode"] = "squash" if family in ("siglip", "nllb") else "shortest"
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    write_text_files(folder, family)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
        if family == "coca":  # open_clip leaves this one as the memory was
            torch.nn.init.normal_(model.text_decoder.text_projection)
    tensors = {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, folder / "open_clip_model.safetensors")
    return folder


def _model_cfg(folder: Path, family: Family) -> dict[str, Any]:
    vision: dict[str, Any] = {
        "image_size": IMAGE_SIZE,
        "layers": 2,
        "width": WIDTH,
        "head_width": 16,
        "patch_size": 16,
    }
    transformer = {"width": WIDTH, "heads": 2, "layers": 2}
    if family in ("xlm-roberta", "nllb"):
        text: dict[str, Any] = {
            "hf_model_name": str(folder),
            "hf_tokenizer_name": str(folder),
            "hf_proj_type": "mlp" if family == "xlm-roberta" else "linear",
            "hf_pooler_type": "mean_pooler" if family == "xlm-roberta" else "cls_pooler",
        }
        return {"embed_dim": DIM, "vision_cfg": vision, "text_cfg": text}
    if family == "clip":
        text = {"context_length": CONTEXT, "vocab_size": 49408, **transformer}
        return {"embed_dim": DIM, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    if family == "coca":
        text = {"context_length": CONTEXT - 1, "vocab_size": 49408, "embed_cls": True, "output_tokens": True}
        return {
            "embed_dim": DIM,
            "vision_cfg": vision
            | {
                "attentional_pool": True,
                "attn_pooler_heads": 2,
                "attn_pooler_queries": 8,
                "output_tokens": True,
            },
            "text_cfg": text | transformer,
            "multimodal_cfg": {"context_length": CONTEXT - 1, "vocab_size": 49408, **transformer},
            "custom_text": True,
        }
    return {
        "embed_dim": DIM,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 160,  # timm's smallest transformer has this size, and DIM dimensions
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "context_length": 64,
            "vocab_size": VOCABULARY,
            "hf_tokenizer_name": "timm/ViT-B-16-SigLIP2",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
            **transformer,
        },
    }


def write_text_files(folder: Path, family: Family) -> None:
    """The tokenizer's files, and the configuration of a text tower of transformers."""
    import transformers

    if family == "xlm-roberta":
        _tokenizer(["<s>", "<pad>", "</s>", "<unk>"], "<s> $A </s>").save_pretrained(folder)
        transformers.XLMRobertaConfig(
            vocab_size=VOCABULARY,
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=2 * WIDTH,
            max_position_embeddings=CONTEXT + 2,
        ).save_pretrained(folder)
    elif family == "nllb":
        special = ["<s>", "<pad>", "</s>", "<unk>", "eng_Latn", "deu_Latn"]
        _tokenizer(special, "eng_Latn $A </s>").save_pretrained(folder)
        transformers.M2M100Config(
            vocab_size=VOCABULARY,
            d_model=WIDTH,
            encoder_layers=2,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=2 * WIDTH,
            decoder_ffn_dim=2 * WIDTH,
            max_position_embeddings=CONTEXT,
        ).save_pretrained(folder)
    elif family == "siglip":
        _tokenizer(["<pad>", "</s>", "<s>", "<unk>"], "$A </s>").save_pretrained(folder)


def _tokenizer(special: list[str], template: str) -> Any:
    """Knows the pieces of SENTENCES; the marks `special` have the ids from 0 on."""
    import tokenizers
    import transformers
    from tokenizers import models, normalizers, pre_tokenizers, processors

    vocabulary = [(mark, 0.0) for mark in special] + _pieces()
    tokenizer = tokenizers.Tokenizer(models.Unigram(vocabulary, unk_id=special.index("<unk>")))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template,
        special_tokens=[(mark, special.index(mark)) for mark in special if mark in template.split()],
    )
    return transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _pieces() -> list[tuple[str, float]]:
    """Every character of SENTENCES, and the parts of their words that are longest and most frequent, with the
    logarithms of their frequencies; a trainer of tokenizers would answer differently from run to run."""
    words = [f"▁{word}" for sentence in SENTENCES for word in sentence.split()]
    counts = Counter(
        word[start:end]
        for word in words
        for start in range(len(word))
        for end in range(start + 1, len(word) + 1)
        if end - start <= LONGEST_PIECE
    )
    by_worth = sorted(counts, key=lambda piece: (len(piece) > 1, -counts[piece] * len(piece), piece))
    total = sum(counts.values())
    return [(piece, math.log(counts[piece] / total)) for piece in by_worth[:PIECES]]
