"""The sheet: a picture of a garment in the making, which shades what is cut and laid on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from indexer.drawing.paths import Path, Point, dashed, ellipse, moved, on_circle

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


def toned(colour: RGB, change: float) -> RGB:
    """The colour mixed with white (change > 0) or with black (change < 0)."""
    target = 255.0 if change > 0 else 0.0
    share = abs(change)
    red, green, blue = (channel + (target - channel) * share for channel in colour)
    return red, green, blue


def luminance(colour: RGB) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


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
        self.colour = toned(COLOURS[look.colour], shift if look.colour != "white" else 0.0)
        self.ink = toned(self.colour, 0.22) if luminance(self.colour) < 52 else toned(self.colour, -0.38)
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
        options = _PRINTS.get(look.colour, [WHITE, toned(self.colour, 0.68)])
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
        turned = moved([(x * side, y - HEIGHT / 2) for x, y in path], *self._shift, self._scale, self._angle)
        return [(x + WIDTH / 2, y + HEIGHT / 2) for x, y in turned]

    def _frame(self, angle: float = 0) -> tuple[Plane, Plane]:
        """Per pixel, the coordinates along and across a direction of the garment."""
        turn = math.radians(self._angle + (-angle if self._mirrored else angle))
        c, s = math.cos(turn), math.sin(turn)
        x, y = self._x - self._shift[0], self._y - self._shift[1]
        along: Plane = ((c * x + s * y) / self._scale).astype(np.float32)
        across: Plane = ((c * y - s * x) / self._scale).astype(np.float32)
        return along, across

    def knit(self, fineness: float, depth: float) -> None:
        """From here on parts are knitted: columns of small v's."""
        u, v = self._frame()
        wave = np.sin((v + 2.2 * np.abs(np.sin(u * math.pi / fineness))) * 2 * math.pi / fineness)
        self._texture = (depth * wave * (0.6 + 0.4 * np.cos(u * 2 * math.pi / fineness))).astype(np.float32)

    def rib(self, fineness: float = 5.0, depth: float = 0.09, angle: float = 0) -> None:
        """From here on parts are ribbed: fine upright lines."""
        u, _ = self._frame(angle)
        self._texture = (depth * np.sin(u * 2 * math.pi / fineness)).astype(np.float32)

    def grain(self, depth: float) -> None:
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
        self._stroke(dashed(self._placed(path), 4.2, 2.4), colour or self.ink, width, 0.85)

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
        self.part(ellipse(centre, radius, radius), colour or self.ink, soft=2, shadow=0.25, relief=0.6)

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
            blobs = [
                (on_circle(centre, turn + 36 + 130 * k, radius * 2.3), radius * 0.55, leaf) for k in (0, 1)
            ]
            petal = self.shape.choice(petals)
            blobs += [
                (on_circle(centre, turn + 72 * k, radius * 1.05), radius * 0.82, petal) for k in range(5)
            ]
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
    if luminance(colour) < 52:
        return toned(colour, 0.1)
    return toned(colour, -0.5)
