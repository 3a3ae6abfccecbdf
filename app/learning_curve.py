"""How many pairs are enough? The same tuning on more and more of a file, measured on the same queries.

index.html      the curve, its numbers, and how they came about
curve.svg       the curve alone
results.json    the numbers
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2

from app import plots
from app.ground import Ground, prepare
from app.tuning import learn
from app.tuning_options import Follower, Options
from models.evaluate import Evaluation
from models.queries import Pair
from models.significance import confidence, paired
from models.splits import place_of

PAGE, CURVE, RESULTS = "index.html", "curve.svg", "results.json"
MEASURES = ("mRR@20", "hits@20", "mAP@20")
DRAWN = "mRR@20"

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Size:
    """`pairs` of the file were given, as if it had no more, and `learnt` of them learnt from; `alpha` is the
    share of the tuned weights that was kept."""

    pairs: int
    learnt: int
    alpha: float
    evaluation: Evaluation


@dataclass(frozen=True)
class Curve:
    """Sizes rise, and each holds the smaller ones; all are measured on the file's whole gate part."""

    file: str
    index: str
    items: int
    parent: str
    base: Evaluation
    sizes: Sequence[Size]


def learning_curve(
    home: Path, file: Path, sizes: Sequence[int], options: Options, follower: Follower
) -> Curve:
    """Tunes on each size; one beyond what the file has is all that it has. Registers no tower.

    Raises what `tune` raises.
    """
    ground = prepare(home, file, options, follower)
    ordered = _ordered(ground)
    of_the_file = [ground.parts.train, ground.parts.val]
    if options.gate is None:
        of_the_file.append(ground.parts.gate)
    there = sum(map(len, of_the_file))
    gate = [(ground.parts.gate, ground.gallery)]
    (base,) = ground.measure(ground.base, gate)
    measured = []
    for pairs in sorted({min(size, there) for size in sizes}):
        # As much is set aside of a part as of the whole, but what decides stays the same for all.
        train = ordered[: max(2, round(pairs * len(ordered) / there))]
        learnt = learn(ground, train, options, _Named(follower, f"{pairs:,} pairs"))
        (found,) = ground.measure(learnt.state, gate)
        measured.append(Size(pairs, len(train), learnt.alpha, found))
    if max(sizes) > there:
        follower.note(f"{file.name} has {there:,} usable pairs: larger sizes are all of them")
    return Curve(file.name, ground.index.version, len(ground.gallery), ground.parent.id, base, measured)


def write_curve(folder: Path, curve: Curve) -> Path:
    """Writes the curve's three files, and returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = _numbers(curve)
    svg = _plot(numbers)
    text = json.dumps(numbers, ensure_ascii=False, indent=2)
    (folder / RESULTS).write_text(text, encoding="utf-8", errors="backslashreplace")
    (folder / CURVE).write_text(_alone(svg), encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("learning_curve.html").render(
        numbers, plot=svg, measures=MEASURES, drawn=DRAWN, shapes=plots.SHAPES
    )
    (folder / PAGE).write_text(page, encoding="utf-8", errors="replace")
    return folder / PAGE


def _ordered(ground: Ground) -> list[Pair]:
    """What there is to learn from, product by product, in an order that does not depend on the file's."""

    def place(pair: Pair) -> tuple[float, str, str]:
        return (place_of(ground.product_of[pair.item], "learning curve"), pair.item, pair.query)

    return sorted(ground.parts.train, key=place)


@dataclass(frozen=True)
class _Named:
    """Says at each stage which size it is of."""

    follower: Follower
    name: str

    @property
    def folder(self) -> Path:
        return self.follower.folder

    def progress(self, stage: str, done: int, total: int, **metrics: float) -> None:
        self.follower.progress(f"{self.name}: {stage}", done, total, **metrics)

    def note(self, line: str) -> None:
        self.follower.note(f"{self.name}: {line}")

    def cancelled(self) -> bool:
        return self.follower.cancelled()

    def settle(self) -> None:
        self.follower.settle()


def _numbers(curve: Curve) -> dict[str, Any]:
    """What results.json holds; plot and page are made from it."""
    before = curve.base.values(DRAWN)
    return {
        "file": curve.file,
        "index": curve.index,
        "items": curve.items,
        "parent": curve.parent,
        "queries": len(curve.base.results),
        "base": _means(curve.base),
        "sizes": [
            {
                "pairs": size.pairs,
                "learnt": size.learnt,
                "alpha": size.alpha,
                "measures": _means(size.evaluation),
                "gain": {DRAWN: asdict(paired(before, size.evaluation.values(DRAWN)))},
            }
            for size in curve.sizes
        ],
    }


def _means(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    return {
        measure: {"mean": evaluation.summary[measure]} | asdict(confidence(evaluation.values(measure)))
        for measure in MEASURES
    }


def _plot(numbers: Mapping[str, Any]) -> str:
    base = numbers["base"][DRAWN]["mean"]
    gains = [size["gain"][DRAWN] for size in numbers["sizes"]]
    return plots.growth(
        f"{DRAWN} after tuning on more and more pairs",
        [size["pairs"] for size in numbers["sizes"]],
        [plots.Point(*(base + gain[end] for end in ("mean", "low", "high"))) for gain in gains],
        base,
        x="pairs",
    )


def _alone(svg: str) -> str:
    """The plot as a file of its own, which no page gives its colours."""
    properties, _, _ = (_TEMPLATES / "report.css").read_text(encoding="utf-8").partition("*,")
    style = f"<style>{properties}svg {{ background: var(--raised); font-family: var(--sans) }}</style>"
    start, end, rest = svg.partition(">")
    return start.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1) + end + style + rest
