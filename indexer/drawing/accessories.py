"""Accessories: what is worn or carried besides clothes and shoes."""

from collections.abc import Sequence

from indexer.drawing.paths import Path, Point, bend, both, ellipse, moved, on_circle, smooth
from indexer.drawing.sheet import METAL, RGB, Sheet, luminance, toned


def hat(s: Sheet) -> None:
    wide, dent = s.between(118, 138), s.between(8, 24)
    brim = s.between(30, 42)
    s.part(ellipse((0, 250), wide, brim), soft=9, shadow=0.3)
    s.part(ellipse((0, 244), wide * 0.66, brim * 0.6), toned(s.colour, -0.22), soft=6)
    tall = s.between(124, 146)
    crown = [
        *bend((-78, 246), (-76, 160), (-56, tall)),
        *bend((-56, tall), (-30, tall - 24), (0, tall - 24 + dent)),
        *bend((0, tall - 24 + dent), (30, tall - 24), (56, tall)),
        *bend((56, tall), (76, 160), (78, 246)),
        *bend((78, 246), (0, 276), (-78, 246)),
    ]
    s.part(crown, soft=11, shadow=0.3)
    ribbon = [*bend((-78, 218), (0, 248), (78, 218)), *bend((79, 244), (0, 276), (-79, 244))]
    dark = luminance(s.colour) < 75
    s.part(ribbon, (210, 196, 172) if dark else toned(s.colour, -0.6), soft=5)
    s.line(bend((-10, tall), (-14, 160), (-18, 186)), width=3, strength=0.3)


def cap(s: Sheet) -> None:
    s.part(
        [
            *bend((20, 232), (96, 206), (140, 250)),
            *bend((140, 250), (150, 268), (124, 266)),
            *bend((124, 266), (60, 246), (2, 262)),
        ],
        toned(s.colour, -0.08),
        soft=7,
        shadow=0.3,
    )
    high = s.between(96, 112)
    dome = [
        *bend((-112, 244), (-112, high), (-18, high)),
        *bend((-18, high), (66, high + 2), (80, 226)),
        *bend((80, 226), (30, 250), (-8, 262)),
        *bend((-8, 262), (-70, 268), (-112, 244)),
    ]
    s.part(dome, soft=13, shadow=0.3)
    for x in (-70, 34):
        s.line(
            bend((-18, high), (x * 1.05 - 8, high + 40), (x, 258 if x < 0 else 246)), width=1.5, strength=0.6
        )
    s.stitches(bend((-110, 234), (-70, 258), (-8, 251)), width=1.3)
    s.stitches(bend((-8, 251), (30, 240), (78, 217)), width=1.3)
    s.stitches(bend((30, 250), (90, 228), (130, 257)), width=1.2)
    s.disc((-18, high), 6, toned(s.colour, -0.15))
    for x in (-52, 14):
        s.disc((x, high + 46), 2.6)


def beanie(s: Sheet) -> None:
    top = s.between(108, 122)
    s.knit(8.5, 0.12)
    dome = [
        *bend((-92, 262), (-104, top + 6), (0, top)),
        *bend((0, top), (104, top + 6), (92, 262)),
        *bend((92, 262), (0, 282), (-92, 262)),
    ]
    s.part(dome, soft=14)
    s.rib(9, 0.14)
    cuff = [*bend((-97, 244), (0, 262), (97, 244)), *bend((95, 300), (0, 320), (-95, 300))]
    s.part(cuff, toned(s.colour, -0.06), soft=8, shadow=0.4)
    s.plain()
    if s.between(0, 1) < 0.75:
        bobble = [on_circle((0, top - 22), 15 * i, 35 + (4 if i % 2 else 0)) for i in range(24)]
        s.grain(0.3)
        s.part(bobble, toned(s.colour, 0.16), soft=9, shadow=0.35)
        s.plain()


