"""Architectures that shops use, at full size: random weights, and a small tokenizer in place of a hub's."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models import openclip
from models.cards import write_tensors
from models.torchvision_operators import declare_missing_operators
from tests.tiny_models import VOCABULARY, Family, write_text_files

TEXTS = ["rotes Kleid", "blue striped shirt for men, long and wide", "", "black leather shoes " * 30]


@dataclass(frozen=True)
class Full:
    """A model by open_clip itself, and what we call it."""

    reference: Any
    name: str
    tokenizer: Any


@pytest.fixture(
    scope="module",
    params=["xlm-roberta-base-ViT-B-32", "ViT-B-32", "ViT-B-16-SigLIP2", "coca_ViT-B-32"],
)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    """One at a time: each has half a gigabyte of weights, which are not kept."""
    declare_missing_operators()
    import open_clip  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("full")
    architecture, weights = request.param, folder / "open_clip_model.safetensors"
    config = open_clip.get_model_config(architecture)
    if "hf_tokenizer_name" in config["text_cfg"]:
        name = f"local-dir:{folder}"
        adapt(config["text_cfg"], folder)
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
        model = open_clip.create_model(name, load_weights=False, pretrained_text=False)
        tokenizer = open_clip.get_tokenizer(name)
    else:
        name = f"open_clip:{architecture}/{weights}"
        model = open_clip.create_model(architecture, load_weights=False)
        tokenizer = open_clip.get_tokenizer(architecture)
    for part in model.parameters():
        part.requires_grad_(False)
    if architecture.startswith("coca"):  # open_clip leaves this one as the memory was
        model.text_decoder.text_projection.zero_()
    write_tensors(weights, model.state_dict())
    yield Full(model.eval(), name, tokenizer)
    weights.unlink()
    del model
    gc.collect()


def adapt(text: dict[str, Any], folder: Path) -> None:
    """Gives a text side whose files are on a hub the small tokenizer of the tiny models; its table of
    embeddings has a row for every piece of that one."""
    family: Family = "xlm-roberta" if "hf_model_name" in text else "siglip"
    write_text_files(folder, family)
    text["hf_tokenizer_name"] = str(folder)
    if family == "siglip":
        text["vocab_size"] = VOCABULARY
        return
    import transformers  # noqa: PLC0415

    text["hf_model_name"] = str(folder)
    transformers.XLMRobertaConfig(
        vocab_size=VOCABULARY, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5
    ).save_pretrained(folder)


def test_vectors_are_those_of_open_clip(full: Full) -> None:
    """Of texts, together and one alone, and of a picture: to 1e-5, in float32."""
    from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: PLC0415

    values = np.random.default_rng(0).integers(0, 256, (333, 250, 3), dtype=np.uint8)
    picture = Image.fromarray(values)
    prepare = image_transform_v2(PreprocessCfg(**full.reference.visual.preprocess_cfg), is_train=False)
    with torch.inference_mode():
        texts = full.reference.encode_text(full.tokenizer(TEXTS), normalize=True).numpy()
        pictures = full.reference.encode_image(prepare(picture)[None], normalize=True).numpy()
    image = openclip.open_image(full.name, "cpu")
    assert np.allclose(image.encode(image.preprocessing(picture)[None]), pictures, atol=1e-5)
    del image
    text = openclip.open_text(full.name, "cpu")
    assert np.allclose(text.encode(TEXTS), texts, atol=1e-5)
    assert np.allclose(text.encode(TEXTS[:1]), texts[:1], atol=1e-5)
