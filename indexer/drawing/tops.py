"""Tops, from T-shirts to cardigans: a function per kind."""

import math

from indexer.drawing.cut import (
    Cut,
    draw_back,
    draw_body,
    draw_buttons,
    draw_collar,
    draw_hem_seam,
    draw_neck_band,
    draw_rib_hem,
    draw_sleeves,
)
from indexer.drawing.paths import Point, bend, ellipse, flip, moved, smooth
from indexer.drawing.sheet import Sheet, toned


def t_shirt(s: Sheet) -> None:
    cut = Cut(
        dip=s.between(14, 26),
        bottom=s.between(290, 312),
        hem=s.between(68, 76),
        width=s.between(38, 46),
        sharp=s.between(0, 1) < 0.25,
    )
    draw_back(s, cut)
    draw_sleeves(s, cut)
    draw_body(s, cut)
    draw_neck_band(s, cut)
    draw_hem_seam(s, cut)


def long_sleeve(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        width=s.between(22, 27),
        dip=s.between(12, 26),
        chest=64,
        waist=58,
        hem=s.between(60, 66),
        bottom=s.between(292, 310),
    )
    draw_back(s, cut)
    draw_sleeves(s, cut)
    draw_body(s, cut)
    draw_neck_band(s, cut, 4)
    draw_hem_seam(s, cut)


def blouse(s: Sheet) -> None:
    cut = Cut(
        sleeve=s.look.sleeves,
        width=34 if s.look.sleeves == "long" else 46,
        dip=22,
        sharp=True,
        neck=24,
        chest=66,
        waist=s.between(52, 60),
        hem=s.between(78, 90),
        bottom=s.between(280, 298),
    )
    draw_back(s, cut)
    draw_sleeves(s, cut, puff=s.between(16, 24), cuff=14 if cut.sleeve == "long" else 8)
    draw_body(s, cut)
    for x in (-48, -30, 30, 48):
        s.line(bend((x * 0.9, 215), (x, 250), (x * 1.25, cut.bottom - 4)), width=1.2, strength=0.3)
    s.line([(0, cut.top + 22), (0, cut.bottom + 3)], width=1, strength=0.6)
    draw_buttons(s, 0, cut.top + 62, cut.bottom - 20, count=6, radius=2.4)
    _bow(s, (0, cut.top + 20))


def _bow(s: Sheet, at: Point) -> None:
    """A tied bow with hanging ends, the blouse's mark."""
    tone = toned(s.colour, 0.05)
    tail = [(0, 0), (9, 2), (s.between(20, 26), 66), (8, 70)]
    loop = smooth([(0, 0), (14, -16), (34, -17), (40, -2), (32, 13), (14, 8)])
    for path in (tail, flip(tail), loop, flip(loop)):
        s.part(moved(path, *at), tone, soft=4, shadow=0.35)
    s.part(moved(ellipse((0, 0), 8, 9), *at), tone, soft=3, shadow=0.35)
    for side in (1, -1):
        s.line(moved([(side * 8, -1), (side * 26, -4)], *at), width=1, strength=0.5)


def shirt(s: Sheet) -> None:
    cut = Cut(
        sleeve=s.look.sleeves,
        width=27 if s.look.sleeves == "long" else 44,
        dip=18,
        neck=26,
        sharp=True,
        chest=70,
        waist=66,
        hem=s.between(68, 73),
        bottom=s.between(296, 308),
        curved=11,
    )
    draw_back(s, cut)
    draw_sleeves(s, cut, cuff=19 if cut.sleeve == "long" else 0)
    draw_body(s, cut)
    for x in (-7, 7):
        s.line([(x, cut.top + 18), (x, cut.bottom + 13)], width=1, strength=0.6)
    draw_buttons(s, 0, cut.top + 42, cut.bottom - 4, count=6)
    pocket = [(24, 160), (54, 160), (54, 190), (39, 198), (24, 190)]
    s.part(pocket, soft=4, relief=0.5)
    s.line([(24, 167), (54, 167)], width=1, strength=0.6)
    draw_collar(s, cut)