def bag(s: Sheet) -> None:
    top, wide, low = s.between(168, 186), s.between(90, 104), s.between(312, 326)
    flare = s.between(8, 24)
    reach = s.between(60, 100)
    for lift, tone in ((6, -0.3), (0, -0.12)):
        handle = bend((-46, top + 20 - lift), (-44, top - reach - 26 - lift), (0, top - reach - 26 - lift))
        handle += bend((0, top - reach - 26 - lift), (44, top - reach - 26 - lift), (46, top + 20 - lift))
        s.line(handle, toned(s.ink, tone / 2), 10, 1)
        s.line(handle, toned(s.colour, tone), 7.5, 1)
    s.part(
        both([(0, top - 5), (wide - 4, top - 5), (wide, top + 6), (0, top + 6)]),
        toned(s.colour, -0.45),
        soft=3,
    )
    body = [
        (0, top),
        (wide, top),
        *bend((wide, top), (wide + flare, (top + low) / 2), (wide + flare, low - 16)),
    ]
    body += bend((wide + flare, low - 16), (wide + flare, low), (wide + flare - 20, low))
    s.part(both(body), soft=10)
    style = s.shape.choice(["flap", "zip", "plain"])
    if style == "flap":
        flap = both(
            [(0, top - 3), (wide + 3, top - 3), *bend((wide + 6, top + 40), (wide, top + 74), (0, top + 80))]
        )
        s.part(flap, soft=7, shadow=0.4)
        s.part([(-11, top + 64), (11, top + 64), (11, top + 90), (-11, top + 90)], METAL, soft=3)
    elif style == "zip":
        s.line([(-wide + 18, top + 50), (wide - 18, top + 50)], (90, 86, 80), 5, 0.9)
        s.stitches([(-wide + 18, top + 50), (wide - 18, top + 50)], METAL, 2.4)
    s.stitches(both([(wide - 6, top + 7), (wide + flare - 8, low - 8)])[:2], width=1.4)
    s.stitches([(-wide - flare + 8, low - 8), (wide + flare - 8, low - 8)], width=1.4)
    for side in (1, -1):
        s.part(
            [
                (side * 46 - 8, top - 2),
                (side * 46 + 8, top - 2),
                (side * 46 + 6, top + 26),
                (side * 46 - 6, top + 26),
            ],
            toned(s.colour, -0.18),
            soft=3,
            shadow=0.35,
        )
        s.disc((side * 46, top + 17), 3, METAL)


def backpack(s: Sheet) -> None:
    wide, top, low = s.between(80, 92), 84.0, s.between(336, 350)
    s.line(bend((-24, top + 6), (0, top - 56), (24, top + 6)), s.ink, 11, 1)
    s.line(bend((-24, top + 6), (0, top - 56), (24, top + 6)), toned(s.colour, -0.2), 8, 1)
    for side in (1, -1):
        strap = [
            (side * (wide - 16), 150),
            *bend((side * (wide + 4), 170), (side * (wide + 36), 240), (side * (wide - 4), 330)),
        ]
        s.line(strap, s.ink, 14, 1)
        s.line(strap, toned(s.colour, -0.22), 11, 1)
        pocket = [
            (side * (wide - 6), 236),
            *bend((side * (wide + 2), 236), (side * (wide + 26), 280), (side * (wide - 2), 326)),
        ]
        s.part(pocket, toned(s.colour, -0.1), soft=5)
    body = [
        (0, top),
        *bend((20, top), (wide, top - 2), (wide, top + 74)),
        *bend((wide + 2, low - 40), (wide + 2, low), (wide - 28, low)),
    ]
    s.part(both(body), soft=12)
    arc = [
        *bend((-wide + 8, 206), (-wide + 10, top + 14), (0, top + 16)),
        *bend((0, top + 16), (wide - 10, top + 14), (wide - 8, 206)),
    ]
    s.line(arc, (64, 62, 62), 4, 0.85)
    s.stitches(arc, METAL, 2)
    front = [
        (0, 226),
        (wide - 18, 226),
        *bend((wide - 14, low - 50), (wide - 14, low - 14), (wide - 36, low - 14)),
    ]
    s.part(both(front), soft=8, shadow=0.4)
    s.line([(-wide + 28, 246), (wide - 28, 246)], (64, 62, 62), 4, 0.85)
    s.stitches([(-wide + 28, 246), (wide - 28, 246)], METAL, 2)
    s.part([(wide - 40, 246), (wide - 34, 246), (wide - 33, 266), (wide - 41, 266)], METAL, soft=2)
    s.part(
        both([(0, 176), (22, 176), (22, 198), (0, 198)]),
        (150, 104, 66) if s.look.colour != "brown" else (208, 184, 146),
        soft=3,
    )


