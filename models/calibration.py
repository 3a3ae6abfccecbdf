"""Calibration: a hit's cosine → the probability that it is right, by two curves on the tower's card.

Queries differ in how near they are to *any* picture: some nonsense is nearer to all of them than a rare but
real query is to its own. So a hit is judged by its margin: its cosine less the query's cosine to the mean of
many pictures, the background. One curve is the chance that the query is one for such a shop at all, the other
that the hit is right if it is; the first is much the steeper, and no one curve fits both. To the first, the
query's own bearing is added, how much it points the way of a shop's words: of long queries the margin tells
all, of a single word ("Sommerkleid") it does not (LOG.md).
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.gallery import Gallery
from models.phrases import glossary
from models.queries import Pair
from models.towers import TextTower, TowerError, Vectors

NONSENSE = Path(__file__).parent / "nonsense.tsv"
_NONSENSE = 0.5
"""By weight for each real query: about as much as in the test that the curves have to pass. Where people ask
for less of it, the curves are cautious near the cut."""
_STEPS = 50
_SMALL = 1e-4
_FOLDS, _RIDGE, _WORDS = 5, 1.0, 600
_TEXTS_AT_ONCE = 256

Vector = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The probability 1 / (1 + exp(-(slope × margin + intercept))); the slope is above 0."""

    slope: float
    intercept: float

    def at(self, margins: NDArray[Any], more: Any = 0.0) -> NDArray[Any]:
        return _sigmoid(self.slope * margins + self.intercept + more)


@dataclass(frozen=True)
class Calibration:
    """A hit is right with the probability `sense` × `right` of its margin, to which `sense` adds the product
    of the query and `direction`; `facts` say on how many queries that rests."""

    background: Vector
    direction: Vector
    sense: Curve
    right: Curve
    facts: Mapping[str, Any]

    def relevance(self, scores: NDArray[np.float32], query: Vector) -> NDArray[np.float32]:
        """Of each score, a cosine to `query`, the probability that its hit is right; it rises with them."""
        margins = scores - query @ self.background
        found: NDArray[np.float32] = self.probability(margins, query @ self.direction).astype(np.float32)
        return found

    def probability(self, margins: NDArray[Any], bearings: Any) -> NDArray[Any]:
        """That hits of these margins are right, `bearings` being the products of their queries and the
        direction."""
        found: NDArray[Any] = self.sense.at(margins, bearings) * self.right.at(margins)
        return found

    def of_first(self, hits: FirstHits) -> Values:
        """Of each the probability that it is right."""
        return self.probability(hits.margins, hits.queries @ self.direction)

    def on_card(self) -> dict[str, Any]:
        """As a card holds it; vectors in float16, as index versions hold theirs."""
        return {
            "sense": _rounded(self.sense),
            "right": _rounded(self.right),
            "background": _packed(self.background),
            "direction": _packed(self.direction),
            "facts": dict(self.facts),
        }


def _packed(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def _unpacked(text: str) -> Vector:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2").astype(np.float32)


def _rounded(curve: Curve) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(curve).items()}


