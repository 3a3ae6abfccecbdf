"""The drawings of the demo catalogue: a function per kind of garment, on a sheet that shades what it cuts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Point = tuple[float, float]
Path = list[Point]
RGB = tuple[float, float, float]
Plane = NDArray[np.float32]

WIDTH, HEIGHT = 320, 400
# Masks are drawn this much larger and averaged down: smooth edges, while all shading stays at final size.
OVERSAMPLING = 3

COLOURS: dict[str, RGB] = {
    "black": (34, 34, 38),
    "white": (248, 248, 246),
    "grey": (142, 144, 148),
    "red": (208, 26, 34),
    "pink": (248, 146, 188),
    "orange": (246, 124, 18),
    "yellow": (251, 214, 40),
    "green": (40, 154, 70),
    "olive": (112, 114, 46),
    "turquoise": (34, 192, 190),
    "light blue": (154, 204, 242),
    "blue": (32, 90, 206),
    "navy": (26, 36, 84),
    "purple": (124, 52, 162),
    "brown": (116, 70, 40),
    "beige": (224, 202, 166),
}
WHITE: RGB = (250, 249, 245)
METAL: RGB = (196, 188, 168)
_BACKGROUNDS: list[RGB] = [
    (249, 249, 249),
    (246, 242, 237),
    (238, 243, 248),
    (249, 240, 242),
    (240, 246, 239),
    (236, 236, 239),
    (244, 240, 249),
]
# A white garment needs something to stand out from.
_BACKGROUNDS_OF_WHITE: list[RGB] = [(222, 226, 232), (228, 222, 216), (216, 224, 220), (226, 219, 226)]
# What a pattern is printed in: light on most colours, dark on the pale ones.
_PRINTS: dict[str, list[RGB]] = {
    "black": [WHITE, (200, 200, 204)],
    "white": [(60, 64, 76), (52, 66, 112)],
    "grey": [WHITE, (64, 66, 72)],
    "yellow": [WHITE, (120, 92, 20)],
    "beige": [(118, 82, 52), WHITE],
    "light blue": [WHITE, (36, 66, 130)],
    "pink": [WHITE, (176, 44, 104)],
}

# Kinds drawn small in the common frame are brought nearer, wide ones are moved back.
_ZOOM = {
    "T-shirt": 1.18,
    "long-sleeve top": 1.08,
    "shirt": 1.08,
    "blouse": 1.08,
    "short dress": 1.15,
    "short skirt": 1.22,
    "tank top": 1.35,
    "polo shirt": 1.18,
    "shorts": 1.42,
    "boots": 1.12,
    "cap": 0.96,
    "trainers": 0.95,
    "beanie": 1.12,
    "socks": 1.04,
    "backpack": 1.1,
    "tie": 1.1,
    "scarf": 1.08,
    "belt": 1.1,
}


def _tone(colour: RGB, change: float) -> RGB:
    """The colour mixed with white (change > 0) or with black (change < 0)."""
    target = 255.0 if change > 0 else 0.0
    share = abs(change)
    red, green, blue = (channel + (target - channel) * share for channel in colour)
    return red, green, blue


def _luminance(colour: RGB) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


# Paths, in a frame whose x = 0 is the middle and whose y runs from 0 (top) to HEIGHT.


def _bend(start: Point, pull: Point, end: Point, steps: int = 14) -> Path:
    """A quadratic Bézier curve, both ends included."""
    path = []
    for step in range(steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        path.append((a * start[0] + b * pull[0] + c * end[0], a * start[1] + b * pull[1] + c * end[1]))
    return path


def _smooth(corners: Sequence[Point], steps: int = 8) -> Path:
    """A closed Catmull-Rom curve through all the corners."""
    path = []
    count = len(corners)
    for i in range(count):
        p0, p1, p2, p3 = (corners[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            path.append((_spline(p0[0], p1[0], p2[0], p3[0], t), _spline(p0[1], p1[1], p2[1], p3[1], t)))
    return path


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t
    )


def _ellipse(centre: Point, rx: float, ry: float, start: float = 0, end: float = 360) -> Path:
    """An arc in degrees, clockwise from the right; by default the whole ellipse."""
    steps = max(8, int(abs(end - start) / 8))
    angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(centre[0] + rx * math.cos(a), centre[1] + ry * math.sin(a)) for a in angles]


def _flip(path: Sequence[Point]) -> Path:
    return [(-x, y) for x, y in path]


def _both(right: Sequence[Point]) -> Path:
    """A closed symmetric outline from its right half, given from top to bottom."""
    return [*right, *reversed(_flip(right))]


def _moved(path: Sequence[Point], dx: float = 0, dy: float = 0, scale: float = 1, angle: float = 0) -> Path:
    """Scaled and turned (degrees, clockwise) about the origin, then shifted."""
    c, s = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
    return [(x * c - y * s + dx, x * s + y * c + dy) for x, y in path]


@dataclass(frozen=True)
class Look:
    """All that a drawing depends on: `shape` seeds the silhouette, `pose` the rest."""

    kind: str
    colour: str
    pattern: str
    sleeves: str
    length: str
    shape: str
    pose: str


class Sheet:
    """A picture in the making: parts are cut, shaded and laid on top of what is there."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.shape = Random(look.shape)
        self.pose = Random(look.pose)
        shift = self.pose.uniform(-0.05, 0.05)
        self.colour = _tone(COLOURS[look.colour], shift if look.colour != "white" else 0.0)
        self.ink = _tone(self.colour, 0.22) if _luminance(self.colour) < 52 else _tone(self.colour, -0.38)
        self._angle = self.pose.gauss(0, 4.0)
        self._scale = self.pose.uniform(0.93, 1.05) * _ZOOM.get(f"{look.length} {look.kind}".strip(), 1.0)
        self._mirrored = self.pose.random() < 0.5
        self._shift = (self.pose.uniform(-8, 8), self.pose.uniform(-7, 7))
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        self._x: Plane = columns - WIDTH / 2
        self._y: Plane = rows - HEIGHT / 2
        self._light = self._folds()
        self._pixels = self._background()
        self._texture: Plane | None = None
        self._stamps: tuple[Plane, Plane] | None = None
        options = _PRINTS.get(look.colour, [WHITE, _tone(self.colour, 0.68)])
        self.print_colour = self.shape.choice(options)
        self._period = self.shape.uniform(15, 24)

    def between(self, low: float, high: float) -> float:
        """A measure of this design: the same for all its colour variants."""
        return self.shape.uniform(low, high)

    def image(self) -> Image.Image:
        return Image.fromarray(np.clip(self._pixels + 0.5, 0, 255).astype(np.uint8), "RGB")

    def _background(self) -> NDArray[np.float32]:
        tint = self.pose.choice(_BACKGROUNDS_OF_WHITE if self.look.colour == "white" else _BACKGROUNDS)
        glow = 1.012 - 0.05 * ((self._x / WIDTH) ** 2 + (self._y / HEIGHT) ** 2) * 2
        glow -= 0.025 * np.clip((self._y - 110) / 90, 0, 1)
        pixels: NDArray[np.float32] = np.asarray(tint, np.float32) * glow[..., None].astype(np.float32)
        return pixels

    def _folds(self) -> Plane:
        """Light from the upper left, and a few soft folds that fan out downwards."""
        light = 0.05 - 0.00035 * self._y - 0.0002 * self._x
        for _ in range(3):
            centre, wave = self.pose.uniform(-60, 60), self.pose.uniform(26, 60)
            lean, phase = self.pose.uniform(-0.22, 0.22), self.pose.uniform(0, 6.28)
            spread = 1 + (self._y + 200) / 900
            drift = (self._x - centre) / spread + lean * self._y + 6 * np.sin(self._y / 47 + phase)
            light = light + 0.02 * np.sin(drift / wave * 6.28 + phase)
        folds: Plane = light.astype(np.float32)
        return folds

    def _placed(self, path: Sequence[Point]) -> Path:
        """From the drawing's frame to pixels of the picture."""
        side = -1 if self._mirrored else 1
        moved = _moved([(x * side, y - HEIGHT / 2) for x, y in path], *self._shift, self._scale, self._angle)
        return [(x + WIDTH / 2, y + HEIGHT / 2) for x, y in moved]

    def _frame(self, angle: float = 0) -> tuple[Plane, Plane]:
        """Per pixel, the coordinates along and across a direction of the garment."""
        turn = math.radians(self._angle + (-angle if self._mirrored else angle))
        c, s = math.cos(turn), math.sin(turn)
        x, y = self._x - self._shift[0], self._y - self._shift[1]
        along: Plane = ((c * x + s * y) / self._scale).astype(np.float32)
        across: Plane = ((c * y - s * x) / self._scale).astype(np.float32)
        return along, across

    def knit(self, fineness: float = 5.0, depth: float = 0.06) -> None:
        """From here on parts are knitted: columns of small v's."""
        u, v = self._frame()
        wave = np.sin((v + 2.2 * np.abs(np.sin(u * math.pi / fineness))) * 2 * math.pi / fineness)
        self._texture = (depth * wave * (0.6 + 0.4 * np.cos(u * 2 * math.pi / fineness))).astype(np.float32)

    def rib(self, fineness: float = 5.0, depth: float = 0.09, angle: float = 0) -> None:
        """From here on parts are ribbed: fine upright lines."""
        u, _ = self._frame(angle)
        self._texture = (depth * np.sin(u * 2 * math.pi / fineness)).astype(np.float32)

    def grain(self, depth: float = 0.05) -> None:
        """From here on parts have the diagonal speckle of denim or canvas."""
        noise = np.random.Generator(np.random.PCG64(self.pose.getrandbits(32))).random(
            (HEIGHT, WIDTH), dtype=np.float32
        )
        twill = np.sin((self._x + self._y) * 1.9)
        self._texture = (depth * (1.6 * (noise - 0.5) + 0.4 * twill)).astype(np.float32)

    def plain(self) -> None:
        """From here on parts have no texture."""
        self._texture = None

    def part(
        self,
        outline: Sequence[Point],
        colour: RGB | None = None,
        *,
        angle: float = 0,
        soft: float = 7,
        relief: float = 1,
        shadow: float = 0.2,
    ) -> None:
        """Lays a shaded piece down; without a colour it is the garment's own cloth, pattern at that angle."""
        points = self._placed(outline)
        margin = int(2 * soft) + 6
        left = max(0, int(min(x for x, _ in points)) - margin)
        top = max(0, int(min(y for _, y in points)) - margin)
        right = min(WIDTH, int(max(x for x, _ in points)) + margin)
        bottom = min(HEIGHT, int(max(y for _, y in points)) + margin)
        if right <= left or bottom <= top:
            return
        box = (slice(top, bottom), slice(left, right))
        mask, line = _masks(points, left, top, right - left, bottom - top)
        blurred = _plane(mask.filter(ImageFilter.GaussianBlur(soft)))
        self._cast(box, blurred, shadow)
        cloth = np.asarray(colour or self.colour, np.float32)
        if colour is None and self.look.pattern != "solid":
            flat = self._patterned(box, angle)
        else:
            flat = np.broadcast_to(cloth, (bottom - top, right - left, 3)).astype(np.float32)
        light = self._light[box] + relief * _relief(blurred)
        if self._texture is not None:
            light = light + self._texture[box]
        shaded = _lit(flat, light)
        edge = (_plane(line) * 0.42)[..., None]
        shaded += (np.asarray(_outline(colour or self.colour), np.float32) - shaded) * edge
        alpha = _plane(mask)[..., None]
        self._pixels[box] += (shaded - self._pixels[box]) * alpha

    def _cast(self, box: tuple[slice, slice], blurred: Plane, strength: float) -> None:
        """A soft shadow, down and away from the light, on whatever lies below."""
        shade = np.zeros_like(blurred)
        shade[5:, 3:] = blurred[:-5, :-3]
        self._pixels[box] *= (1 - strength * shade)[..., None]

    def line(
        self, path: Sequence[Point], colour: RGB | None = None, width: float = 1.4, strength: float = 0.75
    ) -> None:
        """A seam: a thin line in the garment's ink unless told otherwise."""
        self._stroke([self._placed(path)], colour or self.ink, width, strength)

    def stitches(self, path: Sequence[Point], colour: RGB | None = None, width: float = 1.2) -> None:
        """A dashed seam."""
        self._stroke(_dashes(self._placed(path), 4.2, 2.4), colour or self.ink, width, 0.85)

    def _stroke(self, lines: Sequence[Path], colour: RGB, width: float, strength: float) -> None:
        points = [point for path in lines for point in path]
        left = max(0, int(min(x for x, _ in points) - width - 2))
        top = max(0, int(min(y for _, y in points) - width - 2))
        right = min(WIDTH, int(max(x for x, _ in points) + width + 3))
        bottom = min(HEIGHT, int(max(y for _, y in points) + width + 3))
        if right <= left or bottom <= top:
            return
        big = Image.new("L", ((right - left) * OVERSAMPLING, (bottom - top) * OVERSAMPLING))
        pen = ImageDraw.Draw(big)
        for path in lines:
            pen.line(_enlarged(path, left, top), 255, round(width * OVERSAMPLING), "curve")
        alpha = (_plane(big.reduce(OVERSAMPLING)) * strength)[..., None]
        box = (slice(top, bottom), slice(left, right))
        self._pixels[box] += (np.asarray(colour, np.float32) - self._pixels[box]) * alpha

    def disc(self, centre: Point, radius: float, colour: RGB | None = None) -> None:
        """A button, rivet or eyelet."""
        self.part(_ellipse(centre, radius, radius), colour or self.ink, soft=2, shadow=0.25, relief=0.6)

    def _patterned(self, box: tuple[slice, slice], angle: float) -> NDArray[np.float32]:
        cloth = np.asarray(self.colour, np.float32)
        if self.look.pattern in ("striped", "checked"):
            cover = self._bands(angle)[box][..., None]
            banded: NDArray[np.float32] = cloth + (np.asarray(self.print_colour, np.float32) - cloth) * cover
            return banded
        if self._stamps is None:
            self._stamps = self._dots() if self.look.pattern == "dotted" else self._flowers()
        colours, cover = self._stamps
        stamped: NDArray[np.float32] = cloth + (colours[box] - cloth) * cover[box][..., None]
        return stamped

    def _bands(self, angle: float) -> Plane:
        """How much of the print covers each pixel of striped or checked cloth, 0 to 1."""
        u, v = self._frame(angle)
        period = self._period
        if self.look.pattern == "striped":
            return _band(v, period, period * 0.34)
        across, along = _band(u, period * 1.5, period * 0.5), _band(v, period * 1.5, period * 0.5)
        fine = np.maximum(
            _band(u + period * 0.75, period * 1.5, 1.2), _band(v + period * 0.75, period * 1.5, 1.2)
        )
        checked: Plane = np.maximum(0.42 * (across + along), 0.5 * fine).astype(np.float32)
        return checked

    def _dots(self) -> tuple[Plane, Plane]:
        cover = Image.new("L", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING))
        pen = ImageDraw.Draw(cover)
        step, radius = self._period, self._period * 0.23
        for centre in self._lattice(step):
            pen.ellipse(_square(centre, radius), 255)
        colours = np.broadcast_to(np.asarray(self.print_colour, np.float32), (HEIGHT, WIDTH, 3))
        return colours.astype(np.float32), _plane(cover.reduce(OVERSAMPLING))

    def _flowers(self) -> tuple[Plane, Plane]:
        """Scattered five-petalled flowers with leaves, most of the cloth left free."""
        size = (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING)
        cover, colours = Image.new("L", size), Image.new("RGB", size)
        pens = ImageDraw.Draw(cover), ImageDraw.Draw(colours)
        petals = [self.print_colour, *_petals(self.look.colour)]
        leaf: RGB = (
            (70, 128, 66) if self.look.colour not in ("green", "olive", "turquoise") else (196, 222, 150)
        )
        for x, y in self._lattice(self._period * 1.5):
            centre = (x + self.shape.uniform(-4, 4), y + self.shape.uniform(-4, 4))
            turn, radius = self.shape.uniform(0, 72), self._period * self.shape.uniform(0.17, 0.25)
            blobs = [(_ring(centre, turn + 36 + 130 * k, radius * 2.3), radius * 0.55, leaf) for k in (0, 1)]
            petal = self.shape.choice(petals)
            blobs += [(_ring(centre, turn + 72 * k, radius * 1.05), radius * 0.82, petal) for k in range(5)]
            blobs.append(
                (centre, radius * 0.62, (240, 190, 50) if petal != (250, 200, 60) else (150, 80, 30))
            )
            for at, size_of, colour in blobs:
                pens[0].ellipse(_square(at, size_of), 255)
                pens[1].ellipse(_square(at, size_of + 0.7), tuple(round(channel) for channel in colour))
        return np.asarray(colours.reduce(OVERSAMPLING), np.float32), _plane(cover.reduce(OVERSAMPLING))

    def _lattice(self, step: float) -> Path:
        """Staggered points over the whole picture, tilted as the garment is."""
        reach = int(300 / step) + 1
        points = [
            (((column + 0.5 * (row % 2)) * step), row * step * 0.9 + HEIGHT / 2)
            for row in range(-reach, reach + 1)
            for column in range(-reach, reach + 1)
        ]
        return [
            (x, y) for x, y in self._placed(points) if -step < x < WIDTH + step and -step < y < HEIGHT + step
        ]


