"""The report's plots: numbers → inline SVG, in the colours of the page that shows it, light or dark.

A plot tells nothing by colour alone: every tower has a shape of its own.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHAPES = ("●", "◆", "■", "▲", "▼", "✚")
"""How text writes the shape of each tower's points, in the order of the towers; a seventh has the first's,
and its colour, again."""
_MARKERS = ("o", "D", "s", "^", "v", "P")
_LINES = ("-", "--", "-.", ":", (0, (6, 2)), (0, (3, 1, 1, 1)))

# Drawn in these colours, which nobody gets to see: each becomes a property of the page.
_INK, _SOFT, _LINE, _PAPER = "#0a0001", "#0a0002", "#0a0003", "#0a0004"
_PROPERTIES = {_INK: "--ink", _SOFT: "--soft", _LINE: "--line", _PAPER: "--raised"} | {
    f"#0b000{number}": f"--tower-{number}" for number in range(1, len(SHAPES) + 1)
}
_DRAWN_COLOUR = re.compile("|".join(_PROPERTIES))

_WIDTH = 4.5  # inches of 72 units: legible on a phone, two abreast on a desk
_LONGEST_LABEL = 24
_SHARES = ([0, 0.2, 0.4, 0.6, 0.8, 1], ["0%", "20%", "40%", "60%", "80%", "100%"])
_STYLE = {
    "svg.fonttype": "none",  # text stays text: the reader's own fonts know every script
    "text.parse_math": False,  # a catalogue may write $
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib; only measures
    "font.size": 11,
    "text.color": _INK,
    "axes.labelcolor": _SOFT,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
}


@dataclass(frozen=True)
class Point:
    """A mean and its interval."""

    mean: float
    low: float
    high: float


def intervals(
    title: str, rows: Sequence[str], towers: Sequence[Sequence[Point]], *, faded: Collection[int] = ()
) -> str:
    """From top to bottom a row for each name; in it, from 0 to 1, each tower's point with its whiskers.

    `towers` holds the points of each tower, one per row; `faded` the rows that rest on too little.
    """
    with _figure(0.5 + len(rows) * (0.2 + 0.19 * len(towers))) as (figure, axes):
        for tower, points in enumerate(towers):
            shift = (tower - (len(towers) - 1) / 2) * 0.8 / max(len(towers), 2)
            placed = [(row + shift, point) for row, point in enumerate(points)]
            if faded:
                _draw(axes, tower, [placed[row] for row in faded], alpha=0.4)
            firm = [place for row, place in enumerate(placed) if row not in faded]
            if firm:
                _draw(axes, tower, firm, alpha=1)
            for y, point in firm:
                beside = max(point.high, point.mean + 0.02) + 0.015
                axes.text(beside, y, f"{point.mean:.2f}", va="center", fontsize=9.5, color=_SOFT)
        axes.set_xlim(0, 1)
        axes.set_xticks(_SHARES[0])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
        for row, label in enumerate(axes.get_yticklabels()):
            label.set_color(_SOFT if row in faded else _INK)
        axes.grid(axis="x")
        return _svg(figure, title)


def _draw(axes: Axes, tower: int, points: Sequence[tuple[float, Point]], *, alpha: float) -> None:
    """Points and their whiskers, each at its height; at least one, for what holds none upsets the layout."""
    heights = [y for y, _ in points]
    axes.hlines(
        heights,
        [point.low for _, point in points],
        [point.high for _, point in points],
        colors=_colour(tower),
        linewidth=2,
        alpha=alpha,
        clip_on=False,
    )
    axes.plot(
        [point.mean for _, point in points],
        heights,
        color=_colour(tower),
        linestyle="none",
        marker=_MARKERS[tower % len(_MARKERS)],
        markersize=8,
        markeredgecolor=_PAPER,
        alpha=alpha,
        clip_on=False,
        zorder=3,
    )


def curves(title: str, towers: Sequence[Sequence[float]], *, x: str) -> str:
    """A line per tower through its shares at 1, 2, 3 …"""
    with _figure(3.4) as (figure, axes):
        for tower, shares in enumerate(towers):
            axes.plot(
                range(1, len(shares) + 1),
                shares,
                color=_colour(tower),
                linestyle=_LINES[tower % len(_LINES)],
                linewidth=1.6,
                marker=_MARKERS[tower % len(_MARKERS)],
                markersize=6,
                markeredgecolor=_PAPER,
                clip_on=False,
                zorder=3,
            )
        last = len(towers[0])
        axes.set_xlim(0.5, last + 0.5)
        axes.set_xticks([1, *range(5, last + 1, 5)])
        axes.set_ylim(0, 1)
        axes.set_yticks(*_SHARES)
        axes.set_xlabel(x)
        axes.grid(axis="y")
        return _svg(figure, title)


def growth(title: str, amounts: Sequence[int], points: Sequence[Point], base: float, *, x: str) -> str:
    """The second tower's line through a point with whiskers at each amount, on a scale where twice as much is
    always as far; the first one's is level, whatever the amount."""
    with _figure(3.6) as (figure, axes):
        axes.axhline(base, color=_colour(0), linestyle=_LINES[1], linewidth=1.6)
        axes.vlines(
            amounts,
            [point.low for point in points],
            [point.high for point in points],
            colors=_colour(1),
            linewidth=2,
            alpha=0.6,
        )
        axes.plot(
            amounts,
            [point.mean for point in points],
            color=_colour(1),
            linewidth=1.6,
            marker=_MARKERS[1],
            markersize=7,
            markeredgecolor=_PAPER,
            zorder=3,
        )
        for amount, point in zip(amounts, points, strict=True):
            place = (amount, point.mean)
            axes.annotate(f"{point.mean:.2f}", place, (7, -13), textcoords="offset points", fontsize=9.5)
        axes.set_xscale("log", base=2)
        axes.set_xlim(amounts[0] / 1.25, amounts[-1] * 1.35)
        axes.set_xticks(amounts, [f"{amount:,}" for amount in amounts])
        axes.minorticks_off()
        low, high = min(base, *(point.low for point in points)), max(base, *(point.high for point in points))
        axes.set_ylim(max(0, low - 0.02), min(1, high + 0.02))
        axes.set_xlabel(x)
        axes.grid(axis="y")
        return _svg(figure, title)