def tank_top(s: Sheet) -> None:
    strap, top = s.between(9, 17), 82
    dip, neck = s.between(48, 62), s.between(30, 38)
    bottom, hem = s.between(282, 304), s.between(60, 72)
    inside = [
        *bend((-neck, top), (0, top + dip * 1.1), (neck, top)),
        *bend((neck, top), (0, top + 2 * dip), (-neck, top)),
    ]
    s.part(inside, toned(s.colour, -0.3), soft=3)
    armpit = (66.0, 162.0)
    right = [
        (neck + strap, top),
        *bend((neck + strap + 1, top + 8), (neck + strap - 2, 152), armpit),
        *bend(armpit, (52, 230), (hem, bottom)),
    ]
    front = bend((-neck, top), (0, top + 2 * dip), (neck, top))
    s.part([*front, *right, *bend((hem, bottom), (0, bottom + 9), (-hem, bottom)), *reversed(flip(right))])
    s.line(moved(front, 0, 5), width=1.2, strength=0.6)
    for path in (right[1:14], flip(right[1:14])):
        s.line([(x * 0.94, y + 1) for x, y in path], width=1.2, strength=0.5)
    s.line(bend((-hem + 1, bottom - 8), (0, bottom), (hem - 1, bottom - 8)), width=1, strength=0.5)


def polo(s: Sheet) -> None:
    cut = Cut(dip=10, neck=27, width=s.between(38, 43), hem=s.between(68, 74), bottom=s.between(290, 306))
    draw_back(s, cut)
    draw_sleeves(s, cut, cuff=9)
    draw_body(s, cut)
    s.part(
        [(-9, cut.top + 8), (9, cut.top + 8), (9, cut.top + 76), (-9, cut.top + 76)],
        toned(s.colour, 0.04),
        soft=3,
    )
    draw_buttons(s, 0, cut.top + 34, cut.top + 66, count=s.shape.choice([2, 3]))
    draw_collar(s, cut, point=30, spread=34)
    draw_hem_seam(s, cut)


def jumper(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        width=s.between(33, 38),
        dip=14,
        neck=29,
        shoulder=72,
        chest=80,
        waist=80,
        hem=s.between(74, 82),
        bottom=s.between(272, 286),
        drop=20,
    )
    draw_back(s, cut)
    s.knit(7.5, 0.1)
    draw_sleeves(s, cut, puff=6, cuff=20)
    draw_body(s, cut)
    if s.look.pattern == "solid":
        _cables(s, cut)
    draw_rib_hem(s, cut)
    if s.between(0, 1) < 0.4:
        roll = [(-27, cut.top + 10), *bend((-24, cut.top - 26), (0, cut.top - 34), (24, cut.top - 26))]
        s.part([*roll, (27, cut.top + 10), (0, cut.top + 20)], toned(s.colour, 0.03), soft=5, shadow=0.35)
    else:
        draw_neck_band(s, cut, 10)


def _cables(s: Sheet, cut: Cut) -> None:
    """Two or three plaits down the front."""
    for x in s.shape.choice([(-34, 34), (-40, 0, 40)]):
        for sign in (1, -1):
            plait = [
                (x + sign * 6 * math.sin((y - 120) / 8), float(y))
                for y in range(int(cut.top + 46), int(cut.bottom), 3)
            ]
            s.line(plait, width=2.2, strength=0.5)


def cardigan(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        width=s.between(29, 34),
        dip=s.between(100, 125),
        sharp=True,
        neck=27,
        shoulder=68,
        chest=74,
        waist=72,
        hem=s.between(70, 77),
        bottom=s.between(286, 302),
    )
    draw_back(s, cut)
    s.knit(6, 0.08)
    draw_sleeves(s, cut, puff=4, cuff=20)
    draw_body(s, cut)
    draw_rib_hem(s, cut)
    low = cut.bottom + 23
    band = [
        (cut.neck - 2, cut.top - 3),
        (cut.neck + 9, cut.top + 2),
        (9, cut.top + cut.dip + 6),
        (9, low),
        (-8, low),
        (-8, cut.top + cut.dip + 6),
        (0, cut.top + cut.dip - 4),
    ]
    back = [
        (-cut.neck + 2, cut.top - 3),
        (-cut.neck - 9, cut.top + 2),
        (-9, cut.top + cut.dip + 6),
        (0, cut.top + cut.dip),
    ]
    s.part(back, toned(s.colour, -0.1), soft=4, shadow=0.3)
    s.part(band, toned(s.colour, -0.1), soft=4, shadow=0.3)
    s.plain()
    draw_buttons(s, 0, cut.top + cut.dip + 14, low - 12, count=5, radius=4.2)
    for x in (-44, 44):
        s.part([(x - 20, 244), (x + 20, 244), (x + 20, 278), (x - 20, 278)], soft=4, relief=0.6)
        s.line([(x - 20, 251), (x + 20, 251)])
