"""Paths: the outlines and seams of a drawing, as points."""

import math
from collections.abc import Sequence
from itertools import pairwise

# In a frame whose x = 0 is the middle of the picture and whose y runs from 0 (top) downwards.
Point = tuple[float, float]
Path = list[Point]


def bend(start: Point, pull: Point, end: Point) -> Path:
    """A quadratic Bézier curve, both ends included."""
    steps = 14
    path = []
    for step in range(steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        path.append((a * start[0] + b * pull[0] + c * end[0], a * start[1] + b * pull[1] + c * end[1]))
    return path


def smooth(corners: Sequence[Point]) -> Path:
    """A closed Catmull-Rom curve through all the corners."""
    steps = 8
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


def ellipse(centre: Point, rx: float, ry: float, start: float = 0, end: float = 360) -> Path:
    """An arc in degrees, clockwise from the right; by default the whole ellipse."""
    steps = max(8, int(abs(end - start) / 8))
    angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(centre[0] + rx * math.cos(a), centre[1] + ry * math.sin(a)) for a in angles]


def flip(path: Sequence[Point]) -> Path:
    return [(-x, y) for x, y in path]


def both(right: Sequence[Point]) -> Path:
    """A closed symmetric outline from its right half, given from top to bottom."""
    return [*right, *reversed(flip(right))]


def moved(path: Sequence[Point], dx: float = 0, dy: float = 0, scale: float = 1, angle: float = 0) -> Path:
    """Scaled and turned (degrees, clockwise) about the origin, then shifted."""
    c, s = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
    return [(x * c - y * s + dx, x * s + y * c + dy) for x, y in path]


def on_circle(centre: Point, degrees: float, radius: float) -> Point:
    """The point at an angle, clockwise from the right."""
    angle = math.radians(degrees)
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def dashed(path: Sequence[Point], dash: float, gap: float) -> list[Path]:
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
