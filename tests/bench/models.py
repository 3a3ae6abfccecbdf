"""What the open_clip models of the README cost: parameters, memory, a query on one core, batches on a GPU.

`python -m tests.bench.models [NAME …]`, all of them by default. The weights are random, which changes no
cost. It runs wherever torch, open_clip, transformers and timm do: nothing else that Vitrine needs is in it.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.openclip_towers import ImageModule, TextModule
from models.preprocessing import Preprocessing
from models.torchvision_operators import declare_missing_operators

MODELS = (
    "open_clip:ViT-B-32/openai",
    "open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k",
    "open_clip:ViT-B-16-SigLIP-i18n-256/webli",
    "open_clip:ViT-B-16-SigLIP2/webli",
    "open_clip:nllb-clip-base-siglip/mrl",
    "open_clip:xlm-roberta-large-ViT-H-14/frozen_laion5b_s13b_b90k",
    "open_clip:nllb-clip-large-siglip/mrl",
    "open_clip:ViT-SO400M-14-SigLIP2/webli",
)

_XLM_R = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
_NLLB = {
    "model_type": "m2m_100",
    "vocab_size": 256206,
    "max_position_embeddings": 1024,
    "d_model": 1024,
    "encoder_attention_heads": 16,
    "decoder_layers": 1,  # the decoder is built, and thrown away
    "scale_embedding": True,
    "pad_token_id": 1,
}
TEXT_MODELS: dict[str, dict[str, Any]] = {
    "xlm-roberta-base": _XLM_R
    | {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "xlm-roberta-large": _XLM_R
    | {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "facebook/nllb-200-distilled-600M": _NLLB | {"encoder_layers": 12, "encoder_ffn_dim": 4096},
    "facebook/nllb-200-distilled-1.3B": _NLLB | {"encoder_layers": 24, "encoder_ffn_dim": 8192},
}
"""The sizes of the text models that open_clip takes from transformers, as their own config.json has them."""

PIECES = 9
"""Of a query as `phrases` has them, six German words. A text model that masks its padding reads no more."""
_QUERIES = 10
_BATCH = 512
_BATCHES = 20
_MILLION = 1_000_000
_GIGABYTE = 1_000_000_000
_FP32 = 4


def architecture(name: str) -> str:
    return name.removeprefix("open_clip:").split("/")[0]


def build(name: str) -> Any:
    """The model on the meta device: shapes without memory. Its sides are `text` and `visual`."""
    declare_missing_operators()
    import open_clip  # noqa: PLC0415 - takes seconds, and can only be imported after the line above

    text = open_clip.get_model_config(architecture(name))["text_cfg"]
    with tempfile.TemporaryDirectory() as folder, torch.device("meta"):
        if "hf_model_name" in text:
            sizes = TEXT_MODELS[text["hf_model_name"]]
            (Path(folder) / "config.json").write_text(json.dumps(sizes), encoding="utf-8")
            text |= {"hf_model_name": folder, "hf_model_pretrained": False}
        return open_clip.create_model(
            architecture(name), text_cfg=text, load_weights=False, device="meta", force_custom_text=True
        )


def parameters(side: nn.Module) -> int:
    return sum(tensor.numel() for tensor in side.parameters())


def dimensions(name: str) -> int:
    import open_clip  # noqa: PLC0415 - as in build

    vector: int = open_clip.get_model_config(architecture(name))["embed_dim"]
    return vector


def ids(text: Any, queries: int) -> Tensor:
    """What a text side reads of so many queries: no more than they are, unless padding means something."""
    shortens = hasattr(text, "pooler") or text.attn_mask is not None
    length = PIECES if shortens else text.context_length
    return torch.randint(2, text.vocab_size, (queries, length))


def measure(names: Sequence[str] = MODELS) -> Iterator[tuple[str, str]]:
    torch.set_num_threads(1)
    for name in names:
        model = build(name)
        yield name, ""
        for kind, side in (("text", model.text), ("image", model.visual)):
            count = parameters(side)
            memory = f"{_FP32 * count / _GIGABYTE:.2f} GB"
            yield f"  {kind} side in fp32", f"{count / _MILLION:.0f} M, {memory}"
        yield "  picture, vector", f"{model.visual.image_size[0]} px, {dimensions(name)}"
        with torch.inference_mode():
            milliseconds = 1000 * _seconds_a_query(model.text)
            yield "  one query, one core, fastest of ten", f"{milliseconds:.0f} ms"
            if torch.cuda.is_available():
                yield from _on_gpu(model)


def _filled(side: Any, device: str, dtype: torch.dtype) -> Any:
    """The side in memory, with random weights. Buffers are zero: to_empty would leave them as they come."""
    side = side.to(dtype).to_empty(device=device).eval()
    for tensor in side.parameters():
        nn.init.normal_(tensor, std=0.02)
    for tensor in side.buffers():
        tensor.zero_()
    return side


def _seconds_a_query(text: Any) -> float:
    """Of the core's time, so that others on the machine count little."""
    query = ids(text, queries=1)
    module = TextModule(_filled(text, "cpu", torch.float32))
    module(query)
    seconds = []
    for _ in range(_QUERIES):
        started = time.process_time()
        module(query)
        seconds.append(time.process_time() - started)
    return min(seconds)


def _on_gpu(model: Any) -> Iterator[tuple[str, str]]:
    size = model.visual.image_size[0]
    preprocessing = Preprocessing(size, "squash", "bicubic", mean=(127.5,) * 3, std=(127.5,) * 3)
    pictures = torch.randint(256, (_BATCH, size, size, 3), dtype=torch.uint8, device="cuda")
    visual = ImageModule(_filled(model.visual, "cuda", torch.bfloat16), preprocessing, torch.bfloat16)
    visual.to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield f"  pictures, bf16, batches of {_BATCH}", f"{_rate(visual, pictures):,.0f} a second"
    queries = ids(model.text, _BATCH).cuda()
    text = TextModule(_filled(model.text, "cuda", torch.bfloat16))
    yield f"  queries, bf16, batches of {_BATCH}", f"{_rate(text, queries):,.0f} a second"


def _rate(side: Any, batch: Tensor) -> float:
    """Items a second, once the GPU is warm."""
    for _ in range(3):
        side(batch)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(_BATCHES):
        side(batch)
    torch.cuda.synchronize()
    return _BATCHES * len(batch) / (time.perf_counter() - started)


def main(names: Sequence[str]) -> None:
    logging.basicConfig(level=logging.ERROR)  # open_clip warns of random weights, and they are meant
    print(f"torch {torch.__version__}", torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU")
    for name, value in measure(names or MODELS):
        print(f"{name:<50} {value}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