def _colour(tower: int) -> str:
    return f"#0b000{tower % len(SHAPES) + 1}"


def _label(text: str) -> str:
    """One line that fits, without the control characters that no SVG may hold."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[: _LONGEST_LABEL - 1]}…"


@contextmanager
def _figure(height: float) -> Iterator[tuple[Figure, Axes]]:
    """Empty axes without a frame, in the report's style for as long as they are drawn and written."""
    import matplotlib  # noqa: PLC0415 - takes a second, and few who import this draw a plot
    from matplotlib.figure import Figure  # noqa: PLC0415

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        # It measures text in its own font; the page will show it in one that has the glyphs.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.subplots()
        for part in (figure.patch, axes.patch, *axes.spines.values()):
            part.set_visible(False)
        axes.tick_params(length=0)
        yield figure, axes


def _svg(figure: Figure, title: str) -> str:
    """The figure as an element of an HTML page, where plots of other titles stand beside it."""
    import matplotlib  # noqa: PLC0415

    file = io.BytesIO()
    # Ids are hashes: the same for the same plot, others for one of another title.
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):  # that style would rule the whole page
                parent.remove(child)
    used = set(re.findall(r"#([^)\s]+)", " ".join(_references(root))))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            name.rpartition("}")[2]: _in_page_colours(value)
            for name, value in element.attrib.items()
            if name != "id" or value in used
        }
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib |= {"width": width, "height": height, "role": "img", "aria-label": title}
    return ElementTree.tostring(root, encoding="unicode")


def _references(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "clip-path" or name.endswith("}href"):
                yield value


def _in_page_colours(value: str) -> str:
    return _DRAWN_COLOUR.sub(lambda found: f"var({_PROPERTIES[found[0]]})", value)
