"""The README's table of models: names that open_clip knows, costs that its architectures have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from models.torchvision_operators import declare_missing_operators
from tests.bench.models import MODELS, build, dimensions, parameters

README = Path(__file__).parent.parent / "README.md"


class Costs(NamedTuple):
    text: str
    """Parameters and memory: `63 M, 0.25 GB`."""
    image: str
    size: str
    """Of a picture and of a vector: `224 px, 512`."""


def told(count: int) -> str:
    return f"{count / 1e6:.0f} M, {4 * count / 1e9:.2f} GB"


@pytest.fixture(scope="module")
def table() -> dict[str, Costs]:
    """Name → what the table says, of the models that open_clip makes."""
    rows = re.findall(r"^\| `(open_clip:.+?)` \| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    cells = {name: row.split(" | ") for name, row in rows}
    return {name: Costs(text, image, size) for name, (text, _, image, _, size, *_) in cells.items()}


def test_the_table_has_the_models_that_are_measured(table: dict[str, Costs]) -> None:
    """Those of tests/bench/models.py, which fills it."""
    assert sorted(table) == sorted(MODELS)


def test_open_clip_knows_every_model_of_the_table(table: dict[str, Costs]) -> None:
    """Its architecture, and the tag of its weights."""
    declare_missing_operators()
    import open_clip  # noqa: PLC0415 - takes seconds, and can only be imported after the line above

    assert table.keys() <= {f"open_clip:{name}/{tag}" for name, tag in open_clip.list_pretrained()}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_costs_what_its_architecture_does(name: str, table: dict[str, Costs]) -> None:
    """Parameters of either side, four bytes each, and the sizes of pictures and vectors."""
    model = build(name)
    size = f"{model.visual.image_size[0]} px, {dimensions(name)}"
    assert table[name] == (told(parameters(model.text)), told(parameters(model.visual)), size)
