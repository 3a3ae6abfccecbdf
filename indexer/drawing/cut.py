"""The cut of an upper garment: its measures, and the pieces that every one is sewn from."""

import math
from dataclasses import dataclass

from indexer.drawing.paths import Path, bend, flip
from indexer.drawing.sheet import Sheet, luminance, toned


@dataclass(frozen=True)
class Cut:
    """The measures of an upper garment, from the middle outwards and from the top down."""

    top: float = 84
    shoulder: float = 66
    chest: float = 70
    waist: float = 66
    hem: float = 70
    bottom: float = 300
    neck: float = 30
    dip: float = 20
    sharp: bool = False  # a V instead of a round neck
    drop: float = 16  # how far the shoulder lies below the neck
    sleeve: str = "short"
    width: float = 40  # of the sleeve's end
    curved: float = 0  # how far the hem hangs down in the middle


ARMPIT = 62.0


def draw_sleeves(s: Sheet, cut: Cut, puff: float = 0, cuff: float = 0) -> None:
    """Both sleeves, to be laid down before the body; `cuff` is the length of a ribbed or buttoned end."""
    if cut.sleeve == "none":
        return
    length, lean = {"short": (74.0, s.between(30, 40)), "long": (198.0, s.between(13, 20))}[cut.sleeve]
    tip = (cut.shoulder, cut.top + cut.drop)
    dx, dy = math.sin(math.radians(lean)), math.cos(math.radians(lean))
    end = (tip[0] + dx * length, tip[1] + dy * length)
    inner = (end[0] - dy * cut.width, end[1] + dx * cut.width)
    armpit = (cut.chest - 2, cut.top + ARMPIT + 6)
    bulge = 7 + puff
    outer_pull = (tip[0] + dx * length * 0.4 + dy * bulge, tip[1] + dy * length * 0.35 - dx * bulge)
    inner_pull = ((armpit[0] + inner[0]) / 2 - puff * 0.3, (armpit[1] + inner[1]) / 2 + 4)
    outline = [
        (cut.neck, cut.top),
        *bend(tip, outer_pull, end),
        *bend(inner, inner_pull, armpit),
        (cut.chest - 24, cut.top + ARMPIT),
    ]
    for side, path in ((1, outline), (-1, flip(outline))):
        s.part(path, angle=-lean * side)
        if cuff:
            band = [
                (end[0] + 1, end[1]),
                (end[0] + dx * cuff - 2 * dy, end[1] + dy * cuff + 2 * dx),
                (inner[0] + dx * cuff + 2 * dy, inner[1] + dy * cuff - 2 * dx),
                (inner[0] - 1, inner[1]),
            ]
            s.part(band if side == 1 else flip(band), toned(s.colour, -0.1), soft=4)
        else:
            k = 1 - 6 / length
            seam = [
                (tip[0] + dx * length * k, tip[1] + dy * length * k),
                (inner[0] - dx * 6, inner[1] - dy * 6),
            ]
            s.line(seam if side == 1 else flip(seam), width=1, strength=0.5)


def neckline(cut: Cut) -> Path:
    """The front edge of the neck, left to right."""
    start, end = (-cut.neck, cut.top), (cut.neck, cut.top)
    if cut.sharp:
        return [start, (0, cut.top + cut.dip), end]
    return bend(start, (0, cut.top + 2 * cut.dip), end)


def draw_back(s: Sheet, cut: Cut) -> None:
    """The inside of the back, seen through the neck."""
    dark = toned(s.colour, -0.3) if luminance(s.colour) > 52 else toned(s.colour, -0.4)
    neck = neckline(cut)
    s.part([*neck, *bend((cut.neck, cut.top), (0, cut.top + 8), (-cut.neck, cut.top))], dark, soft=3)


def draw_body(s: Sheet, cut: Cut) -> None:
    """The front, with armholes; a sleeveless one is cut in at the shoulder."""
    armpit = (cut.chest, cut.top + ARMPIT)
    tip = (cut.shoulder, cut.top + cut.drop)
    inset = 14 if cut.sleeve == "none" else 5
    middle = (cut.top + cut.bottom) / 2 + 20
    right = [
        *bend(tip, (min(tip[0], armpit[0]) - inset, armpit[1] - 12), armpit),
        *bend(armpit, (2 * cut.waist - (cut.chest + cut.hem) / 2, middle), (cut.hem, cut.bottom)),
    ]
    hem = bend((cut.hem, cut.bottom), (0, cut.bottom + 8 + 2 * cut.curved), (-cut.hem, cut.bottom))
    s.part([*neckline(cut), *right, *hem, *reversed(flip(right))])


def draw_hem_seam(s: Sheet, cut: Cut) -> None:
    y = cut.bottom - 8
    s.line(bend((-cut.hem + 1, y), (0, y + 8 + 2 * cut.curved), (cut.hem - 1, y)), width=1, strength=0.5)


def draw_neck_band(s: Sheet, cut: Cut, width: float = 5) -> None:
    """A ribbed edge along the neck."""
    lower = neckline(Cut(top=cut.top + 1, neck=cut.neck + width, dip=cut.dip + width, sharp=cut.sharp))
    s.part([*neckline(cut), *reversed(lower)], toned(s.colour, -0.07), soft=3, shadow=0.15)


def draw_rib_hem(s: Sheet, cut: Cut) -> None:
    """A ribbed band under the body."""
    low = cut.bottom + 20
    s.rib()
    s.part(
        [
            *bend((-cut.hem, cut.bottom), (0, cut.bottom + 8), (cut.hem, cut.bottom)),
            *bend((cut.hem - 6, low), (0, low + 8), (-cut.hem + 6, low)),
        ],
        toned(s.colour, -0.08),
        soft=5,
    )


def draw_buttons(s: Sheet, x: float, top: float, bottom: float, *, count: int, radius: float = 3) -> None:
    colour = toned(s.colour, -0.5) if luminance(s.colour) > 120 else (226, 222, 212)
    for i in range(count):
        s.disc((x, top + (bottom - top) * i / max(1, count - 1)), radius, colour)


def draw_collar(s: Sheet, cut: Cut, point: float = 34, spread: float = 30) -> None:
    """A folded collar with two points."""
    tone = toned(s.colour, 0.06)
    stand = [
        (-cut.neck, cut.top),
        *bend((-cut.neck + 3, cut.top - 12), (0, cut.top - 18), (cut.neck - 3, cut.top - 12)),
    ]
    s.part([*stand, (cut.neck, cut.top), (0, cut.top + 10)], toned(s.colour, -0.22), soft=4)
    leaf = [
        (cut.neck - 3, cut.top - 13),
        (cut.neck + 7, cut.top + 3),
        (spread, cut.top + point),
        (1, cut.top + 16),
        *bend((1, cut.top + 13), (cut.neck - 12, cut.top + 6), (cut.neck - 4, cut.top - 12))[1:],
    ]
    for path in (leaf, flip(leaf)):
        s.part(path, tone, soft=4, shadow=0.35)