def _petals(colour: str) -> list[RGB]:
    """Petal colours that cannot be mistaken for the cloth's."""
    return [(250, 200, 60)] if colour in ("black", "navy", "blue", "purple", "brown") else [(252, 238, 232)]


def _ring(centre: Point, degrees: float, radius: float) -> Point:
    angle = math.radians(degrees)
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def _square(centre: Point, radius: float) -> tuple[float, float, float, float]:
    """The box of a circle, on an oversampled mask."""
    x, y = centre
    k = OVERSAMPLING
    return (x - radius) * k, (y - radius) * k, (x + radius) * k, (y + radius) * k


def _band(position: Plane, period: float, width: float) -> Plane:
    """Smooth-edged bands of a width, one per period."""
    distance = np.abs((position + period / 2) % period - period / 2)
    band: Plane = np.clip(0.5 + width / 2 - distance, 0, 1).astype(np.float32)
    return band


def _plane(image: Image.Image) -> Plane:
    plane: Plane = np.asarray(image, np.float32) / np.float32(255)
    return plane


def _enlarged(path: Sequence[Point], left: int, top: int) -> Path:
    return [((x - left) * OVERSAMPLING, (y - top) * OVERSAMPLING) for x, y in path]


def _masks(
    points: Sequence[Point], left: int, top: int, width: int, height: int
) -> tuple[Image.Image, Image.Image]:
    """The area of an outline and the line around it, both antialiased."""
    area = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING))
    line = Image.new("L", area.size)
    path = _enlarged(points, left, top)
    ImageDraw.Draw(area).polygon(path, 255)
    ImageDraw.Draw(line).line([*path, path[0]], 255, 2 * OVERSAMPLING + 1, "curve")
    return area.reduce(OVERSAMPLING), line.reduce(OVERSAMPLING)


