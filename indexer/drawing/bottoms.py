"""Bottoms with two legs, from trousers to leggings, and the waistband they share with skirts."""

from indexer.drawing.paths import bend, ellipse, flip, moved
from indexer.drawing.sheet import RGB, Sheet, luminance, toned


def draw_waistband(s: Sheet, half: float, top: float, height: float) -> None:
    upper = bend((-half, top), (0, top + 8), (half, top))
    lower = bend((half + 2, top + height), (0, top + height + 8), (-half - 2, top + height))
    s.part([*upper, *lower], toned(s.colour, -0.1), soft=4, shadow=0.3)


def _legs(s: Sheet, half: float, hip: float, *, top: float, bottom: float, leg: tuple[float, float]) -> None:
    """A pair of legs: `leg` is the hem's inner and outer distance from the middle."""
    crotch = top + 92
    inner, outer = leg
    right = [
        (0, top),
        (half, top),
        *bend((half, top), (hip + 5, top + 48), (hip, crotch)),
        *bend((hip, crotch), ((hip + outer) / 2 - 1, (crotch + bottom) / 2), (outer, bottom)),
        (inner, bottom + 4),
        *bend((inner, bottom + 4), (inner * 0.55 + 2, crotch + 60), (0, crotch)),
    ]
    s.part(flip(right))
    s.part(right)
    s.line([(0, top), (0, crotch)], width=1.3)


def trousers(s: Sheet) -> None:
    half, top, bottom = s.between(45, 50), 40, s.between(352, 366)
    wide = s.between(0, 16)
    s.part(ellipse((0, top + 2), half - 1, 6), toned(s.colour, -0.4), soft=3)
    leg = (s.between(14, 22), 60 + wide)
    _legs(s, half + 1, 62, top=top + 12, bottom=bottom, leg=leg)
    middle = (leg[0] + leg[1]) / 2
    for side in (1, -1):
        crease = [(side * 30, top + 46), (side * 32, top + 120), (side * middle, bottom)]
        s.line(crease, width=1.4, strength=0.55)
        s.line(moved(crease, 2), toned(s.colour, 0.5), 1.4, 0.35)
        s.line([(side * (half - 6), top + 20), (side * 59, top + 62)], width=1.6, strength=0.75)
        s.line([(side * 22, top + 20), (side * 24, top + 44)], width=1.2, strength=0.5)
    draw_waistband(s, half, top, 14)
    s.part([(-3, top + 8), (13, top + 7), (13, top + 18), (-3, top + 19)], toned(s.colour, -0.08), soft=3)


def jeans(s: Sheet) -> None:
    half, top, bottom = s.between(47, 52), 38, s.between(352, 366)
    thread: RGB = (
        (222, 158, 70) if s.look.colour not in ("orange", "yellow", "beige", "brown") else (250, 244, 226)
    )
    s.grain(0.1)
    s.part(ellipse((0, top + 2), half - 1, 6), toned(s.colour, -0.4), soft=3)
    inner, outer = s.between(17, 24), s.between(52, 66)
    _legs(s, half + 1, 65, top=top + 13, bottom=bottom, leg=(inner, outer))
    s.plain()
    for side in (1, -1):
        _faded_thigh(s, side * 36, top + 122)
        pocket = bend((side * 18, top + 17), (side * 22, top + 50), (side * 60, top + 46))
        s.line(pocket, width=1.6)
        s.stitches(moved(pocket, -2 * side, 3), thread, 1.5)
        s.stitches(
            [(side * (outer - 5), bottom - 4), (side * 59, top + 100), (side * 58, top + 50)], thread, 1.3
        )
        hem = [(side * (inner + 1), bottom - 7), (side * (outer - 1), bottom - 11)]
        s.stitches(hem, thread, 1.5)
    s.stitches(bend((13, top + 18), (16, top + 72), (0, top + 84)), thread, 1.5)
    s.grain(0.1)
    draw_waistband(s, half, top, 15)
    s.plain()
    s.stitches(bend((-half, top + 12), (0, top + 20), (half, top + 12)), thread, 1.4)
    for x in (-38, -20, 20, 38):
        y = top + 7 - abs(x) / 16
        s.part([(x - 3, y - 4), (x + 3, y - 4), (x + 3, y + 16), (x - 3, y + 16)], soft=2, shadow=0.3)
    s.disc((0, top + 12), 5, (200, 150, 84))
    for side in (1, -1):
        s.disc((side * 21, top + 22), 2, (200, 150, 84))


def _faded_thigh(s: Sheet, x: float, y: float) -> None:
    """The worn, lighter front of a leg."""
    for ring in range(6):
        s.line(
            [(x * 1.02, y - 60 + 8 * ring), (x * 1.05, y + 95 - 12 * ring)],
            toned(s.colour, 0.5),
            24 - 4 * ring,
            0.055,
        )


def shorts(s: Sheet) -> None:
    half, top, bottom = s.between(54, 60), 112, s.between(250, 276)
    s.part(ellipse((0, top + 2), half - 1, 7), toned(s.colour, -0.4), soft=3)
    _legs(s, half + 1, 74, top=top + 13, bottom=bottom, leg=(10, s.between(80, 90)))
    for side in (1, -1):
        s.line([(side * (half - 10), top + 21), (side * 71, top + 66)], width=1.8)
        s.line([(side * 12, bottom - 6), (side * 82, bottom - 10)], width=1, strength=0.5)
    s.rib(6)
    draw_waistband(s, half, top, 18)
    s.plain()
    for side in (1, -1):
        cord = bend((side * 3, top + 16), (side * 16, top + 34), (side * 9, top + 58))
        s.line(cord, toned(s.colour, 0.8) if luminance(s.colour) < 190 else s.ink, 2.6, 0.95)


def leggings(s: Sheet) -> None:
    half, top, bottom = s.between(36, 40), 36, s.between(356, 368)
    s.part(ellipse((0, top + 2), half - 1, 5), toned(s.colour, -0.4), soft=3)
    leg = (s.between(14, 18), s.between(31, 34))
    _legs(s, half + 2, 49, top=top + 24, bottom=bottom, leg=leg)
    for side in (1, -1):
        gloss = bend((side * 30, top + 70), (side * 33, 230), (side * 24, bottom - 10))
        s.line(gloss, toned(s.colour, 0.6), 7, 0.16)
        s.line(gloss, toned(s.colour, 0.7), 3, 0.2)
        s.line([(side * 16, bottom - 5), (side * 32, bottom - 7)], width=1, strength=0.5)
    draw_waistband(s, half, top, 28)
