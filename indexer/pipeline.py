"""Pictures → vectors on GPUs. Four stages overlap:

read      a process for every core: files are read and hashed, and what no GPU should decode is decoded
decode    some threads: JPEGs are decoded in the GPU's memory and resized there
forward   a thread for every GPU: the tower is given a batch, and its vectors are sent back
collect   the caller: outcomes, in the order of the sources
"""

from __future__ import annotations

import io
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from indexer.prepare import Embedded, Prepared
from indexer.processes import Processes
from indexer.reading import BYTES_AHEAD, File, Found, Reading, file_bytes
from indexer.source import Source
from models.preprocessing import Pixels, Preprocessing
from models.resampling import preprocess
from models.torchvision_operators import declare_missing_operators
from models.towers import DeviceTower

BATCH = 256
_DECODERS = 2
"""While one of them decodes, which torchvision does one batch at a time, the other resizes and hands over."""
_BATCHES_AHEAD = 12
_FORWARD_AT_ONCE = 256
_PIXELS_AT_ONCE = 1 << 27
"""Decoded by one call: 400 MB."""

_logger = logging.getLogger("vitrine")

Decoder = Callable[[list[Tensor]], Sequence[Tensor]]
"""JPEG files, (bytes,) each → pictures on a device, (3, height, width) each, all uint8; or RuntimeError."""


def embed_on_device(
    sources: Iterable[Source],
    tower: DeviceTower,
    known: Collection[str] = (),
    decoder: Decoder | None = None,
) -> Generator[Embedded, None, None]:
    """What `embed` promises, by the tower's GPU and, beside it, every other GPU that is visible.

    `decoder` decodes JPEGs to the tower's device, torchvision's unless told otherwise.
    """
    decoder = decoder or jpeg_decoder(tower.device)
    with ExitStack() as stack:
        forwards = [
            _Forward(tower, device, stack.enter_context(_threads(1, "forward")))
            for device in _devices(tower.device)
        ]
        decoders = stack.enter_context(_threads(_DECODERS, "decode"))
        processes = stack.enter_context(Processes(len(os.sched_getaffinity(0))))
        reading = Reading(processes, tower.preprocessing, known, on_gpu=decoder is not None)
        decoding = _Decoding(decoder, reading, tower.preprocessing, tower.device)
        batches = _batches(reading.ahead(sources))
        turns = cycle(forwards)
        waiting: deque[Future[_Launched]] = deque()
        while True:
            while len(waiting) < len(forwards) + _BATCHES_AHEAD and (batch := next(batches, None)):
                waiting.append(next(turns).submit(decoders.submit(decoding, batch)))
            if not waiting:
                return
            yield from waiting.popleft().result().outcomes()


def jpeg_decoder(device: torch.device) -> Decoder | None:
    """torchvision's decoder on this GPU; None where it has none, and all is left to the CPU."""
    declare_missing_operators()
    from torchvision.io import ImageReadMode, decode_jpeg  # type: ignore[import-untyped]  # noqa: PLC0415

    def decoder(jpegs: list[Tensor]) -> Sequence[Tensor]:
        decoded: list[Tensor] = decode_jpeg(jpegs, mode=ImageReadMode.RGB, device=device)
        return decoded

    sample = io.BytesIO()
    Image.new("RGB", (16, 16)).save(sample, "JPEG")
    try:
        decoder([torch.frombuffer(bytearray(sample.getvalue()), dtype=torch.uint8)])
    except (RuntimeError, AttributeError) as error:
        _logger.warning("torchvision decodes no JPEG on %s, the CPU does instead: %s", device, error)
        return None
    return decoder


def _devices(first: torch.device) -> list[torch.device]:
    """`first`, and all others of its kind."""
    if first.type != "cuda":
        return [first]
    chosen = torch.cuda.current_device() if first.index is None else first.index
    others = (number for number in range(torch.cuda.device_count()) if number != chosen)
    return [first, *(torch.device("cuda", number) for number in others)]


