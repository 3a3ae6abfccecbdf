"""Shoes: a pair of each kind; side views point to the right."""

from collections.abc import Callable, Sequence
from random import Random

from indexer.drawing.paths import Path, Point, bend, ellipse, moved, smooth
from indexer.drawing.sheet import METAL, RGB, Sheet, toned


def _pair(s: Sheet, one: Callable[[Sheet, float, float, float], None], far: Point, near: Point) -> None:
    """The same shoe twice, the far one first; each is drawn at a shift and a scale."""
    one(s, *far, 0.94)
    one(s, *near, 1.0)


def _boot(s: Sheet, dx: float, dy: float, scale: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return moved(path, dx, dy, scale)

    shape = Random(s.look.shape)
    heel, shaft = shape.uniform(8, 26), shape.uniform(-150, -100)
    sole: RGB = (58, 48, 42) if s.look.colour != "black" else (92, 86, 82)
    s.part(at([(-46, 64), (-8, 64), (-12, 78 + heel), (-44, 78 + heel)]), sole, soft=4)
    s.part(
        at(
            [
                (-46, 62),
                (-10, 64),
                *bend((10, 72), (60, 78 + heel * 0.9), (98, 70 + heel)),
                (98, 78 + heel),
                (28, 79 + heel),
                (-10, 74),
                (-46, 74),
            ]
        ),
        sole,
        soft=3,
    )
    s.part(at(ellipse((-12, shaft + 2), 35, 9)), toned(s.colour, -0.45), soft=3)
    low = 70 + heel
    body = [
        *bend((-47, shaft), (-12, shaft + 16), (23, shaft)),
        *bend((23, shaft), (20, -40), (22, 0)),
        *bend((22, 0), (32, 26), (66, 30 + heel * 0.6)),
        *bend((66, 30 + heel * 0.6), (102, 38 + heel), (99, low)),
        *bend((99, low), (40, low + 4), (8, 72)),
        (-46, 66),
        *bend((-46, 66), (-56, 40), (-44, -6)),
        *bend((-44, -6), (-42, -70), (-47, shaft)),
    ]
    s.part(at(body), soft=9)
    s.line(at(bend((-47, 34), (-20, 20), (22, 4))), width=1.4, strength=0.6)
    s.line(at(bend((58, 28 + heel * 0.6), (44, 50 + heel), (52, low))), width=1.4, strength=0.6)
    s.line(at([(-8, shaft + 10), (-8, 20)]), width=1.3, strength=0.5)
    s.line(at(bend((-22, shaft + 20), (-20, -40), (-24, 20))), toned(s.colour, 0.7), 7, 0.16)
    s.line(at(bend((-47, shaft + 12), (-12, shaft + 28), (23, shaft + 12))), width=1.2, strength=0.6)


def boots(s: Sheet) -> None:
    _pair(s, _boot, (-40, 218), (14, 244))


def _trainer(s: Sheet, dx: float, dy: float, scale: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return moved(path, dx, dy, scale * 1.12)

    shape = Random(s.look.shape)
    high = shape.choice([0, 0, 26])
    light = s.look.colour != "white"
    rubber: RGB = (246, 245, 240) if light else (206, 208, 212)
    s.part(
        at(
            [
                (-88, 24),
                *bend((-90, 44), (-88, 54), (-70, 54)),
                *bend((80, 54), (104, 52), (104, 28)),
                (60, 22),
            ]
        ),
        rubber,
        soft=5,
    )
    upper = [
        *bend((-82, -38 - high), (-58, -30 - high), (-30, -44 - high)),
        *bend((-30, -44 - high), (-14, -38), (12, -22)),
        *bend((12, -22), (60, 2), (86, 8)),
        *bend((86, 8), (104, 16), (103, 32)),
        *bend((103, 32), (0, 40), (-88, 32)),
        *bend((-88, 32), (-94, 0), (-82, -38 - high)),
    ]
    s.part(at(ellipse((-56, -39 - high), 26, 7)), toned(s.colour, -0.5), soft=3)
    s.part(at(upper), soft=8)
    s.part(
        at([*bend((60, 0), (58, 22), (66, 37)), *bend((103, 32), (106, 14), (86, 8))]),
        toned(s.colour, -0.14),
        soft=4,
    )
    s.part(at([(-88, 31), (-91, 4), (-84, -22), (-62, -10), (-56, 34)]), toned(s.colour, -0.14), soft=4)
    stripe = [(-38, 32), (-24, 34), (6, -14), (-6, -20)]
    accent: RGB = (252, 252, 250) if light else (150, 154, 162)
    for i in range(shape.choice([1, 2, 3])):
        s.part(at(moved(stripe, 17 * i, 2.5 * i)), accent, soft=3, shadow=0.1)
    for i in range(5):
        x, y = -22 + 13 * i, -40 - high * (0.8 - 0.2 * i) + 8 * i
        s.line(at([(x, y - 3), (x + 9, y + 15)]), (252, 252, 250) if light else (176, 180, 188), 4.2, 0.97)
    s.line(at(bend((-88, 41), (0, 48), (104, 41))), (180, 178, 172), 1.3, 0.8)


def trainers(s: Sheet) -> None:
    _pair(s, _trainer, (-14, 152), (6, 270))


def _sandal(s: Sheet, dx: float, turn: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return moved(path, dx, 200, 1.12, turn)

    foot = smooth(
        [
            (-8, -118),
            (22, -112),
            (40, -78),
            (38, -30),
            (27, 30),
            (30, 84),
            (16, 116),
            (-6, 120),
            (-26, 106),
            (-30, 70),
            (-26, 10),
            (-36, -40),
            (-36, -86),
        ]
    )
    s.part(at(moved(foot, 0, 4, 1.05)), (96, 72, 52) if s.look.colour != "brown" else (60, 42, 30), soft=6)
    s.part(
        at(foot),
        (206, 172, 128) if s.look.colour not in ("beige", "orange", "yellow") else (150, 112, 78),
        soft=8,
    )
    straps = [
        [*bend((-44, -74), (0, -108), (47, -72)), *bend((47, -34), (0, -66), (-42, -36))],
        [*bend((-38, -6), (0, -36), (40, -8)), *bend((37, 26), (0, -4), (-33, 26))],
    ]
    for strap in straps[: 1 + (Random(s.look.shape).random() < 0.75)]:
        s.part(at(strap), soft=6, shadow=0.45)
    s.part(
        at([*bend((-36, 62), (0, 30), (38, 62)), *bend((37, 88), (0, 58), (-36, 88))]), soft=5, shadow=0.45
    )
    s.part(at([(18, 52), (34, 58), (32, 82), (16, 74)]), METAL, soft=2)
    s.part(at([(21, 58), (30, 62), (29, 75), (20, 70)]), s.colour, soft=2)


def sandals(s: Sheet) -> None:
    _sandal(s, -56, -7)
    _sandal(s, 56, 7)


def _pump(s: Sheet, dx: float, dy: float, scale: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return moved(path, dx, dy, scale * 1.1)

    shape = Random(s.look.shape)
    thick = shape.choice([5.0, 7.0, 16.0])
    s.part(
        at(
            [
                *bend((-88, 10), (-82, 40), (-76, 84)),
                (-76 + thick, 84),
                *bend((-76 + thick, 84), (-62, 40), (-40, 20)),
            ]
        ),
        toned(s.colour, -0.12),
        soft=4,
    )
    inside = [
        *bend((-89, -31), (-64, -8), (-14, 4)),
        *bend((-14, 4), (30, 14), (56, 30)),
        (10, 40),
        (-70, 10),
    ]
    s.part(at(inside), toned(s.colour, -0.45), soft=3)
    body = [
        *bend((-90, -30), (-84, -12), (-62, -2)),
        *bend((-62, -2), (-10, 26), (22, 22)),
        *bend((22, 22), (46, 14), (56, 30)),
        *bend((56, 30), (98, 60), (112, 80)),
        *bend((112, 86), (60, 90), (32, 82)),
        *bend((32, 82), (-8, 68), (-50, 30)),
        *bend((-50, 30), (-76, 14), (-88, 20)),
        *bend((-88, 20), (-96, -6), (-90, -30)),
    ]
    s.part(at(body), soft=7)
    s.line(at(bend((60, 44), (86, 62), (98, 74))), toned(s.colour, 0.8), 5, 0.3)
    s.line(at(bend((-88, 22), (-50, 34), (-8, 66))), (60, 46, 40), 2.6, 0.7)
    s.line(at(bend((30, 84), (70, 90), (112, 86))), (60, 46, 40), 3, 0.7)


def pumps(s: Sheet) -> None:
    _pair(s, _pump, (-16, 138), (4, 258))
