"""Bytes → a safe RGB picture, or the reason why not: what an image tower eats."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_BYTES = 10_000_000
MAX_PIXELS = 40_000_000

_WHITE = (255, 255, 255, 255)


class PictureError(ValueError):
    """The bytes are not a picture that we take; the message is the reason, fit for a quarantine line."""


def open_picture(data: bytes, *, at_least: int | None = None) -> Image.Image:
    """The picture in `data`, upright (EXIF), on white where it is transparent, in RGB.

    Only the first frame of an animation is read. With `at_least`, a JPEG may be decoded at a half, a
    quarter or an eighth of its size as long as both sides keep twice that many pixels: several times
    faster, and the same picture once it is resized to `at_least`.

    Raises PictureError for bytes that are empty, more than MAX_BYTES, of another format than FORMATS,
    more than MAX_PIXELS (checked before anything is decoded), truncated or damaged.
    """
    if not data:
        raise PictureError("the file is empty")
    if len(data) > MAX_BYTES:
        raise PictureError(f"the file has {len(data):,} bytes, the limit is {MAX_BYTES:,}")
    try:
        return _decode(data, at_least)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"the file is none of {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise PictureError(f"the picture has more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:
        # Decoders meet hostile bytes and raise what they like (OSError, SyntaxError, struct.error,
        # zlib.error, IndexError ...): whatever it is, it is this file's fault.
        raise PictureError(f"the picture is damaged: {str(error) or type(error).__name__}") from None


def _decode(data: bytes, at_least: int | None) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        width, height = file.size
        if width * height > MAX_PIXELS:
            raise PictureError(
                f"the picture has {width:,} × {height:,} pixels, the limit is {MAX_PIXELS:,} in all"
            )
        if at_least is not None:
            file.draft(file.mode, (2 * at_least, 2 * at_least))
        file.load()
        return _rgb(ImageOps.exif_transpose(file))


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        return _eight_bit(picture).convert("RGB")
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, _WHITE), layers).convert("RGB")
    return picture.convert("RGB")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Grey values of 16 bits, 32 bits or floating point, brought to 8: Pillow would clip them at 255."""
    values = np.array(picture, dtype=np.float32)
    np.nan_to_num(values, copy=False)
    brightest = values.max(initial=0)
    if brightest > 255:
        values /= 257
    elif picture.mode == "F" and brightest <= 1:
        values *= 255
    return Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8))