def scarf(s: Sheet) -> None:
    s.rib(7, 0.05)
    ends = ((-10.0, s.between(300, 322)), (30.0, s.between(320, 342)))
    s.part(
        [*bend((-70, 96), (0, 40), (70, 96)), *bend((58, 112), (0, 74), (-58, 112))],
        toned(s.colour, -0.25),
        soft=7,
    )
    for (x, low), lean in zip(ends, (s.between(-24, -12), s.between(6, 18)), strict=True):
        tip = x + lean
        for i in range(11):
            fx = tip - 27 + 5.4 * i
            s.line(
                bend((fx, low - 2), (fx + (2 if i % 3 else -2), low + 14), (fx + lean * 0.12, low + 26)),
                toned(s.colour, -0.18 if i % 2 else 0.0),
                3,
                1,
            )
        s.part(
            [
                (x - 26, 120),
                (x + 26, 120),
                *bend((x + 26, 120), (x + 30, 220), (tip + 30, low)),
                *bend((tip - 30, low), (x - 30, 220), (x - 26, 120)),
            ],
            soft=9,
            shadow=0.35,
        )
        s.line(bend((x + 4, 150), (x + 6, 220), (tip + 8, low - 8)), width=2.4, strength=0.25)
    wrap = [
        *bend((-78, 92), (-72, 168), (6, 176)),
        *bend((6, 176), (76, 168), (78, 92)),
        *bend((64, 98), (40, 124), (0, 124)),
        *bend((0, 124), (-40, 124), (-64, 98)),
    ]
    s.part(wrap, soft=10, shadow=0.45, angle=90)
    for lift in (0, 14):
        s.line(
            bend((-70, 112 + lift * 0.6), (0, 162 + lift), (70, 112 + lift * 0.6)), width=2.4, strength=0.35
        )


def _glove(s: Sheet, side: int) -> None:
    def at(path: Sequence[Point]) -> Path:
        return moved([(x * side, y - 215) for x, y in path], side * 70, 205, 0.98, side * 6)

    thumb = smooth([(-34, 250), (-52, 214), (-62, 180), (-54, 164), (-42, 172), (-34, 200), (-20, 226)])
    s.part(at(thumb), soft=7)
    for x, top, lean in ((-27, 104, -7), (-9, 84, -2), (10, 90, 3), (28, 114, 9)):
        finger = [
            (x - 10, 214),
            *bend((x - 10 + lean, top + 14), (x - 9 + lean, top), (x + lean, top)),
            *bend((x + lean, top), (x + 9 + lean, top), (x + 10 + lean, top + 14)),
            (x + 10, 214),
        ]
        s.part(at(finger), soft=5)
    palm = [
        (-37, 196),
        *bend((-37, 196), (0, 186), (39, 196)),
        *bend((41, 240), (38, 270), (32, 296)),
        *bend((-32, 296), (-40, 260), (-37, 196)),
    ]
    s.part(at(palm), soft=10, shadow=0)
    for x in (-18, 0, 18):
        s.line(at([(x * 1.05, 200), (x, 250)]), width=1.4, strength=0.4)
    s.rib(6, 0.12)
    s.part(
        at([(-33, 290), *bend((-33, 290), (0, 298), (33, 290)), *bend((35, 340), (0, 348), (-35, 340))]),
        toned(s.colour, -0.1),
        soft=6,
        shadow=0.3,
    )
    s.plain()


def gloves(s: Sheet) -> None:
    if s.between(0, 1) < 0.5:
        s.knit(5, 0.06)
    for side in (-1, 1):
        _glove(s, side)


