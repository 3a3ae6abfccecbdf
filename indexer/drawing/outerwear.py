"""Outerwear: hoodies, jackets and coats, a function per kind."""

from indexer.drawing.cut import Cut, draw_back, draw_body, draw_buttons, draw_rib_hem, draw_sleeves
from indexer.drawing.paths import bend, both, flip, moved
from indexer.drawing.sheet import METAL, Sheet, luminance, toned


def hoodie(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        top=104,
        width=s.between(35, 40),
        dip=26,
        neck=34,
        shoulder=72,
        chest=78,
        waist=78,
        hem=s.between(74, 80),
        bottom=s.between(292, 304),
    )
    outer = [*bend((-40, 128), (-62, 36), (0, 34)), *bend((0, 34), (62, 36), (40, 128))]
    s.part([*outer, (0, 140)], soft=8)
    s.part(
        [*bend((-30, 112), (-34, 56), (0, 54)), *bend((0, 54), (34, 56), (30, 112)), (0, 134)],
        toned(s.colour, -0.42),
        soft=6,
    )
    draw_sleeves(s, cut, puff=6, cuff=20)
    draw_body(s, cut)
    draw_rib_hem(s, cut)
    s.plain()
    lap = [
        (38, 102),
        (46, 112),
        *bend((44, 124), (20, 146), (0, 152)),
        (0, 132),
        *bend((6, 130), (28, 122), (32, 104)),
    ]
    for path in (lap, flip(lap)):
        s.part(path, soft=4, shadow=0.3)
    pocket = both([(34, 224), (36, 224), (58, 252), (58, 296), (0, 300)])
    s.part(pocket, soft=5, shadow=0.3)
    for side in (1, -1):
        s.line([(side * 38, 228), (side * 54, 252)], width=1.2, strength=0.6)
        cord = bend((side * 12, 140), (side * 17, 165), (side * 14, s.between(188, 206)))
        s.line(cord, toned(s.colour, 0.75) if luminance(s.colour) < 190 else s.ink, 3, 0.95)
    if s.between(0, 1) < 0.35:
        s.line([(0, 152), (0, cut.bottom + 22)], width=3, strength=0.9)


def jacket(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        width=s.between(33, 38),
        dip=12,
        neck=30,
        shoulder=72,
        chest=78,
        waist=76,
        hem=s.between(72, 78),
        bottom=s.between(272, 288),
    )
    quilted = s.between(0, 1) < 0.5
    draw_back(s, cut)
    draw_sleeves(s, cut, puff=9 if quilted else 5, cuff=18)
    draw_body(s, cut)
    if quilted:
        for y in range(int(cut.top) + 40, int(cut.bottom) - 4, 27):
            for side in (1, -1):
                quilt = bend((side * 4, y), (side * 40, y + 9), (side * (cut.chest - 3), y - 2))
                s.line(quilt, width=2.6, strength=0.5)
                s.line(moved(quilt, 0, 2.5), toned(s.colour, 0.4), 1.2, 0.4)
    draw_rib_hem(s, cut)
    s.rib(angle=8)
    collar = [
        (-34, cut.top + 8),
        *bend((-28, cut.top - 19), (0, cut.top - 25), (28, cut.top - 19)),
        (34, cut.top + 8),
    ]
    s.part([*collar, (3, cut.top + 30), (-3, cut.top + 30)], toned(s.colour, -0.1), soft=5, shadow=0.3)
    s.plain()
    s.line([(0, cut.top - 20), (0, cut.bottom + 23)], (70, 70, 74), 6.5, 0.9)
    s.stitches([(0, cut.top - 20), (0, cut.bottom + 23)], METAL, 3.4)
    s.part(
        [(-3.5, cut.top - 10), (3.5, cut.top - 10), (2.5, cut.top + 6), (-2.5, cut.top + 6)], METAL, soft=2
    )
    for side in (1, -1):
        slit = [(side * 34, 214), (side * 52, 250)]
        s.line(slit, width=5, strength=0.7)
        s.stitches(slit, METAL, 2)
    if not quilted:
        s.part([(26, 150), (58, 146), (58, 160), (26, 164)], soft=3, relief=0.8, shadow=0.3)


def coat(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        top=46,
        width=s.between(33, 38),
        dip=74,
        neck=22,
        sharp=True,
        shoulder=66,
        chest=68,
        waist=s.between(56, 62),
        hem=s.between(84, 98),
        bottom=s.between(340, 362),
    )
    draw_back(s, cut)
    draw_sleeves(s, cut, puff=4)
    draw_body(s, cut)
    s.line([(16, cut.top + 84), (18, cut.bottom + 3)], width=1.6, strength=0.8)
    for x, low in ((-8, 300), (11, 300)) if s.between(0, 1) < 0.6 else ((4, 300),):
        draw_buttons(s, x - 3, cut.top + 98, low, count=4, radius=4.6)
    for side in (1, -1):
        s.part([(side * 30, 232), (side * 62, 226), (side * 63, 240), (side * 31, 246)], soft=4, shadow=0.35)
    if s.between(0, 1) < 0.5:
        belt = [(-62, 182), (0, 187), (62, 182), (63, 199), (0, 204), (-63, 199)]
        s.part(belt, toned(s.colour, -0.12), soft=4, shadow=0.35)
        s.part([(-16, 181), (12, 182), (12, 208), (-16, 207)], toned(s.colour, -0.5), soft=3)
        s.part([(-10, 187), (6, 187), (6, 201), (-10, 201)], toned(s.colour, -0.12), soft=3)
    lapel = [
        (cut.neck - 2, cut.top - 10),
        (cut.neck + 10, cut.top + 2),
        (48, cut.top + 34),
        (37, cut.top + 39),
        (50, cut.top + 47),
        (4, cut.top + 94),
        (2, cut.top + 74),
    ]
    for path in (flip(lapel), lapel):
        s.part(path, toned(s.colour, 0.04), soft=5, shadow=0.4)
    for path in (flip(lapel), lapel):
        s.line([path[2], path[3], (path[3][0] * 0.42, path[3][1] + 2)], width=1.2)
