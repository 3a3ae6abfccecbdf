"""The kernel for GPUs and the passes of torch blend alike; what they blend is compared with libjpeg's beside
the resampling."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils import cpp_extension

from models.blending import HALVED_ACROSS, HALVED_DOWN, _by_tensors, _channels, _kernel, blend, source

BOTH = HALVED_ACROSS | HALVED_DOWN
APART = {HALVED_ACROSS: (1, 2), HALVED_DOWN: (2, 1), BOTH: (2, 2)}
SIZES = [(40, 60), (41, 61), (1, 1), (1, 9), (7, 1), (300, 200)]

# One thread after the other, in the order of the grid.
THREADS = """
#include <algorithm>
#include <cmath>
#define __device__
#define __global__
using std::max; using std::min;
static struct { int x, y, z; } blockIdx, blockDim, threadIdx;
%s
extern "C" void run(const unsigned char *from, unsigned char *to, int count, int high, int wide) {
    blockDim.x = 64;
    for (blockIdx.z = 0; blockIdx.z < count; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y * DOWN < high; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x * 64 * ACROSS < wide; ++blockIdx.x)
                for (threadIdx.x = 0; threadIdx.x < 64; ++threadIdx.x) blend(from, to, high, wide);
}
"""


def decoded(count: int, high: int, wide: int, halved: int) -> Tensor:
    """Noise, as a decoder gives it that repeats colours; much of it is cut off at 0 and at 255."""
    random = torch.Generator().manual_seed(halved)
    down, across = APART[halved]
    brightness = torch.randint(0, 256, (count, 1, high, wide), generator=random).float()
    stored = torch.randint(-90, 90, (count, 2, -(-high // down), -(-wide // across)), generator=random)
    repeated = F.interpolate(stored.float(), scale_factor=(float(down), float(across)), mode="nearest")
    values = brightness + _channels(repeated[:, :, :high, :wide])
    return values.round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("halved", APART)
@pytest.mark.skipif(shutil.which("c++") is None, reason="a C++ compiler stands in for a GPU's here")
def test_the_kernel_is_what_torch_computes(tmp_path: Path, halved: int) -> None:
    """Its very source, run by the CPU: the same bytes, of whole sizes, of odd ones, and of one pixel."""
    (tmp_path / "kernel.cpp").write_text(THREADS % source(APART[halved]))
    subprocess.run(
        ["c++", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-o", "kernel.so", "kernel.cpp"],
        cwd=tmp_path,
        check=True,
    )
    kernel = ctypes.CDLL(str(tmp_path / "kernel.so"))
    for high, wide in SIZES:
        pictures = decoded(2, high, wide, halved)
        blended = torch.full_like(pictures, 77)
        kernel.run(ctypes.c_void_p(pictures.data_ptr()), ctypes.c_void_p(blended.data_ptr()), 2, high, wide)
        assert torch.equal(blended, _by_tensors(pictures, APART[halved])), (high, wide)


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@needs_gpu
@pytest.mark.parametrize("halved", APART)
@pytest.mark.parametrize("by_kernel", [True, False])
def test_a_gpu_blends_as_the_cpu_does(monkeypatch: pytest.MonkeyPatch, by_kernel: bool, halved: int) -> None:
    """By the kernel or without: but for what one rounding more or less moves by a step, the same."""
    if by_kernel:
        assert _kernel(torch.device("cuda", 0), APART[halved]) is not None
    else:
        monkeypatch.setattr("models.blending._kernel", lambda *_: None)
    for high, wide in SIZES:
        pictures = decoded(3, high, wide, halved)
        apart = (blend(pictures.cuda(), halved).cpu().int() - blend(pictures, halved).int()).abs()
        assert apart.max() <= 3
        assert (apart > 0).float().mean() < 0.001


@needs_gpu
def test_the_kernel_needs_no_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor CUDA's headers: containers have the libraries alone."""
    monkeypatch.setattr(cpp_extension, "CUDA_HOME", None)
    assert _kernel.__wrapped__(torch.device("cuda", 0), (2, 2)) is not None


def test_where_no_kernel_can_be_made_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(*_: object) -> None:
        raise OSError("libnvrtc.so.13: cannot open shared object file")

    monkeypatch.setattr(torch.cuda, "_compile_kernel", no_compiler)
    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    assert _kernel.__wrapped__(torch.device("cpu"), (2, 2)) is None
    assert "cannot open shared object file" in caplog.text


def test_many_pictures_are_blended_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = decoded(5, 40, 60, BOTH)
    whole = blend(pictures, BOTH)
    monkeypatch.setattr("models.blending._PIXELS_AT_ONCE", 2 * 40 * 60)
    assert torch.equal(blend(pictures, BOTH), whole)
