"""Colours that a JPEG stores once for several pixels, blended as libjpeg does it ("fancy upsampling").

Decoders on GPUs repeat them instead, from which this starts; Pillow decodes by libjpeg.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

HALVED_ACROSS, HALVED_DOWN = 1, 2
"""How a JPEG stores its colours: one for two pixels side by side, one above the other, or both."""

_PIXELS_AT_ONCE = 1 << 22
"""Without the kernel: 400 MB."""
_THREADS = 64
"""To a block, side by side: few pictures are wider than some hundred colours."""

_logger = logging.getLogger("vitrine")


def blend(pictures: Tensor, halved: int) -> Tensor:
    """(pictures, 3, height, width) uint8 whose colours are repeated → the same, with these blended.

    A pixel gets three quarters of its own colour and one of the next nearest, along each side that was
    halved. Brightness and colours are found again as the whole numbers that they were, from the channels of a
    pixel that are neither 0 nor 255: those may have been cut off, and count little, as one step beyond.
    """
    apart = _apart(halved)
    if pictures.is_cuda and (kernel := _kernel(pictures.device, apart)):
        return _by_kernel(kernel, pictures.contiguous(), apart)
    at_once = max(1, _PIXELS_AT_ONCE // pictures[0, 0].numel())
    return torch.cat([_by_tensors(part, apart) for part in torch.split(pictures, at_once)])


def source(apart: tuple[int, int]) -> str:
    """The kernel's, in CUDA's C++, for so many pixels to a colour."""
    down, across = apart
    written = Path(__file__).with_suffix(".cu").read_text(encoding="utf-8")
    return f"#define DOWN {down}\n#define ACROSS {across}\n{written}"


def _by_kernel(kernel: Callable[..., None], pictures: Tensor, apart: tuple[int, int]) -> Tensor:
    count, _, high, wide = pictures.shape
    rows, columns = -(-high // apart[0]), -(-wide // apart[1])
    blended = torch.empty_like(pictures)
    with torch.cuda.device(pictures.device):
        kernel(
            grid=(-(-columns // _THREADS), rows, count),
            block=(_THREADS, 1, 1),
            args=[pictures, blended, high, wide],
        )
    return blended


@lru_cache
def _kernel(device: torch.device, apart: tuple[int, int]) -> Callable[..., None] | None:
    """Compiled by NVRTC, which comes with torch: a machine needs neither a compiler nor CUDA's toolkit. None
    where that fails, and some thirty passes of torch over the pictures do the same."""
    written = source(apart)
    try:
        from torch.utils import cpp_extension  # noqa: PLC0415 - takes a while, and no CPU needs it

        # torch names the folder of CUDA's headers to NVRTC, and refuses where there is none; we include none.
        if cpp_extension.CUDA_HOME is None:
            cpp_extension.CUDA_HOME = ""
        with torch.cuda.device(device):
            # Private to torch as long as its interface may change; which torch it is, is pinned.
            kernel: Callable[..., None] = torch.cuda._compile_kernel(written, "blend")
    except (AttributeError, ImportError, OSError, RuntimeError) as error:
        _logger.warning("colours are blended by torch, which takes longer: %s", error)
        return None
    return kernel


def _by_tensors(pictures: Tensor, apart: tuple[int, int]) -> Tensor:
    scale = (float(apart[0]), float(apart[1]))
    high, wide = pictures.shape[2:]
    cut = (pictures == 255).to(torch.float32) - (pictures == 0).to(torch.float32)
    trust = (cut == 0).to(torch.float32) + 2**-10
    trusted = trust.amin(dim=1, keepdim=True)
    values = pictures.to(torch.float32) - 128 + cut
    red, green, blue = (_means(values * trusted, apart) / _means(trusted, apart)).unbind(1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    colours = torch.stack([(blue - grey) / 1.772, (red - grey) / 1.402], dim=1).round_()
    repeated = F.interpolate(_channels(colours), scale_factor=scale, mode="nearest")[:, :, :high, :wide]
    brightness = ((values - repeated) * trust).sum(1, keepdim=True) / trust.sum(1, keepdim=True)
    brightness = brightness.round_().clamp_(-128, 127) + 128
    blended = F.interpolate(colours, scale_factor=scale, mode="bilinear", align_corners=False)
    # A half is rounded up in every other pixel, down in the rest.
    across = apart[1] == 2
    even, odd = (8, 7) if apart == (2, 2) else (4, 8)
    is_odd = torch.arange(wide if across else high, device=pictures.device) % 2
    halves = (even + (odd - even) * is_odd) / 16
    blended = (blended[:, :, :high, :wide] + (halves if across else halves[:, None])).floor_()
    return (_channels(blended).round_() + brightness).clamp_(0, 255).to(torch.uint8)


def _apart(halved: int) -> tuple[int, int]:
    """Pixels to a colour, down and across."""
    return 2 if halved & HALVED_DOWN else 1, 2 if halved & HALVED_ACROSS else 1


def _means(values: Tensor, apart: tuple[int, int]) -> Tensor:
    return F.avg_pool2d(values, apart, ceil_mode=True, count_include_pad=False)


def _channels(colours: Tensor) -> Tensor:
    """How red, green and blue differ from brightness; `colours` (pictures, 2, height, width): blue, red."""
    blue, red = colours.unbind(1)
    return torch.stack([1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue], dim=1)