@contextmanager
def _threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads, each of which is one to torch; what has not begun when they are left is dropped."""
    pool = ThreadPoolExecutor(count, name, initializer=lambda: torch.set_num_threads(1))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(chunks: Iterable[list[Found]]) -> Iterator[list[Found]]:
    """Chunks joined until there is enough for the tower, or for the memory."""
    batch: list[Found] = []
    new = size = 0
    for chunk in chunks:
        batch += chunk
        new += sum(not isinstance(one, Embedded) for one in chunk)
        size += file_bytes(chunk)
        if new >= BATCH or size >= BYTES_AHEAD or len(batch) >= 8 * BATCH:
            yield batch
            batch, new, size = [], 0, 0
    if batch:
        yield batch


@dataclass(frozen=True)
class _Pixels:
    """A batch; what is no outcome yet, but a SHA-256, has a row of `pixels`, in its order."""

    found: list[Embedded | str]
    pixels: Tensor


def _stream(device: torch.device, priority: int = 0) -> torch.cuda.Stream | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device, priority=priority)  # type: ignore[no-untyped-call]


class _Streams(threading.local):
    """Each thread's own queues of work on a GPU; None elsewhere, where work is done when it is asked for."""

    def __init__(self, device: torch.device) -> None:
        # Before the tower's forward pass, which fills the GPU for as long as it is let.
        self.main = _stream(device, priority=-1)
        # torchvision's decoder writes into what it allocates from a queue of its own, without waiting for
        # ours: memory that we still read must never be given to it, so it has some that is for it alone.
        self.decoder = _stream(device, priority=-1)