def _relief(blurred: Plane) -> Plane:
    """Light for a cushion-like surface: bright towards the upper left, darker at every edge."""
    relief: Plane = (-0.16 * np.clip(1 - blurred, 0, 0.5)).astype(np.float32)
    relief[1:-1] += 1.1 * (blurred[2:] - blurred[:-2])
    relief[:, 1:-1] += 0.9 * (blurred[:, 2:] - blurred[:, :-2])
    return relief


def _lit(flat: NDArray[np.float32], light: Plane) -> NDArray[np.float32]:
    """Darkens by scaling and brightens towards white, so that black shows folds and white keeps them."""
    dark = np.clip(1 + 1.15 * np.minimum(light, 0), 0, 1)[..., None]
    bright = np.clip(0.8 * np.maximum(light, 0), 0, 1)[..., None]
    shaded: NDArray[np.float32] = (flat * dark).astype(np.float32)
    shaded += (255 - shaded) * bright
    return shaded


def _outline(colour: RGB) -> RGB:
    """The line around a piece: darker than it, a little lighter where it is nearly black."""
    if _luminance(colour) < 52:
        return _tone(colour, 0.1)
    return _tone(colour, -0.5)


def _dashes(path: Sequence[Point], dash: float, gap: float) -> list[Path]:
    """A path cut into dashes."""
    dashes, travelled = [], 0.0
    for (x0, y0), (x1, y1) in pairwise(path):
        length = math.hypot(x1 - x0, y1 - y0)
        start = (-travelled) % (dash + gap)
        travelled += length
        while start < length:
            end = min(length, start + dash)
            dashes.append(
                [
                    (x0 + (x1 - x0) * start / length, y0 + (y1 - y0) * start / length),
                    (x0 + (x1 - x0) * end / length, y0 + (y1 - y0) * end / length),
                ]
            )
            start += dash + gap
    return dashes or [list(path)]


# Tops: one cut, many garments.


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


def _sleeves(s: Sheet, cut: Cut, puff: float = 0, cuff: float = 0) -> None:
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
        *_bend(tip, outer_pull, end),
        *_bend(inner, inner_pull, armpit),
        (cut.chest - 24, cut.top + ARMPIT),
    ]
    for side, path in ((1, outline), (-1, _flip(outline))):
        s.part(path, angle=-lean * side * 1.0)
        if cuff:
            band = [
                (end[0] + 1, end[1]),
                (end[0] + dx * cuff - 2 * dy, end[1] + dy * cuff + 2 * dx),
                (inner[0] + dx * cuff + 2 * dy, inner[1] + dy * cuff - 2 * dx),
                (inner[0] - 1, inner[1]),
            ]
            s.part(band if side == 1 else _flip(band), _tone(s.colour, -0.1), soft=4)
        else:
            k = 1 - 6 / length
            seam = [
                (tip[0] + dx * length * k, tip[1] + dy * length * k),
                (inner[0] - dx * 6, inner[1] - dy * 6),
            ]
            s.line(seam if side == 1 else _flip(seam), width=1, strength=0.5)


def _neckline(cut: Cut) -> Path:
    """The front edge of the neck, left to right."""
    start, end = (-cut.neck, cut.top), (cut.neck, cut.top)
    if cut.sharp:
        return [start, (0, cut.top + cut.dip), end]
    return _bend(start, (0, cut.top + 2 * cut.dip), end)


def _back(s: Sheet, cut: Cut) -> None:
    """The inside of the back, seen through the neck."""
    dark = _tone(s.colour, -0.3) if _luminance(s.colour) > 52 else _tone(s.colour, -0.4)
    neck = _neckline(cut)
    s.part([*neck, *_bend((cut.neck, cut.top), (0, cut.top + 8), (-cut.neck, cut.top))], dark, soft=3)


def _body(s: Sheet, cut: Cut) -> None:
    """The front, with armholes; a sleeveless one is cut in at the shoulder."""
    armpit = (cut.chest, cut.top + ARMPIT)
    tip = (cut.shoulder, cut.top + cut.drop)
    inset = 14 if cut.sleeve == "none" else 5
    middle = (cut.top + cut.bottom) / 2 + 20
    right = [
        *_bend(tip, (min(tip[0], armpit[0]) - inset, armpit[1] - 12), armpit),
        *_bend(armpit, (2 * cut.waist - (cut.chest + cut.hem) / 2, middle), (cut.hem, cut.bottom)),
    ]
    hem = _bend((cut.hem, cut.bottom), (0, cut.bottom + 8 + 2 * cut.curved), (-cut.hem, cut.bottom))
    s.part([*_neckline(cut), *right, *hem, *reversed(_flip(right))])


def _hem_seam(s: Sheet, cut: Cut, up: float = 8) -> None:
    y = cut.bottom - up
    s.line(_bend((-cut.hem + 1, y), (0, y + 8 + 2 * cut.curved), (cut.hem - 1, y)), width=1, strength=0.5)


def _neck_band(s: Sheet, cut: Cut, width: float = 5) -> None:
    """A ribbed edge along the neck."""
    lower = _neckline(Cut(top=cut.top + 1, neck=cut.neck + width, dip=cut.dip + width, sharp=cut.sharp))
    s.part([*_neckline(cut), *reversed(lower)], _tone(s.colour, -0.07), soft=3, shadow=0.15)


def _rib_hem(s: Sheet, cut: Cut, height: float = 20) -> None:
    """A ribbed band under the body."""
    low = cut.bottom + height
    s.rib()
    s.part(
        [
            *_bend((-cut.hem, cut.bottom), (0, cut.bottom + 8), (cut.hem, cut.bottom)),
            *_bend((cut.hem - 6, low), (0, low + 8), (-cut.hem + 6, low)),
        ],
        _tone(s.colour, -0.08),
        soft=5,
    )


def _buttons(s: Sheet, x: float, top: float, bottom: float, *, count: int, radius: float = 3) -> None:
    colour = _tone(s.colour, -0.5) if _luminance(s.colour) > 120 else (226, 222, 212)
    for i in range(count):
        s.disc((x, top + (bottom - top) * i / max(1, count - 1)), radius, colour)


def _collar(s: Sheet, cut: Cut, point: float = 34, spread: float = 30) -> None:
    """A folded collar with two points."""
    tone = _tone(s.colour, 0.06)
    stand = [
        (-cut.neck, cut.top),
        *_bend((-cut.neck + 3, cut.top - 12), (0, cut.top - 18), (cut.neck - 3, cut.top - 12)),
    ]
    s.part([*stand, (cut.neck, cut.top), (0, cut.top + 10)], _tone(s.colour, -0.22), soft=4)
    leaf = [
        (cut.neck - 3, cut.top - 13),
        (cut.neck + 7, cut.top + 3),
        (spread, cut.top + point),
        (1, cut.top + 16),
        *_bend((1, cut.top + 13), (cut.neck - 12, cut.top + 6), (cut.neck - 4, cut.top - 12))[1:],
    ]
    for path in (leaf, _flip(leaf)):
        s.part(path, tone, soft=4, shadow=0.35)


def _t_shirt(s: Sheet) -> None:
    cut = Cut(
        dip=s.between(14, 26),
        bottom=s.between(290, 312),
        hem=s.between(68, 76),
        width=s.between(38, 46),
        sharp=s.between(0, 1) < 0.25,
    )
    _back(s, cut)
    _sleeves(s, cut)
    _body(s, cut)
    _neck_band(s, cut)
    _hem_seam(s, cut)