def _sock(s: Sheet, dx: float, dy: float, tall: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return moved(path, dx, dy)

    body = [
        (-34, -tall),
        (34, -tall),
        *bend((34, -tall), (28, -10), (34, 20)),
        *bend((34, 20), (48, 44), (88, 54)),
        *bend((88, 54), (118, 62), (112, 88)),
        *bend((112, 88), (108, 104), (60, 104)),
        *bend((60, 104), (-2, 100), (-22, 88)),
        *bend((-22, 88), (-44, 72), (-34, 30)),
        *bend((-34, 30), (-26, -20), (-34, -tall)),
    ]
    s.part(at(body), soft=10)
    deep = toned(s.colour, -0.22) if luminance(s.colour) > 52 else toned(s.colour, 0.16)
    s.part(
        at([*bend((86, 54), (70, 78), (82, 103)), *bend((112, 103), (120, 62), (88, 54))]),
        deep,
        soft=7,
        shadow=0,
    )
    s.part(
        at([*bend((-36, 34), (4, 48), (-6, 95)), *bend((-24, 88), (-46, 70), (-36, 34))]),
        deep,
        soft=7,
        shadow=0,
    )
    s.rib(6, 0.14)
    s.part(
        at(
            [
                *bend((-36, -tall - 24), (0, -tall - 18), (36, -tall - 24)),
                *bend((34, -tall + 8), (0, -tall + 14), (-34, -tall + 8)),
            ]
        ),
        toned(s.colour, -0.08),
        soft=6,
        shadow=0.3,
    )
    s.plain()


def socks(s: Sheet) -> None:
    tall = s.between(60, 130)
    _sock(s, -56, 220, tall)
    _sock(s, 8, 252, tall)


def belt(s: Sheet) -> None:
    wide, height = s.between(112, 122), s.between(34, 44)
    back = [*ellipse((0, 180), wide, 62, 180, 360), *ellipse((0, 180 + height), wide - 2, 62, 360, 180)]
    s.part(back, toned(s.colour, -0.35), soft=6, shadow=0.3)
    front = [*ellipse((0, 180), wide, 62, 180, 0), *ellipse((0, 180 + height), wide, 62, 0, 180)]
    s.part(front, soft=7, shadow=0.3)
    s.stitches(ellipse((0, 186), wide - 3, 61, 172, 8), toned(s.colour, 0.5), 1.4)
    s.stitches(ellipse((0, 174 + height), wide - 3, 62, 8, 172), toned(s.colour, 0.5), 1.4)
    y = 242 + height / 2
    metal: RGB = s.shape.choice([(206, 206, 210), (214, 176, 92)])
    buckle = both(
        [
            (0, y - height / 2 - 9),
            (27, y - height / 2 - 9),
            (31, y - height / 2 - 4),
            (31, y + height / 2 + 4),
            (27, y + height / 2 + 9),
            (0, y + height / 2 + 9),
        ]
    )
    s.part(buckle, metal, soft=4, shadow=0.45)
    s.part(
        both(
            [
                (0, y - height / 2 + 1),
                (21, y - height / 2 + 1),
                (21, y + height / 2 - 1),
                (0, y + height / 2 - 1),
            ]
        ),
        soft=4,
    )
    s.line([(-24, y), (22, y)], toned(metal, -0.15), 5, 1)
    for x in (50, 66, 82):
        s.disc(
            (x, y - 3 - (x / 34) ** 2),
            3,
            toned(s.colour, -0.65) if luminance(s.colour) > 52 else (150, 150, 154),
        )


def tie(s: Sheet) -> None:
    half, low = s.between(24, 33), s.between(322, 340)
    s.part([(-4, 92), (12, 96), (26, low - 34), (16, low - 22), (2, low - 36)], toned(s.colour, -0.3), soft=5)
    loop = [*bend((-52, 62), (0, 24), (52, 62)), (18, 70), *bend((36, 62), (0, 44), (-36, 62)), (-18, 70)]
    s.part(loop, toned(s.colour, -0.25), soft=5)
    for side in (1, -1):
        s.part([(side * 52, 60), (side * 40, 54), (side * 6, 78), (side * 12, 96)], soft=5, angle=side * 35)
    blade = [
        (-13, 106),
        (13, 106),
        *bend((13, 106), (20, 200), (half, low - 30)),
        (0, low),
        *bend((-half, low - 30), (-20, 200), (-13, 106)),
    ]
    s.part(blade, soft=8, angle=-40, shadow=0.35)
    s.part(
        [(-22, 74), *bend((-22, 74), (0, 68), (22, 74)), (14, 108), *bend((14, 108), (0, 114), (-14, 108))],
        soft=6,
        angle=25,
        shadow=0.4,
    )
    s.line(bend((-8, 112), (-2, 126), (2, 150)), width=2.4, strength=0.4)