@contextmanager
def _on(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """What is asked for waits in this queue; it is done when the block is left."""
    with torch.inference_mode():
        if stream is None:
            yield
        else:
            with torch.cuda.stream(stream):
                yield
                stream.synchronize()


class _Decoding:
    """A batch as it was read → its pixels on the device. Safe to call from several threads."""

    def __init__(
        self,
        decoder: Decoder | None,
        reading: Reading,
        preprocessing: Preprocessing,
        device: torch.device,
    ) -> None:
        self._decoder = decoder
        self._reading = reading
        self._preprocessing = preprocessing
        self._device = device
        self._streams = _Streams(device)

    def __call__(self, batch: list[Found]) -> _Pixels:
        squares: list[tuple[list[int], Tensor]] = []
        rejected: dict[int, File] = {}
        for files in _portions(batch):
            pictures: dict[int, Tensor] = {}
            for place, picture in zip(files, self._decode([*files.values()]), strict=True):
                if picture is None:
                    rejected[place] = files[place]
                else:
                    pictures[place] = picture
            if pictures:
                halved = [plain.halved for place in pictures if (plain := files[place].plain)]
                with _on(self._streams.main):
                    made = preprocess([*pictures.values()], self._preprocessing, halved)
                    squares.append(([*pictures], made))
        found = dict(enumerate(batch))
        found.update(zip(rejected, self._reading.decode([*rejected.values()]), strict=True))
        prepared = {place: one.pixels for place, one in found.items() if isinstance(one, Prepared)}
        with _on(self._streams.main):
            if prepared:
                squares.append(([*prepared], self._sent([*prepared.values()])))
            pixels = self._joined(squares)
        return _Pixels([one if isinstance(one, Embedded) else one.sha256 for one in found.values()], pixels)

    def _decode(self, files: list[File]) -> list[Tensor | None]:
        """None for one that the decoder rejects, which costs its neighbours nothing: they are tried apart."""
        assert self._decoder is not None  # where there is none, nothing was left to it
        try:
            with _on(self._streams.decoder):
                return [*self._decoder([torch.from_numpy(file.data) for file in files])]
        except RuntimeError:
            if len(files) == 1:
                return [None]
        half = len(files) // 2
        return self._decode(files[:half]) + self._decode(files[half:])

    def _sent(self, squares: list[Pixels]) -> Tensor:
        stacked = torch.from_numpy(np.stack(squares))
        if self._device.type != "cuda":
            return stacked
        return stacked.pin_memory().to(self._device, non_blocking=True)

    def _joined(self, squares: list[tuple[list[int], Tensor]]) -> Tensor:
        """All of them, in the order of their places."""
        size = self._preprocessing.size
        row_of = {
            place: row for row, place in enumerate(sorted(place for places, _ in squares for place in places))
        }
        pixels = torch.empty((len(row_of), size, size, 3), dtype=torch.uint8, device=self._device)
        for places, some in squares:
            pixels[torch.tensor([row_of[place] for place in places]).to(self._device)] = some
        return pixels


def _portions(batch: list[Found]) -> Iterator[dict[int, File]]:
    """The files of a batch by their places, as many at a time as the GPU's memory holds decoded."""
    portion: dict[int, File] = {}
    pixels = 0
    for place, one in enumerate(batch):
        if not isinstance(one, File) or one.plain is None:
            continue
        size = one.plain.width * one.plain.height
        if portion and pixels + size > _PIXELS_AT_ONCE:
            yield portion
            portion, pixels = {}, 0
        portion[place] = one
        pixels += size
    if portion:
        yield portion


@dataclass(frozen=True)
class _Launched:
    """A batch whose vectors are on their way from the GPU; `held` is memory that the GPU may still read."""

    found: list[Embedded | str]
    vectors: Tensor
    there: torch.cuda.Event | None
    held: Tensor

    def outcomes(self) -> Iterator[Embedded]:
        """Waits for the vectors."""
        if self.there is not None:
            self.there.synchronize()
        rows = iter(self.vectors.numpy().copy())  # what it was copied to is needed again
        for one in self.found:
            yield one if isinstance(one, Embedded) else Embedded(one, next(rows))


class _Pass:
    """The tower's forward pass over up to _FORWARD_AT_ONCE pictures.

    On a GPU it is recorded when it is first asked for, and afterwards asked for as a whole (a CUDA graph):
    of its hundreds of kernels, each would wait anew for the interpreter's lock, which other threads hold.
    """

    def __init__(self, tower: DeviceTower, device: torch.device, stream: torch.cuda.Stream | None) -> None:
        self._tower = tower if device == tower.device else tower.replica(device)
        self._graph: torch.cuda.CUDAGraph | None = None
        if stream is not None:
            self._record(device, stream)

    def _record(self, device: torch.device, stream: torch.cuda.Stream) -> None:
        size = self._tower.preprocessing.size
        self._pixels = torch.zeros((_FORWARD_AT_ONCE, size, size, 3), dtype=torch.uint8, device=device)
        for _ in range(3):  # what the tower tries out and keeps must not be part of it
            self._tower.encode_pixels(self._pixels)
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads go on meanwhile, and may allocate memory.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._vectors = self._tower.encode_pixels(self._pixels)
        except RuntimeError as error:
            _logger.warning(
                "%s cannot be recorded, and is asked kernel by kernel: %s", self._tower.name, error
            )
        else:
            self._graph = graph

    def __call__(self, pixels: Tensor) -> Tensor:
        """(pictures, dim)"""
        if self._graph is None:
            return self._tower.encode_pixels(pixels)
        self._pixels[: len(pixels)] = pixels
        self._graph.replay()
        return self._vectors[: len(pixels)].to(torch.float16, copy=True)


class _Forward:
    """The tower on one device, in the one thread of `pool`."""

    def __init__(self, tower: DeviceTower, device: torch.device, pool: ThreadPoolExecutor) -> None:
        """A replica is made for the first batch: a small catalogue needs the tower's own device alone."""
        self._tower = tower
        self._pass: _Pass | None = None
        self._device = device
        self._pool = pool
        self._stream = _stream(device)

    def submit(self, pixels: Future[_Pixels]) -> Future[_Launched]:
        return self._pool.submit(lambda: self._launch(pixels.result()))

    def _launch(self, batch: _Pixels) -> _Launched:
        with torch.inference_mode(), torch.cuda.stream(self._stream):  # None: no other
            if self._pass is None:
                self._pass = _Pass(self._tower, self._device, self._stream)
            vectors = self._vectors(batch.pixels.to(self._device, non_blocking=True))
            if self._stream is None:
                return _Launched(batch.found, vectors, None, batch.pixels)
            sent = torch.empty(vectors.shape, dtype=torch.float16, pin_memory=True)
            sent.copy_(vectors, non_blocking=True)
            there = torch.cuda.Event()  # type: ignore[no-untyped-call]
            there.record(self._stream)
        return _Launched(batch.found, sent, there, batch.pixels)

    def _vectors(self, pixels: Tensor) -> Tensor:
        if not len(pixels):
            return torch.empty((0, self._tower.dim), dtype=torch.float16)
        assert self._pass is not None
        return torch.cat([self._pass(part) for part in torch.split(pixels, _FORWARD_AT_ONCE)]).to(
            torch.float16
        )