def _long_sleeve(s: Sheet) -> None:
    cut = Cut(
        sleeve="long",
        width=s.between(22, 27),
        dip=s.between(12, 26),
        chest=64,
        waist=58,
        hem=s.between(60, 66),
        bottom=s.between(292, 310),
    )
    _back(s, cut)
    _sleeves(s, cut)
    _body(s, cut)
    _neck_band(s, cut, 4)
    _hem_seam(s, cut)


def _blouse(s: Sheet) -> None:
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
    _back(s, cut)
    _sleeves(s, cut, puff=s.between(16, 24), cuff=14 if cut.sleeve == "long" else 8)
    _body(s, cut)
    for x in (-48, -30, 30, 48):
        s.line(_bend((x * 0.9, 215), (x, 250), (x * 1.25, cut.bottom - 4)), width=1.2, strength=0.3)
    s.line([(0, cut.top + 22), (0, cut.bottom + 3)], width=1, strength=0.6)
    _buttons(s, 0, cut.top + 62, cut.bottom - 20, count=6, radius=2.4)
    _bow(s, (0, cut.top + 20))


def _bow(s: Sheet, at: Point) -> None:
    """A tied bow with hanging ends, the blouse's mark."""
    tone = _tone(s.colour, 0.05)
    tail = [(0, 0), (9, 2), (s.between(20, 26), 66), (8, 70)]
    loop = _smooth([(0, 0), (14, -16), (34, -17), (40, -2), (32, 13), (14, 8)])
    for path in (tail, _flip(tail), loop, _flip(loop)):
        s.part(_moved(path, *at), tone, soft=4, shadow=0.35)
    s.part(_moved(_ellipse((0, 0), 8, 9), *at), tone, soft=3, shadow=0.35)
    for side in (1, -1):
        s.line(_moved([(side * 8, -1), (side * 26, -4)], *at), width=1, strength=0.5)


def _shirt(s: Sheet) -> None:
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
    _back(s, cut)
    _sleeves(s, cut, cuff=19 if cut.sleeve == "long" else 0)
    _body(s, cut)
    for x in (-7, 7):
        s.line([(x, cut.top + 18), (x, cut.bottom + 13)], width=1, strength=0.6)
    _buttons(s, 0, cut.top + 42, cut.bottom - 4, count=6)
    pocket = [(24, 160), (54, 160), (54, 190), (39, 198), (24, 190)]
    s.part(pocket, soft=4, relief=0.5)
    s.line([(24, 167), (54, 167)], width=1, strength=0.6)
    _collar(s, cut)


def _tank_top(s: Sheet) -> None:
    strap, top = s.between(9, 17), 82
    dip, neck = s.between(48, 62), s.between(30, 38)
    bottom, hem = s.between(282, 304), s.between(60, 72)
    inside = [
        *_bend((-neck, top), (0, top + dip * 1.1), (neck, top)),
        *_bend((neck, top), (0, top + 2 * dip), (-neck, top)),
    ]
    s.part(inside, _tone(s.colour, -0.3), soft=3)
    armpit = (66.0, 162.0)
    right = [
        (neck + strap, top),
        *_bend((neck + strap + 1, top + 8), (neck + strap - 2, 152), armpit),
        *_bend(armpit, (52, 230), (hem, bottom)),
    ]
    front = _bend((-neck, top), (0, top + 2 * dip), (neck, top))
    s.part([*front, *right, *_bend((hem, bottom), (0, bottom + 9), (-hem, bottom)), *reversed(_flip(right))])
    s.line(_moved(front, 0, 5), width=1.2, strength=0.6)
    for path in (right[1:14], _flip(right[1:14])):
        s.line([(x * 0.94, y + 1) for x, y in path], width=1.2, strength=0.5)
    s.line(_bend((-hem + 1, bottom - 8), (0, bottom), (hem - 1, bottom - 8)), width=1, strength=0.5)


def _polo(s: Sheet) -> None:
    cut = Cut(dip=10, neck=27, width=s.between(38, 43), hem=s.between(68, 74), bottom=s.between(290, 306))
    _back(s, cut)
    _sleeves(s, cut, cuff=9)
    _body(s, cut)
    s.part(
        [(-9, cut.top + 8), (9, cut.top + 8), (9, cut.top + 76), (-9, cut.top + 76)],
        _tone(s.colour, 0.04),
        soft=3,
    )
    _buttons(s, 0, cut.top + 34, cut.top + 66, count=s.shape.choice([2, 3]))
    _collar(s, cut, point=30, spread=34)
    _hem_seam(s, cut)


def _jumper(s: Sheet) -> None:
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
    _back(s, cut)
    s.knit(7.5, 0.1)
    _sleeves(s, cut, puff=6, cuff=20)
    _body(s, cut)
    if s.look.pattern == "solid":
        _cables(s, cut)
    _rib_hem(s, cut)
    if s.between(0, 1) < 0.4:
        roll = [(-27, cut.top + 10), *_bend((-24, cut.top - 26), (0, cut.top - 34), (24, cut.top - 26))]
        s.part([*roll, (27, cut.top + 10), (0, cut.top + 20)], _tone(s.colour, 0.03), soft=5, shadow=0.35)
    else:
        _neck_band(s, cut, 10)


def _cables(s: Sheet, cut: Cut) -> None:
    """Two or three plaits down the front."""
    for x in s.shape.choice([(-34, 34), (-40, 0, 40)]):
        for sign in (1, -1):
            plait = [
                (x + sign * 6 * math.sin((y - 120) / 8), float(y))
                for y in range(int(cut.top + 46), int(cut.bottom), 3)
            ]
            s.line(plait, width=2.2, strength=0.5)


def _cardigan(s: Sheet) -> None:
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
    _back(s, cut)
    s.knit(6, 0.08)
    _sleeves(s, cut, puff=4, cuff=20)
    _body(s, cut)
    _rib_hem(s, cut)
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
    s.part(back, _tone(s.colour, -0.1), soft=4, shadow=0.3)
    s.part(band, _tone(s.colour, -0.1), soft=4, shadow=0.3)
    s.plain()
    _buttons(s, 0, cut.top + cut.dip + 14, low - 12, count=5, radius=4.2)
    for x in (-44, 44):
        s.part([(x - 20, 244), (x + 20, 244), (x + 20, 278), (x - 20, 278)], soft=4, relief=0.6)
        s.line([(x - 20, 251), (x + 20, 251)])


def _hoodie(s: Sheet) -> None:
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
    outer = [*_bend((-40, 128), (-62, 36), (0, 34)), *_bend((0, 34), (62, 36), (40, 128))]
    s.part([*outer, (0, 140)], soft=8)
    s.part(
        [*_bend((-30, 112), (-34, 56), (0, 54)), *_bend((0, 54), (34, 56), (30, 112)), (0, 134)],
        _tone(s.colour, -0.42),
        soft=6,
    )
    _sleeves(s, cut, puff=6, cuff=20)
    _body(s, cut)
    _rib_hem(s, cut)
    s.plain()
    lap = [
        (38, 102),
        (46, 112),
        *_bend((44, 124), (20, 146), (0, 152)),
        (0, 132),
        *_bend((6, 130), (28, 122), (32, 104)),
    ]
    for path in (lap, _flip(lap)):
        s.part(path, soft=4, shadow=0.3)
    pocket = _both([(34, 224), (36, 224), (58, 252), (58, 296), (0, 300)])
    s.part(pocket, soft=5, shadow=0.3)
    for side in (1, -1):
        s.line([(side * 38, 228), (side * 54, 252)], width=1.2, strength=0.6)
        cord = _bend((side * 12, 140), (side * 17, 165), (side * 14, s.between(188, 206)))
        s.line(cord, _tone(s.colour, 0.75) if _luminance(s.colour) < 190 else s.ink, 3, 0.95)
    if s.between(0, 1) < 0.35:
        s.line([(0, 152), (0, cut.bottom + 22)], width=3, strength=0.9)


def _jacket(s: Sheet) -> None:
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
    _back(s, cut)
    _sleeves(s, cut, puff=9 if quilted else 5, cuff=18)
    _body(s, cut)
    if quilted:
        for y in range(int(cut.top) + 40, int(cut.bottom) - 4, 27):
            for side in (1, -1):
                quilt = _bend((side * 4, y), (side * 40, y + 9), (side * (cut.chest - 3), y - 2))
                s.line(quilt, width=2.6, strength=0.5)
                s.line(_moved(quilt, 0, 2.5), _tone(s.colour, 0.4), 1.2, 0.4)
    _rib_hem(s, cut)
    s.rib(angle=8)
    collar = [
        (-34, cut.top + 8),
        *_bend((-28, cut.top - 19), (0, cut.top - 25), (28, cut.top - 19)),
        (34, cut.top + 8),
    ]
    s.part([*collar, (3, cut.top + 30), (-3, cut.top + 30)], _tone(s.colour, -0.1), soft=5, shadow=0.3)
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