def read_calibration(card: Mapping[str, Any] | None, dim: int) -> Calibration | None:
    """What `on_card` wrote; None where a card has none. TowerError where it is damaged, or not of `dim`."""
    if card is None:
        return None
    try:
        background, direction = (_unpacked(card[of]) for of in ("background", "direction"))
        curves = [Curve(float(card[of]["slope"]), float(card[of]["intercept"])) for of in ("sense", "right")]
        found = Calibration(background, direction, curves[0], curves[1], card["facts"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TowerError(f"a tower's calibration cannot be read ({error}): calibrate it again") from None
    slopes = [curve.slope for curve in curves]
    if not len(background) == len(direction) == dim or not min(slopes) > 0:
        raise TowerError(
            f"a tower's calibration has {len(background)} dimensions and the slopes {slopes}, the "
            f"tower {dim} and any slopes above 0: calibrate it again"
        )
    intercepts = [curve.intercept for curve in curves]
    if not np.isfinite(np.concatenate([background, direction, slopes, intercepts])).all():
        raise TowerError("a tower's calibration holds what is not a finite number: calibrate it again")
    return found


@dataclass(frozen=True)
class Asked:
    """Who asks for what, and where. `alike` gives items the names of what they are: a first hit that shares
    one with an item that was asked for is right, as that item itself is."""

    pairs: Sequence[Pair]
    gallery: Gallery
    alike: Callable[[Iterable[str]], Mapping[str, frozenset[str]]] = lambda items: {}


@dataclass(frozen=True)
class FirstHits:
    """Of each query (queries, dim) its first hit: its margin, and whether it is right."""

    queries: Vectors
    margins: Values
    right: NDArray[np.bool_]


def calibrate(tower: TextTower, asked: Sequence[Asked], background: Vector | None = None) -> Calibration:
    """The curves that fit the first hits of all that is asked, each part of the same weight, and of nonsense.

    `background` is that of another tower of the space, which two towers should share; by default the mean of
    the first part's gallery. No row of `asked` may be what the tower was trained on: it would seem too sure.
    """
    if background is None:
        background = asked[0].gallery.vectors.mean(axis=0)
    queries = {pair.query for part in asked for pair in part.pairs}
    senseless = without_those_asked(nonsense("fit"), queries)
    real = [first_hits(tower, part, background) for part in asked]
    none = [nonsense_hits(tower, senseless, part.gallery, background) for part in asked]
    margins, right = (
        np.concatenate([one.margins for one in real]),
        np.concatenate([one.right for one in real]),
    )
    weights = _spread(real) * len(margins)
    beside = np.concatenate([one.margins for one in none])
    sensible = np.concatenate([one.queries for one in real])
    pointing = _Pointing(np.concatenate([sensible, _encoded(tower, shop_words())]), none[0].queries)
    of_real, of_none = pointing.held_out(len(sensible))
    sense, share = _plane(
        np.concatenate([margins, beside]),
        np.concatenate([of_real, np.tile(of_none, len(none))]),
        np.arange(len(margins) + len(beside)) < len(margins),
        np.concatenate([weights, _spread(none) * len(margins) * _NONSENSE]),
    )
    facts = {
        "queries": [len(hits.right) for hits in real],
        "first hit right": [round(float(hits.right.mean()), 4) for hits in real],
        "nonsense": len(senseless),
    }
    direction = (share * pointing.direction).astype(np.float32)
    return Calibration(background, direction, sense, _logistic(margins, right, weights), facts)


class _Pointing:
    """What tells vectors of sense from those of nonsense: a logistic regression, held small."""

    def __init__(self, sense: Vectors, nonsense: Vectors) -> None:
        self._sense, self._nonsense = sense.astype(np.float64), nonsense.astype(np.float64)
        self.direction = _ridge(self._sense, self._nonsense)

    def held_out(self, first: int) -> tuple[Values, Values]:
        """Of the first so many of sense, and of all nonsense, the product with a direction that was found
        without them."""
        folds = [np.arange(len(vectors)) % _FOLDS for vectors in (self._sense, self._nonsense)]
        products = [np.zeros(len(vectors)) for vectors in (self._sense, self._nonsense)]
        for fold in range(_FOLDS):
            kept = [self._sense[folds[0] != fold], self._nonsense[folds[1] != fold]]
            direction = _ridge(kept[0], kept[1])
            for vectors, of, product in zip((self._sense, self._nonsense), folds, products, strict=True):
                product[of == fold] = vectors[of == fold] @ direction
        return products[0][:first], products[1]


def _ridge(sense: Values, nonsense: Values) -> Values:
    """The slopes alone: how sure it is, is fitted later, with the margin."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load, and who answers has no need of it

    vectors = np.concatenate([sense, nonsense])
    positive = np.arange(len(vectors)) < len(sense)
    weights = np.where(positive, 500 / len(sense), 500 / len(nonsense))

    def loss(found: Values) -> tuple[float, Values]:
        told = vectors @ found[:-1] + found[-1]
        gap = weights * (_sigmoid(told) - positive)
        value = float((weights * (np.logaddexp(0, told) - positive * told)).sum())
        gradient = np.append(vectors.T @ gap + _RIDGE * found[:-1], gap.sum())
        return value + 0.5 * _RIDGE * float(found[:-1] @ found[:-1]), gradient

    found: Values = minimize(loss, np.zeros(vectors.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return found[:-1]


@functools.cache
def shop_words() -> tuple[str, ...]:
    """Single names of garments, colours and details in eight languages, to go with whole queries."""
    names = {
        phrase.split(":")[0].split("/")[0].strip("~!=-")
        for entries in glossary().values()
        for entry in entries
        for phrases in entry.words.values()
        for phrase in phrases
    }
    return tuple(Random(0).sample(sorted(names), _WORDS))


def _spread(parts: Sequence[FirstHits]) -> Values:
    """Weights that sum to 1, the same for each part."""
    return np.concatenate(
        [np.full(len(one.margins), 1 / len(parts) / max(1, len(one.margins))) for one in parts]
    )


def first_hits(tower: TextTower, asked: Asked, background: Vector) -> FirstHits:
    """Of every distinct query, in their order; wrong where nothing of what is asked for is in the gallery."""
    wanted: dict[str, set[str]] = {}
    for pair in asked.pairs:
        wanted.setdefault(pair.query, set()).add(pair.item)
    queries, margins, best = _best(tower, list(wanted), asked.gallery, background)
    found = [asked.gallery.ids[row] for row in best]
    names = asked.alike(set(found).union(*wanted.values()))

    def right(item: str, items: set[str]) -> bool:
        of = names.get(item, frozenset())
        return item in items or any(of & names.get(other, frozenset()) for other in items)

    told = [right(item, items) for item, items in zip(found, wanted.values(), strict=True)]
    return FirstHits(queries, margins, np.array(told, dtype=np.bool_))


def nonsense_hits(
    tower: TextTower, queries: Sequence[str], gallery: Gallery, background: Vector
) -> FirstHits:
    """The first hits of queries that have no right one."""
    vectors, margins, _ = _best(tower, queries, gallery, background)
    return FirstHits(vectors, margins, np.zeros(len(margins), dtype=np.bool_))


def _best(
    tower: TextTower, queries: Sequence[str], gallery: Gallery, background: Vector
) -> tuple[Vectors, Values, NDArray[np.int64]]:
    """The queries' vectors; of the best item of each the margin, and its row."""
    vectors = _encoded(tower, queries)
    margins, rows = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(queries), _TEXTS_AT_ONCE):
        some = vectors[start : start + _TEXTS_AT_ONCE]
        scores = some @ gallery.vectors.T
        margins.append(scores.max(axis=1) - some @ background)
        rows.append(scores.argmax(axis=1))
    return vectors, np.concatenate(margins).astype(np.float64), np.concatenate(rows)


def _encoded(tower: TextTower, texts: Sequence[str]) -> Vectors:
    parts = [np.zeros((0, tower.dim), dtype=np.float32)]
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        parts.append(tower.encode(texts[start : start + _TEXTS_AT_ONCE]))
    return np.concatenate(parts)


@functools.cache
def nonsense(part: str) -> tuple[str, ...]:
    """Queries that a fashion shop has nothing for: `fit` is what curves are fitted to, `test` what they are
    tested on, and no query is in both. A person's choice of what people type into the wrong shop."""
    lines = NONSENSE.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return tuple(query for of, query in rows if of == part)


def without_those_asked(senseless: Sequence[str], queries: set[str]) -> list[str]:
    """Nonsense to one shop is what another sells: left out where every word of it is asked for."""
    words = {word for query in queries for word in query.lower().split()}
    return [query for query in senseless if not words.issuperset(query.lower().split())]


def alike(
    attributes: Mapping[str, Mapping[str, str]], products: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    """Of each item what `Asked.alike` wants: its product and, where both are known, its kind and colour."""
    kinds, colours = (attributes.get(name, {}) for name in ("kind", "colour"))
    return {
        item: frozenset(
            [f"product {product}", f"{kinds[item]}, {colours[item]}"]
            if item in kinds and item in colours
            else [f"product {product}"]
        )
        for item, product in products.items()
    }


def _logistic(margins: Values, positive: NDArray[np.bool_], weights: Values) -> Curve:
    return _plane(margins, np.zeros_like(margins), positive, weights)[0]


def _plane(
    margins: Values, bearings: Values, positive: NDArray[np.bool_], weights: Values
) -> tuple[Curve, float]:
    """The curve and the share of the bearings that are likeliest, by Newton's method, towards Platt's targets
    (1999): where they tell the two apart without fault, it would otherwise grow steeper without end."""
    of_one, of_none = positive.sum(), (~positive).sum()
    targets = np.where(positive, (of_one + 1) / (of_one + 2), 1 / (of_none + 2))
    design = np.stack([margins, bearings, np.ones_like(margins)], axis=1)
    found = np.zeros(3)
    for _ in range(_STEPS):
        told = _sigmoid(design @ found)
        gradient = design.T @ (weights * (told - targets)) + _SMALL * found
        hessian = (design * (weights * told * (1 - told))[:, None]).T @ design + _SMALL * np.eye(3)
        found -= np.linalg.solve(hessian, gradient)
    # Below 0 only by the chance of a few queries: then they tell nothing.
    return Curve(max(float(found[0]), 1e-3), float(found[2])), max(float(found[1]), 0.0)


def _sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    # The tangent's hyperbolic form never overflows.
    return 0.5 * (1 + np.tanh(0.5 * values))


def calibration_error(probabilities: Values, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: over bins of equal width, the mean gap of probability and frequency."""
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = np.bincount(places, probabilities - right, bins)
    return float(np.abs(gaps).sum() / len(probabilities))


def auroc(positive: Values, negative: Values) -> float:
    """The chance that one of the positive values is above one of the negative, a tie counting half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / (2 * len(negative)))
