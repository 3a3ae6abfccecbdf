"""Dresses and skirts: what flares from the waist."""

import math

from indexer.drawing.bottoms import draw_waistband
from indexer.drawing.cut import Cut, draw_back, draw_body, draw_sleeves, neckline
from indexer.drawing.paths import Point, bend, ellipse, flip, moved
from indexer.drawing.sheet import Sheet, toned


def dress(s: Sheet) -> None:
    long = s.look.length == "long"
    top, bottom = (34.0, s.between(360, 374)) if long else (64.0, s.between(288, 306))
    cut = Cut(
        top=top,
        sleeve=s.look.sleeves,
        width=24 if s.look.sleeves == "long" else 38,
        shoulder=50,
        chest=53,
        waist=46,
        hem=45,
        neck=s.between(26, 33),
        dip=s.between(18, 36),
        sharp=s.between(0, 1) < 0.3,
        bottom=top + 116,
        drop=9,
    )
    draw_back(s, cut)
    draw_sleeves(s, cut, puff=s.shape.choice([0, 10]))
    flare = s.between(84, 108) if long else s.between(88, 112)
    _flared(s, (44, cut.bottom - 2), (flare, bottom), folds=7)
    draw_body(s, cut)
    belt = [
        (-45, cut.bottom - 7),
        *bend((-45, cut.bottom - 7), (0, cut.bottom), (45, cut.bottom - 7)),
        (46, cut.bottom + 6),
    ]
    s.part(
        [*belt, *bend((46, cut.bottom + 6), (0, cut.bottom + 13), (-46, cut.bottom + 6))],
        toned(s.colour, -0.16),
        soft=4,
    )
    s.line(moved(neckline(cut), 0, 4), width=1, strength=0.5)


def _flared(s: Sheet, waist: Point, hem: Point, folds: int) -> None:
    """A skirt that widens from waist to hem, with folds and a waved edge."""
    (top_x, top_y), (low_x, low_y) = waist, hem
    right = bend(waist, (top_x + (low_x - top_x) * 0.32, top_y + (low_y - top_y) * 0.42), hem)
    edge = [
        (
            low_x * (1 - 2 * i / 40),
            low_y + 9 * math.sin(math.pi * i / 40) + 2.6 * math.sin(folds * math.pi * i / 20),
        )
        for i in range(1, 40)
    ]
    s.part([*right, *edge, *reversed(flip(right))])
    for i in range(1, folds):
        share = 2 * i / folds - 1
        start = (share * top_x * 0.9, top_y + 12 + 14 * (i % 2))
        fold = bend(
            start, (share * (top_x + low_x) * 0.36, (top_y + low_y) / 2), (share * low_x * 0.97, low_y + 4)
        )
        s.line(fold, width=2.4, strength=0.26)
        s.line(moved(fold, 3, 0), toned(s.colour, 0.5), 2.2, 0.2)


def skirt(s: Sheet) -> None:
    long = s.look.length == "long"
    top, bottom = (48.0, s.between(345, 362)) if long else (112.0, s.between(262, 286))
    waist = s.between(46, 52)
    flare = s.between(88, 110) if long else s.between(94, 116)
    s.part(ellipse((0, top + 1), waist - 1, 6), toned(s.colour, -0.4), soft=3)
    _flared(s, (waist, top + 14), (flare, bottom), folds=s.shape.choice([7, 10, 13]))
    draw_waistband(s, waist, top, 17)