def _coat(s: Sheet) -> None:
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
    _back(s, cut)
    _sleeves(s, cut, puff=4, cuff=0)
    _body(s, cut)
    s.line([(16, cut.top + 84), (18, cut.bottom + 3)], width=1.6, strength=0.8)
    for x, low in ((-8, 300), (11, 300)) if s.between(0, 1) < 0.6 else ((4, 300),):
        _buttons(s, x - 3, cut.top + 98, low, count=4, radius=4.6)
    for side in (1, -1):
        s.part([(side * 30, 232), (side * 62, 226), (side * 63, 240), (side * 31, 246)], soft=4, shadow=0.35)
    if s.between(0, 1) < 0.5:
        belt = [(-62, 182), (0, 187), (62, 182), (63, 199), (0, 204), (-63, 199)]
        s.part(belt, _tone(s.colour, -0.12), soft=4, shadow=0.35)
        s.part([(-16, 181), (12, 182), (12, 208), (-16, 207)], _tone(s.colour, -0.5), soft=3)
        s.part([(-10, 187), (6, 187), (6, 201), (-10, 201)], _tone(s.colour, -0.12), soft=3)
    lapel = [
        (cut.neck - 2, cut.top - 10),
        (cut.neck + 10, cut.top + 2),
        (48, cut.top + 34),
        (37, cut.top + 39),
        (50, cut.top + 47),
        (4, cut.top + 94),
        (2, cut.top + 74),
    ]
    for path in (_flip(lapel), lapel):
        s.part(path, _tone(s.colour, 0.04), soft=5, shadow=0.4)
    for path in (_flip(lapel), lapel):
        s.line([path[2], path[3], (path[3][0] * 0.42, path[3][1] + 2)], width=1.2)


def _dress(s: Sheet) -> None:
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
    _back(s, cut)
    _sleeves(s, cut, puff=s.shape.choice([0, 10]))
    flare = s.between(84, 108) if long else s.between(88, 112)
    _flared(s, (44, cut.bottom - 2), (flare, bottom), folds=7)
    _body(s, cut)
    belt = [
        (-45, cut.bottom - 7),
        *_bend((-45, cut.bottom - 7), (0, cut.bottom), (45, cut.bottom - 7)),
        (46, cut.bottom + 6),
    ]
    s.part(
        [*belt, *_bend((46, cut.bottom + 6), (0, cut.bottom + 13), (-46, cut.bottom + 6))],
        _tone(s.colour, -0.16),
        soft=4,
    )
    s.line(_moved(_neckline(cut), 0, 4), width=1, strength=0.5)


def _flared(s: Sheet, waist: Point, hem: Point, folds: int) -> None:
    """A skirt that widens from waist to hem, with folds and a waved edge."""
    (top_x, top_y), (low_x, low_y) = waist, hem
    right = _bend(waist, (top_x + (low_x - top_x) * 0.32, top_y + (low_y - top_y) * 0.42), hem)
    edge = [
        (
            low_x * (1 - 2 * i / 40),
            low_y + 9 * math.sin(math.pi * i / 40) + 2.6 * math.sin(folds * math.pi * i / 20),
        )
        for i in range(1, 40)
    ]
    s.part([*right, *edge, *reversed(_flip(right))])
    for i in range(1, folds):
        share = 2 * i / folds - 1
        start = (share * top_x * 0.9, top_y + 12 + 14 * (i % 2))
        fold = _bend(
            start, (share * (top_x + low_x) * 0.36, (top_y + low_y) / 2), (share * low_x * 0.97, low_y + 4)
        )
        s.line(fold, width=2.4, strength=0.26)
        s.line(_moved(fold, 3, 0), _tone(s.colour, 0.5), 2.2, 0.2)


def _skirt(s: Sheet) -> None:
    long = s.look.length == "long"
    top, bottom = (48.0, s.between(345, 362)) if long else (112.0, s.between(262, 286))
    waist = s.between(46, 52)
    flare = s.between(88, 110) if long else s.between(94, 116)
    s.part(_ellipse((0, top + 1), waist - 1, 6), _tone(s.colour, -0.4), soft=3)
    _flared(s, (waist, top + 14), (flare, bottom), folds=s.shape.choice([7, 10, 13]))
    _waistband(s, waist, top, 17)


def _waistband(s: Sheet, half: float, top: float, height: float) -> None:
    upper = _bend((-half, top), (0, top + 8), (half, top))
    lower = _bend((half + 2, top + height), (0, top + height + 8), (-half - 2, top + height))
    s.part([*upper, *lower], _tone(s.colour, -0.1), soft=4, shadow=0.3)


def _legs(s: Sheet, half: float, hip: float, *, top: float, bottom: float, leg: tuple[float, float]) -> None:
    """A pair of legs: `leg` is the hem's inner and outer distance from the middle."""
    crotch = top + 92
    inner, outer = leg
    right = [
        (0, top),
        (half, top),
        *_bend((half, top), (hip + 5, top + 48), (hip, crotch)),
        *_bend((hip, crotch), ((hip + outer) / 2 - 1, (crotch + bottom) / 2), (outer, bottom)),
        (inner, bottom + 4),
        *_bend((inner, bottom + 4), (inner * 0.55 + 2, crotch + 60), (0, crotch)),
    ]
    s.part(_flip(right))
    s.part(right)
    s.line([(0, top), (0, crotch)], width=1.3)


def _trousers(s: Sheet) -> None:
    half, top, bottom = s.between(45, 50), 40, s.between(352, 366)
    wide = s.between(0, 16)
    s.part(_ellipse((0, top + 2), half - 1, 6), _tone(s.colour, -0.4), soft=3)
    leg = (s.between(14, 22), 60 + wide)
    _legs(s, half + 1, 62, top=top + 12, bottom=bottom, leg=leg)
    middle = (leg[0] + leg[1]) / 2
    for side in (1, -1):
        crease = [(side * 30, top + 46), (side * 32, top + 120), (side * middle, bottom)]
        s.line(crease, width=1.4, strength=0.55)
        s.line(_moved(crease, 2), _tone(s.colour, 0.5), 1.4, 0.35)
        s.line([(side * (half - 6), top + 20), (side * 59, top + 62)], width=1.6, strength=0.75)
        s.line([(side * 22, top + 20), (side * 24, top + 44)], width=1.2, strength=0.5)
    _waistband(s, half, top, 14)
    s.part([(-3, top + 8), (13, top + 7), (13, top + 18), (-3, top + 19)], _tone(s.colour, -0.08), soft=3)


def _jeans(s: Sheet) -> None:
    half, top, bottom = s.between(47, 52), 38, s.between(352, 366)
    thread: RGB = (
        (222, 158, 70) if s.look.colour not in ("orange", "yellow", "beige", "brown") else (250, 244, 226)
    )
    s.grain(0.1)
    s.part(_ellipse((0, top + 2), half - 1, 6), _tone(s.colour, -0.4), soft=3)
    inner, outer = s.between(17, 24), s.between(52, 66)
    _legs(s, half + 1, 65, top=top + 13, bottom=bottom, leg=(inner, outer))
    s.plain()
    for side in (1, -1):
        _faded_thigh(s, side * 36, top + 122)
        pocket = _bend((side * 18, top + 17), (side * 22, top + 50), (side * 60, top + 46))
        s.line(pocket, width=1.6)
        s.stitches(_moved(pocket, -2 * side, 3), thread, 1.5)
        s.stitches(
            [(side * (outer - 5), bottom - 4), (side * 59, top + 100), (side * 58, top + 50)], thread, 1.3
        )
        hem = [(side * (inner + 1), bottom - 7), (side * (outer - 1), bottom - 11)]
        s.stitches(hem, thread, 1.5)
    s.stitches(_bend((13, top + 18), (16, top + 72), (0, top + 84)), thread, 1.5)
    s.grain(0.1)
    _waistband(s, half, top, 15)
    s.plain()
    s.stitches(_bend((-half, top + 12), (0, top + 20), (half, top + 12)), thread, 1.4)
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
            _tone(s.colour, 0.5),
            24 - 4 * ring,
            0.055,
        )


def _shorts(s: Sheet) -> None:
    half, top, bottom = s.between(54, 60), 112, s.between(250, 276)
    s.part(_ellipse((0, top + 2), half - 1, 7), _tone(s.colour, -0.4), soft=3)
    _legs(s, half + 1, 74, top=top + 13, bottom=bottom, leg=(10, s.between(80, 90)))
    for side in (1, -1):
        s.line([(side * (half - 10), top + 21), (side * 71, top + 66)], width=1.8)
        s.line([(side * 12, bottom - 6), (side * 82, bottom - 10)], width=1, strength=0.5)
    s.rib(6)
    _waistband(s, half, top, 18)
    s.plain()
    for side in (1, -1):
        cord = _bend((side * 3, top + 16), (side * 16, top + 34), (side * 9, top + 58))
        s.line(cord, _tone(s.colour, 0.8) if _luminance(s.colour) < 190 else s.ink, 2.6, 0.95)


def _leggings(s: Sheet) -> None:
    half, top, bottom = s.between(36, 40), 36, s.between(356, 368)
    s.part(_ellipse((0, top + 2), half - 1, 5), _tone(s.colour, -0.4), soft=3)
    leg = (s.between(14, 18), s.between(31, 34))
    _legs(s, half + 2, 49, top=top + 24, bottom=bottom, leg=leg)
    for side in (1, -1):
        gloss = _bend((side * 30, top + 70), (side * 33, 230), (side * 24, bottom - 10))
        s.line(gloss, _tone(s.colour, 0.6), 7, 0.16)
        s.line(gloss, _tone(s.colour, 0.7), 3, 0.2)
        s.line([(side * 16, bottom - 5), (side * 32, bottom - 7)], width=1, strength=0.5)
    _waistband(s, half, top, 28)


# Shoes and small things. Side views point to the right.


def _pair(s: Sheet, one: Callable[[Sheet, float, float, float], None], far: Point, near: Point) -> None:
    """The same shoe twice, the far one first; each is drawn at a shift and a scale."""
    one(s, *far, 0.94)
    one(s, *near, 1.0)


def _boot(s: Sheet, dx: float, dy: float, scale: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return _moved(path, dx, dy, scale)

    shape = Random(s.look.shape)
    heel, shaft = shape.uniform(8, 26), shape.uniform(-150, -100)
    sole: RGB = (58, 48, 42) if s.look.colour != "black" else (92, 86, 82)
    s.part(at([(-46, 64), (-8, 64), (-12, 78 + heel), (-44, 78 + heel)]), sole, soft=4)
    s.part(
        at(
            [
                (-46, 62),
                (-10, 64),
                *_bend((10, 72), (60, 78 + heel * 0.9), (98, 70 + heel)),
                (98, 78 + heel),
                (28, 79 + heel),
                (-10, 74),
                (-46, 74),
            ]
        ),
        sole,
        soft=3,
    )
    s.part(at(_ellipse((-12, shaft + 2), 35, 9)), _tone(s.colour, -0.45), soft=3)
    low = 70 + heel
    body = [
        *_bend((-47, shaft), (-12, shaft + 16), (23, shaft)),
        *_bend((23, shaft), (20, -40), (22, 0)),
        *_bend((22, 0), (32, 26), (66, 30 + heel * 0.6)),
        *_bend((66, 30 + heel * 0.6), (102, 38 + heel), (99, low)),
        *_bend((99, low), (40, low + 4), (8, 72)),
        (-46, 66),
        *_bend((-46, 66), (-56, 40), (-44, -6)),
        *_bend((-44, -6), (-42, -70), (-47, shaft)),
    ]
    s.part(at(body), soft=9)
    s.line(at(_bend((-47, 34), (-20, 20), (22, 4))), width=1.4, strength=0.6)
    s.line(at(_bend((58, 28 + heel * 0.6), (44, 50 + heel), (52, low))), width=1.4, strength=0.6)
    s.line(at([(-8, shaft + 10), (-8, 20)]), width=1.3, strength=0.5)
    s.line(at(_bend((-22, shaft + 20), (-20, -40), (-24, 20))), _tone(s.colour, 0.7), 7, 0.16)
    s.line(at(_bend((-47, shaft + 12), (-12, shaft + 28), (23, shaft + 12))), width=1.2, strength=0.6)


def _boots(s: Sheet) -> None:
    _pair(s, _boot, (-40, 218), (14, 244))


def _trainer(s: Sheet, dx: float, dy: float, scale: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return _moved(path, dx, dy, scale * 1.12)

    shape = Random(s.look.shape)
    high = shape.choice([0, 0, 26])
    light = s.look.colour != "white"
    rubber: RGB = (246, 245, 240) if light else (206, 208, 212)
    s.part(
        at(
            [
                (-88, 24),
                *_bend((-90, 44), (-88, 54), (-70, 54)),
                *_bend((80, 54), (104, 52), (104, 28)),
                (60, 22),
            ]
        ),
        rubber,
        soft=5,
    )
    upper = [
        *_bend((-82, -38 - high), (-58, -30 - high), (-30, -44 - high)),
        *_bend((-30, -44 - high), (-14, -38), (12, -22)),
        *_bend((12, -22), (60, 2), (86, 8)),
        *_bend((86, 8), (104, 16), (103, 32)),
        *_bend((103, 32), (0, 40), (-88, 32)),
        *_bend((-88, 32), (-94, 0), (-82, -38 - high)),
    ]
    s.part(at(_ellipse((-56, -39 - high), 26, 7)), _tone(s.colour, -0.5), soft=3)
    s.part(at(upper), soft=8)
    s.part(
        at([*_bend((60, 0), (58, 22), (66, 37)), *_bend((103, 32), (106, 14), (86, 8))]),
        _tone(s.colour, -0.14),
        soft=4,
    )
    s.part(at([(-88, 31), (-91, 4), (-84, -22), (-62, -10), (-56, 34)]), _tone(s.colour, -0.14), soft=4)
    stripe = [(-38, 32), (-24, 34), (6, -14), (-6, -20)]
    accent: RGB = (252, 252, 250) if light else (150, 154, 162)
    for i in range(shape.choice([1, 2, 3])):
        s.part(at(_moved(stripe, 17 * i, 2.5 * i)), accent, soft=3, shadow=0.1)
    for i in range(5):
        x, y = -22 + 13 * i, -40 - high * (0.8 - 0.2 * i) + 8 * i
        s.line(at([(x, y - 3), (x + 9, y + 15)]), (252, 252, 250) if light else (176, 180, 188), 4.2, 0.97)
    s.line(at(_bend((-88, 41), (0, 48), (104, 41))), (180, 178, 172), 1.3, 0.8)


def _trainers(s: Sheet) -> None:
    _pair(s, _trainer, (-14, 152), (6, 270))


def _sandal(s: Sheet, dx: float, turn: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return _moved(path, dx, 200, 1.12, turn)

    foot = _smooth(
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
    s.part(at(_moved(foot, 0, 4, 1.05)), (96, 72, 52) if s.look.colour != "brown" else (60, 42, 30), soft=6)
    s.part(
        at(foot),
        (206, 172, 128) if s.look.colour not in ("beige", "orange", "yellow") else (150, 112, 78),
        soft=8,
    )
    straps = [
        [*_bend((-44, -74), (0, -108), (47, -72)), *_bend((47, -34), (0, -66), (-42, -36))],
        [*_bend((-38, -6), (0, -36), (40, -8)), *_bend((37, 26), (0, -4), (-33, 26))],
    ]
    for strap in straps[: 1 + (Random(s.look.shape).random() < 0.75)]:
        s.part(at(strap), soft=6, shadow=0.45)
    s.part(
        at([*_bend((-36, 62), (0, 30), (38, 62)), *_bend((37, 88), (0, 58), (-36, 88))]), soft=5, shadow=0.45
    )
    s.part(at([(18, 52), (34, 58), (32, 82), (16, 74)]), METAL, soft=2)
    s.part(at([(21, 58), (30, 62), (29, 75), (20, 70)]), s.colour, soft=2)


def _sandals(s: Sheet) -> None:
    _sandal(s, -56, -7)
    _sandal(s, 56, 7)


def _pump(s: Sheet, dx: float, dy: float, scale: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return _moved(path, dx, dy, scale * 1.1)

    shape = Random(s.look.shape)
    thick = shape.choice([5.0, 7.0, 16.0])
    s.part(
        at(
            [
                *_bend((-88, 10), (-82, 40), (-76, 84)),
                (-76 + thick, 84),
                *_bend((-76 + thick, 84), (-62, 40), (-40, 20)),
            ]
        ),
        _tone(s.colour, -0.12),
        soft=4,
    )
    inside = [
        *_bend((-89, -31), (-64, -8), (-14, 4)),
        *_bend((-14, 4), (30, 14), (56, 30)),
        (10, 40),
        (-70, 10),
    ]
    s.part(at(inside), _tone(s.colour, -0.45), soft=3)
    body = [
        *_bend((-90, -30), (-84, -12), (-62, -2)),
        *_bend((-62, -2), (-10, 26), (22, 22)),
        *_bend((22, 22), (46, 14), (56, 30)),
        *_bend((56, 30), (98, 60), (112, 80)),
        *_bend((112, 86), (60, 90), (32, 82)),
        *_bend((32, 82), (-8, 68), (-50, 30)),
        *_bend((-50, 30), (-76, 14), (-88, 20)),
        *_bend((-88, 20), (-96, -6), (-90, -30)),
    ]
    s.part(at(body), soft=7)
    s.line(at(_bend((60, 44), (86, 62), (98, 74))), _tone(s.colour, 0.8), 5, 0.3)
    s.line(at(_bend((-88, 22), (-50, 34), (-8, 66))), (60, 46, 40), 2.6, 0.7)
    s.line(at(_bend((30, 84), (70, 90), (112, 86))), (60, 46, 40), 3, 0.7)


def _pumps(s: Sheet) -> None:
    _pair(s, _pump, (-16, 138), (4, 258))


def _hat(s: Sheet) -> None:
    wide, dent = s.between(118, 138), s.between(8, 24)
    brim = s.between(30, 42)
    s.part(_ellipse((0, 250), wide, brim), soft=9, shadow=0.3)
    s.part(_ellipse((0, 244), wide * 0.66, brim * 0.6), _tone(s.colour, -0.22), soft=6)
    tall = s.between(124, 146)
    crown = [
        *_bend((-78, 246), (-76, 160), (-56, tall)),
        *_bend((-56, tall), (-30, tall - 24), (0, tall - 24 + dent)),
        *_bend((0, tall - 24 + dent), (30, tall - 24), (56, tall)),
        *_bend((56, tall), (76, 160), (78, 246)),
        *_bend((78, 246), (0, 276), (-78, 246)),
    ]
    s.part(crown, soft=11, shadow=0.3)
    ribbon = [*_bend((-78, 218), (0, 248), (78, 218)), *_bend((79, 244), (0, 276), (-79, 244))]
    dark = _luminance(s.colour) < 75
    s.part(ribbon, (210, 196, 172) if dark else _tone(s.colour, -0.6), soft=5)
    s.line(_bend((-10, tall), (-14, 160), (-18, 186)), width=3, strength=0.3)


def _cap(s: Sheet) -> None:
    s.part(
        [
            *_bend((20, 232), (96, 206), (140, 250)),
            *_bend((140, 250), (150, 268), (124, 266)),
            *_bend((124, 266), (60, 246), (2, 262)),
        ],
        _tone(s.colour, -0.08),
        soft=7,
        shadow=0.3,
    )
    high = s.between(96, 112)
    dome = [
        *_bend((-112, 244), (-112, high), (-18, high)),
        *_bend((-18, high), (66, high + 2), (80, 226)),
        *_bend((80, 226), (30, 250), (-8, 262)),
        *_bend((-8, 262), (-70, 268), (-112, 244)),
    ]
    s.part(dome, soft=13, shadow=0.3)
    for x in (-70, 34):
        s.line(
            _bend((-18, high), (x * 1.05 - 8, high + 40), (x, 258 if x < 0 else 246)), width=1.5, strength=0.6
        )
    s.stitches(_bend((-110, 234), (-70, 258), (-8, 251)), width=1.3)
    s.stitches(_bend((-8, 251), (30, 240), (78, 217)), width=1.3)
    s.stitches(_bend((30, 250), (90, 228), (130, 257)), width=1.2)
    s.disc((-18, high), 6, _tone(s.colour, -0.15))
    for x in (-52, 14):
        s.disc((x, high + 46), 2.6)


def _beanie(s: Sheet) -> None:
    top = s.between(108, 122)
    s.knit(8.5, 0.12)
    dome = [
        *_bend((-92, 262), (-104, top + 6), (0, top)),
        *_bend((0, top), (104, top + 6), (92, 262)),
        *_bend((92, 262), (0, 282), (-92, 262)),
    ]
    s.part(dome, soft=14)
    s.rib(9, 0.14)
    cuff = [*_bend((-97, 244), (0, 262), (97, 244)), *_bend((95, 300), (0, 320), (-95, 300))]
    s.part(cuff, _tone(s.colour, -0.06), soft=8, shadow=0.4)
    s.plain()
    if s.between(0, 1) < 0.75:
        bobble = [_ring((0, top - 22), 15 * i, 35 + (4 if i % 2 else 0)) for i in range(24)]
        s.grain(0.3)
        s.part(bobble, _tone(s.colour, 0.16), soft=9, shadow=0.35)
        s.plain()


def _bag(s: Sheet) -> None:
    top, wide, low = s.between(168, 186), s.between(90, 104), s.between(312, 326)
    flare = s.between(8, 24)
    reach = s.between(60, 100)
    for lift, tone in ((6, -0.3), (0, -0.12)):
        handle = _bend((-46, top + 20 - lift), (-44, top - reach - 26 - lift), (0, top - reach - 26 - lift))
        handle += _bend((0, top - reach - 26 - lift), (44, top - reach - 26 - lift), (46, top + 20 - lift))
        s.line(handle, _tone(s.ink, tone / 2), 10, 1)
        s.line(handle, _tone(s.colour, tone), 7.5, 1)
    s.part(
        _both([(0, top - 5), (wide - 4, top - 5), (wide, top + 6), (0, top + 6)]),
        _tone(s.colour, -0.45),
        soft=3,
    )
    body = [
        (0, top),
        (wide, top),
        *_bend((wide, top), (wide + flare, (top + low) / 2), (wide + flare, low - 16)),
    ]
    body += _bend((wide + flare, low - 16), (wide + flare, low), (wide + flare - 20, low))
    s.part(_both(body), soft=10)
    style = s.shape.choice(["flap", "zip", "plain"])
    if style == "flap":
        flap = _both(
            [(0, top - 3), (wide + 3, top - 3), *_bend((wide + 6, top + 40), (wide, top + 74), (0, top + 80))]
        )
        s.part(flap, soft=7, shadow=0.4)
        s.part([(-11, top + 64), (11, top + 64), (11, top + 90), (-11, top + 90)], METAL, soft=3)
    elif style == "zip":
        s.line([(-wide + 18, top + 50), (wide - 18, top + 50)], (90, 86, 80), 5, 0.9)
        s.stitches([(-wide + 18, top + 50), (wide - 18, top + 50)], METAL, 2.4)
    s.stitches(_both([(wide - 6, top + 7), (wide + flare - 8, low - 8)])[:2], width=1.4)
    s.stitches([(-wide - flare + 8, low - 8), (wide + flare - 8, low - 8)], width=1.4)
    for side in (1, -1):
        s.part(
            [
                (side * 46 - 8, top - 2),
                (side * 46 + 8, top - 2),
                (side * 46 + 6, top + 26),
                (side * 46 - 6, top + 26),
            ],
            _tone(s.colour, -0.18),
            soft=3,
            shadow=0.35,
        )
        s.disc((side * 46, top + 17), 3, METAL)


def _backpack(s: Sheet) -> None:
    wide, top, low = s.between(80, 92), 84.0, s.between(336, 350)
    s.line(_bend((-24, top + 6), (0, top - 56), (24, top + 6)), s.ink, 11, 1)
    s.line(_bend((-24, top + 6), (0, top - 56), (24, top + 6)), _tone(s.colour, -0.2), 8, 1)
    for side in (1, -1):
        strap = [
            (side * (wide - 16), 150),
            *_bend((side * (wide + 4), 170), (side * (wide + 36), 240), (side * (wide - 4), 330)),
        ]
        s.line(strap, s.ink, 14, 1)
        s.line(strap, _tone(s.colour, -0.22), 11, 1)
        pocket = [
            (side * (wide - 6), 236),
            *_bend((side * (wide + 2), 236), (side * (wide + 26), 280), (side * (wide - 2), 326)),
        ]
        s.part(pocket, _tone(s.colour, -0.1), soft=5)
    body = [
        (0, top),
        *_bend((20, top), (wide, top - 2), (wide, top + 74)),
        *_bend((wide + 2, low - 40), (wide + 2, low), (wide - 28, low)),
    ]
    s.part(_both(body), soft=12)
    arc = [
        *_bend((-wide + 8, 206), (-wide + 10, top + 14), (0, top + 16)),
        *_bend((0, top + 16), (wide - 10, top + 14), (wide - 8, 206)),
    ]
    s.line(arc, (64, 62, 62), 4, 0.85)
    s.stitches(arc, METAL, 2)
    front = [
        (0, 226),
        (wide - 18, 226),
        *_bend((wide - 14, low - 50), (wide - 14, low - 14), (wide - 36, low - 14)),
    ]
    s.part(_both(front), soft=8, shadow=0.4)
    s.line([(-wide + 28, 246), (wide - 28, 246)], (64, 62, 62), 4, 0.85)
    s.stitches([(-wide + 28, 246), (wide - 28, 246)], METAL, 2)
    s.part([(wide - 40, 246), (wide - 34, 246), (wide - 33, 266), (wide - 41, 266)], METAL, soft=2)
    s.part(
        _both([(0, 176), (22, 176), (22, 198), (0, 198)]),
        (150, 104, 66) if s.look.colour != "brown" else (208, 184, 146),
        soft=3,
    )


def _scarf(s: Sheet) -> None:
    s.rib(7, 0.05)
    ends = ((-10.0, s.between(300, 322)), (30.0, s.between(320, 342)))
    s.part(
        [*_bend((-70, 96), (0, 40), (70, 96)), *_bend((58, 112), (0, 74), (-58, 112))],
        _tone(s.colour, -0.25),
        soft=7,
    )
    for (x, low), lean in zip(ends, (s.between(-24, -12), s.between(6, 18)), strict=True):
        tip = x + lean
        for i in range(11):
            fx = tip - 27 + 5.4 * i
            s.line(
                _bend((fx, low - 2), (fx + (2 if i % 3 else -2), low + 14), (fx + lean * 0.12, low + 26)),
                _tone(s.colour, -0.18 if i % 2 else 0.0),
                3,
                1,
            )
        s.part(
            [
                (x - 26, 120),
                (x + 26, 120),
                *_bend((x + 26, 120), (x + 30, 220), (tip + 30, low)),
                *_bend((tip - 30, low), (x - 30, 220), (x - 26, 120)),
            ],
            soft=9,
            shadow=0.35,
        )
        s.line(_bend((x + 4, 150), (x + 6, 220), (tip + 8, low - 8)), width=2.4, strength=0.25)
    wrap = [
        *_bend((-78, 92), (-72, 168), (6, 176)),
        *_bend((6, 176), (76, 168), (78, 92)),
        *_bend((64, 98), (40, 124), (0, 124)),
        *_bend((0, 124), (-40, 124), (-64, 98)),
    ]
    s.part(wrap, soft=10, shadow=0.45, angle=90)
    for lift in (0, 14):
        s.line(
            _bend((-70, 112 + lift * 0.6), (0, 162 + lift), (70, 112 + lift * 0.6)), width=2.4, strength=0.35
        )


def _glove(s: Sheet, side: int) -> None:
    def at(path: Sequence[Point]) -> Path:
        return _moved([(x * side, y - 215) for x, y in path], side * 70, 205, 0.98, side * 6)

    thumb = _smooth([(-34, 250), (-52, 214), (-62, 180), (-54, 164), (-42, 172), (-34, 200), (-20, 226)])
    s.part(at(thumb), soft=7)
    for x, top, lean in ((-27, 104, -7), (-9, 84, -2), (10, 90, 3), (28, 114, 9)):
        finger = [
            (x - 10, 214),
            *_bend((x - 10 + lean, top + 14), (x - 9 + lean, top), (x + lean, top)),
            *_bend((x + lean, top), (x + 9 + lean, top), (x + 10 + lean, top + 14)),
            (x + 10, 214),
        ]
        s.part(at(finger), soft=5)
    palm = [
        (-37, 196),
        *_bend((-37, 196), (0, 186), (39, 196)),
        *_bend((41, 240), (38, 270), (32, 296)),
        *_bend((-32, 296), (-40, 260), (-37, 196)),
    ]
    s.part(at(palm), soft=10, shadow=0)
    for x in (-18, 0, 18):
        s.line(at([(x * 1.05, 200), (x, 250)]), width=1.4, strength=0.4)
    s.rib(6, 0.12)
    s.part(
        at([(-33, 290), *_bend((-33, 290), (0, 298), (33, 290)), *_bend((35, 340), (0, 348), (-35, 340))]),
        _tone(s.colour, -0.1),
        soft=6,
        shadow=0.3,
    )
    s.plain()


def _gloves(s: Sheet) -> None:
    if s.between(0, 1) < 0.5:
        s.knit(5, 0.06)
    for side in (-1, 1):
        _glove(s, side)


def _sock(s: Sheet, dx: float, dy: float, tall: float) -> None:
    def at(path: Sequence[Point]) -> Path:
        return _moved(path, dx, dy)

    body = [
        (-34, -tall),
        (34, -tall),
        *_bend((34, -tall), (28, -10), (34, 20)),
        *_bend((34, 20), (48, 44), (88, 54)),
        *_bend((88, 54), (118, 62), (112, 88)),
        *_bend((112, 88), (108, 104), (60, 104)),
        *_bend((60, 104), (-2, 100), (-22, 88)),
        *_bend((-22, 88), (-44, 72), (-34, 30)),
        *_bend((-34, 30), (-26, -20), (-34, -tall)),
    ]
    s.part(at(body), soft=10)
    deep = _tone(s.colour, -0.22) if _luminance(s.colour) > 52 else _tone(s.colour, 0.16)
    s.part(
        at([*_bend((86, 54), (70, 78), (82, 103)), *_bend((112, 103), (120, 62), (88, 54))]),
        deep,
        soft=7,
        shadow=0,
    )
    s.part(
        at([*_bend((-36, 34), (4, 48), (-6, 95)), *_bend((-24, 88), (-46, 70), (-36, 34))]),
        deep,
        soft=7,
        shadow=0,
    )
    s.rib(6, 0.14)
    s.part(
        at(
            [
                *_bend((-36, -tall - 24), (0, -tall - 18), (36, -tall - 24)),
                *_bend((34, -tall + 8), (0, -tall + 14), (-34, -tall + 8)),
            ]
        ),
        _tone(s.colour, -0.08),
        soft=6,
        shadow=0.3,
    )
    s.plain()


def _socks(s: Sheet) -> None:
    tall = s.between(60, 130)
    _sock(s, -56, 220, tall)
    _sock(s, 8, 252, tall)


def _belt(s: Sheet) -> None:
    wide, height = s.between(112, 122), s.between(34, 44)
    back = [*_ellipse((0, 180), wide, 62, 180, 360), *_ellipse((0, 180 + height), wide - 2, 62, 360, 180)]
    s.part(back, _tone(s.colour, -0.35), soft=6, shadow=0.3)
    front = [*_ellipse((0, 180), wide, 62, 180, 0), *_ellipse((0, 180 + height), wide, 62, 0, 180)]
    s.part(front, soft=7, shadow=0.3)
    s.stitches(_ellipse((0, 186), wide - 3, 61, 172, 8), _tone(s.colour, 0.5), 1.4)
    s.stitches(_ellipse((0, 174 + height), wide - 3, 62, 8, 172), _tone(s.colour, 0.5), 1.4)
    y = 242 + height / 2
    metal: RGB = s.shape.choice([(206, 206, 210), (214, 176, 92)])
    buckle = _both(
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
        _both(
            [
                (0, y - height / 2 + 1),
                (21, y - height / 2 + 1),
                (21, y + height / 2 - 1),
                (0, y + height / 2 - 1),
            ]
        ),
        soft=4,
    )
    s.line([(-24, y), (22, y)], _tone(metal, -0.15), 5, 1)
    for x in (50, 66, 82):
        s.disc(
            (x, y - 3 - (x / 34) ** 2),
            3,
            _tone(s.colour, -0.65) if _luminance(s.colour) > 52 else (150, 150, 154),
        )


def _tie(s: Sheet) -> None:
    half, low = s.between(24, 33), s.between(322, 340)
    s.part([(-4, 92), (12, 96), (26, low - 34), (16, low - 22), (2, low - 36)], _tone(s.colour, -0.3), soft=5)
    loop = [*_bend((-52, 62), (0, 24), (52, 62)), (18, 70), *_bend((36, 62), (0, 44), (-36, 62)), (-18, 70)]
    s.part(loop, _tone(s.colour, -0.25), soft=5)
    for side in (1, -1):
        s.part([(side * 52, 60), (side * 40, 54), (side * 6, 78), (side * 12, 96)], soft=5, angle=side * 35)
    blade = [
        (-13, 106),
        (13, 106),
        *_bend((13, 106), (20, 200), (half, low - 30)),
        (0, low),
        *_bend((-half, low - 30), (-20, 200), (-13, 106)),
    ]
    s.part(blade, soft=8, angle=-40, shadow=0.35)
    s.part(
        [(-22, 74), *_bend((-22, 74), (0, 68), (22, 74)), (14, 108), *_bend((14, 108), (0, 114), (-14, 108))],
        soft=6,
        angle=25,
        shadow=0.4,
    )
    s.line(_bend((-8, 112), (-2, 126), (2, 150)), width=2.4, strength=0.4)


DRAWINGS: dict[str, Callable[[Sheet], None]] = {
    "T-shirt": _t_shirt,
    "long-sleeve top": _long_sleeve,
    "blouse": _blouse,
    "shirt": _shirt,
    "tank top": _tank_top,
    "polo shirt": _polo,
    "jumper": _jumper,
    "cardigan": _cardigan,
    "hoodie": _hoodie,
    "jacket": _jacket,
    "coat": _coat,
    "dress": _dress,
    "skirt": _skirt,
    "trousers": _trousers,
    "jeans": _jeans,
    "shorts": _shorts,
    "leggings": _leggings,
    "boots": _boots,
    "trainers": _trainers,
    "sandals": _sandals,
    "pumps": _pumps,
    "hat": _hat,
    "cap": _cap,
    "beanie": _beanie,
    "bag": _bag,
    "backpack": _backpack,
    "scarf": _scarf,
    "gloves": _gloves,
    "socks": _socks,
    "belt": _belt,
    "tie": _tie,
}


def picture(look: Look) -> Image.Image:
    """The drawing of a look: equal looks give equal pixels."""
    sheet = Sheet(look)
    DRAWINGS[look.kind](sheet)
    return sheet.image()
