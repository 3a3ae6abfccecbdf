"""Indexing on a GPU: each stage alone, then all of them at once; FAISS there and on the CPU; fine-tuning.

`python -m tests.bench.gpu --photos FOLDER_OR_TAR` runs all of it, `make bench-gpu` with the photographs of
the other benchmarks. They are repeated, each with a comment of its own, so that no two files are alike.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from indexer import ann, pipeline
from indexer.album import open_album
from indexer.batching import Searchable
from indexer.embed import embed
from indexer.prepare import Bytes, decode
from indexer.processes import Processes
from indexer.reading import Reading
from indexer.source import Source
from models.bundled import open_image
from models.devices import torch_device
from models.jpeg import plain_jpeg
from models.openclip_towers import OpenClipImage
from models.pictures import MAX_BYTES
from models.preprocessing import Preprocessing
from models.resampling import preprocess
from models.torchvision_operators import declare_missing_operators
from models.towers import DeviceTower, Vectors

SHARED = Path(__file__).parents[3] / "shared" / "data" / "hm.tar"
_PICTURES, _ROWS, _DIM, _KINDS = 180_000, 1_000_000, 512, 5_000
_ROUNDS = 3
_AT_ONCE = 512
"""Pictures, by the stages measured alone: each is faster so than by the batches of the indexer."""
_SECONDS = 1.0
"""At least as long is each stage measured alone."""

Line = tuple[str, str]


def measure(
    photos: Path = SHARED, pictures: int = _PICTURES, rows: int = _ROWS, tuning: bool = True
) -> Iterator[Line]:
    """Of so many pictures, and an index of so many vectors."""
    if torch_device("auto").type != "cuda":  # asked so, CUDA begins as it does for the commands
        yield "skipped", "needs a GPU"
        return
    yield from _machine()
    if photos.exists():
        with tempfile.TemporaryDirectory() as folder:
            sources = _repeated(photos, Path(folder) / "photographs", pictures)
            for tower in (_vit(), open_image(device="cuda")):
                yield from _indexing(tower, sources)
    else:
        yield "indexing", f"skipped: it needs photographs, and {photos} is not there"
    if ann.has_gpu():
        yield from _neighbours(rows)
    else:
        yield "FAISS", "skipped: this one sees no GPU"
    if tuning:
        from tests.bench import tuning_gpu  # noqa: PLC0415 - it needs more, which who measures this may lack

        yield from tuning_gpu.measure()


def _machine() -> Iterator[Line]:
    for number in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(number).total_memory / 2**30
        yield f"GPU {number}", f"{torch.cuda.get_device_name(number)}, {memory:.0f} GiB"
    yield "cores", str(len(os.sched_getaffinity(0)))
    yield "torch, CUDA", f"{torch.__version__}, {torch.version.cuda}"


def _vit() -> OpenClipImage:
    """ViT-B/32 with random weights, which change no time."""
    declare_missing_operators()
    import open_clip  # noqa: PLC0415 - only after torchvision

    visual = open_clip.create_model("ViT-B-32", pretrained=None).visual
    return OpenClipImage(
        name="ViT-B/32, random weights",
        space="0" * 16,
        dim=_DIM,
        preprocessing=Preprocessing(224, "shortest", "bicubic", mean=(127.0,) * 3, std=(64.0,) * 3),
        visual=visual,
        device=torch_device("cuda"),
        compiled=False,
    )


def _repeated(photos: Path, file: Path, count: int) -> list[Source]:
    """So many pictures, one after the other in one file, as in a tar; no two alike."""
    originals = [
        place.read(MAX_BYTES) for _, place in open_album(photos).entries() if isinstance(place, Source)
    ]
    sources = []
    with file.open("wb") as written:
        for number, original in zip(range(count), itertools.cycle(originals), strict=False):
            comment = f"{number:08}".encode()
            jpeg = original[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + original[2:]
            sources.append(Source(str(file), written.tell(), len(jpeg)))
            written.write(jpeg)
    return sources


def _indexing(tower: DeviceTower, sources: Sequence[Source]) -> Iterator[Line]:
    """The stages that a JPEG passes alone, then all at once, several times over, for the machine's own speed
    swings by a third; of the others, what they cost."""
    yield f"with {tower.name}", f"(median, and the range, of {_ROUNDS} rounds)"
    list(embed(sources[: 4 * _AT_ONCE], tower))  # what is loaded and tried out once
    rounds = [_round(tower, part) for part in _parts(sources)]
    for name in rounds[0].stages:
        rates = [one.stages[name] for one in rounds]
        yield f"{name}, alone", f"{_spread(rates)} images/s"
    pictures = len(sources) // _ROUNDS
    yield "all stages at once, once they run", f"{_spread([one.rate for one in rounds])} images/s"
    yield (
        f"… with what comes before it, of {pictures:,} pictures",
        f"{_spread([one.overall for one in rounds])}",
    )
    yield "the first vector after", f"{_spread([one.first for one in rounds], '.1f')} s"
    slowest = min(rounds[0].stages, key=lambda name: median(one.stages[name] for one in rounds))
    yield (
        f"its share of the slowest, {slowest}",
        _spread([one.rate / one.stages[slowest] for one in rounds], ".0%"),
    )
    yield "decoded and resized by the CPU, one core", f"{_on_one_core(sources, tower):,.0f} images/s"
    all_cores = _reading(sources[:10_000], tower, on_gpu=False)
    yield "read, hashed, decoded and resized, all cores", f"{all_cores:,.0f} images/s"
    yield "squares copied to the GPU", f"{_copying(tower):,.0f} images/s"


def _parts(sources: Sequence[Source]) -> list[Sequence[Source]]:
    size = len(sources) // _ROUNDS
    return [sources[start : start + size] for start in range(0, size * _ROUNDS, size)]


def _spread(values: Sequence[float], form: str = ",.0f") -> str:
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


@dataclass(frozen=True)
class _Round:
    """Pictures a second, but for `first`: the seconds to the first vector."""

    stages: dict[str, float]
    first: float
    rate: float
    overall: float


def _round(tower: DeviceTower, sources: Sequence[Source]) -> _Round:
    gpus = torch.cuda.device_count()
    stages = {
        "read, hashed, looked at": _reading(sources, tower),
        "decoded on the GPU": _decoding(sources, tower),
        "resized on the GPU": _resizing(sources, tower),
        "forward on one GPU" + (f", times {gpus}" if gpus > 1 else ""): gpus * _forward(tower),
    }
    return _Round(stages, *_at_once(sources, tower))


def _at_once(sources: Sequence[Source], tower: DeviceTower) -> tuple[float, float, float]:
    """Seconds to the first vector; pictures a second of all but the first tenth, and of all."""
    tenth = len(sources) // 10
    started = time.perf_counter()
    times = []
    for number, one in enumerate(embed(sources, tower)):
        assert one.vector is not None
        if number in (0, tenth):
            times.append(time.perf_counter())
    ended = time.perf_counter()
    return times[0] - started, (len(sources) - tenth) / (ended - times[1]), len(sources) / (ended - started)


def _rate(step: Callable[[int], int]) -> float:
    """Pictures a second of `step`, which is told how often it was called and says how many it did."""
    step(0)
    torch.cuda.synchronize()
    done = number = 0
    started = time.perf_counter()
    while time.perf_counter() - started < _SECONDS:
        number += 1
        done += step(number)
        torch.cuda.synchronize()
    return done / (time.perf_counter() - started)


def _reading(sources: Sequence[Source], tower: DeviceTower, *, on_gpu: bool = True) -> float:
    with Processes(len(os.sched_getaffinity(0))) as processes:
        reading = Reading(processes, tower.preprocessing, (), on_gpu=on_gpu)
        list(reading.ahead(sources[: len(sources) // 4]))  # until all of them have begun
        started = time.perf_counter()
        return sum(map(len, reading.ahead(sources))) / (time.perf_counter() - started)


def _decoder(tower: DeviceTower) -> pipeline.Decoder:
    decoder = pipeline.jpeg_decoder(tower.device)
    if decoder is None:
        raise RuntimeError("this torchvision decodes no JPEG on a GPU")
    return decoder


def _files(sources: Sequence[Source], batch: int) -> list[bytes]:
    start = batch * _AT_ONCE % (len(sources) - _AT_ONCE)
    return [source.read(MAX_BYTES) for source in sources[start : start + _AT_ONCE]]


def _tensors(files: Sequence[bytes]) -> list[torch.Tensor]:
    """As they come from a process: one after the other."""
    together = torch.frombuffer(bytearray().join(files), dtype=torch.uint8)
    return list(torch.split(together, [len(file) for file in files]))


def _decoding(sources: Sequence[Source], tower: DeviceTower) -> float:
    decoder = _decoder(tower)
    batches = [_tensors(_files(sources, number)) for number in range(32)]
    return _rate(lambda number: len(decoder(batches[number % len(batches)])))


def _resizing(sources: Sequence[Source], tower: DeviceTower) -> float:
    decoder = _decoder(tower)
    batches = []
    for number in range(4):
        files = _files(sources, number)
        halved = [plain.halved for file in files if (plain := plain_jpeg(file))]
        batches.append((decoder(_tensors(files)), halved))

    def resize(number: int) -> int:
        pictures, halved = batches[number % len(batches)]
        return len(preprocess(pictures, tower.preprocessing, halved))

    with torch.inference_mode():
        return _rate(resize)


def _squares(tower: DeviceTower) -> torch.Tensor:
    size = tower.preprocessing.size
    return torch.randint(0, 256, (_AT_ONCE, size, size, 3), dtype=torch.uint8)


def _forward(tower: DeviceTower) -> float:
    squares = _squares(tower).to(tower.device)
    return _rate(lambda _: sum(len(tower.encode_pixels(squares)) for _ in range(4)))


def _copying(tower: DeviceTower) -> float:
    squares = _squares(tower).pin_memory()
    return _rate(lambda _: len(squares.to(tower.device, non_blocking=True)))


def _on_one_core(sources: Sequence[Source], tower: DeviceTower) -> float:
    files = [Bytes("", source.read(MAX_BYTES)) for source in sources[:500]]
    started = time.perf_counter()
    for file in files:
        decode(file, tower.preprocessing)
    return len(files) / (time.perf_counter() - started)


def _neighbours(rows: int) -> Iterator[Line]:
    """Clustered as a catalogue is: thousands of kinds, each thing unlike its kind in its own way."""
    vectors, queries = _clustered(rows), _clustered(1_024, seed=1).astype(np.float32)
    built: dict[str, ann.Neighbours] = {}
    seconds: dict[str, float] = {}
    for device in ("cuda", "cpu"):
        started = time.perf_counter()
        built[device], description = ann.build(vectors, lambda: queries[:512], device)
        seconds[device] = time.perf_counter() - started
        yield (
            f"{rows:,} × {_DIM}, {description['type']}, built on the {device.replace('cuda', 'GPU')}",
            f"{seconds[device]:.1f} s (nprobe {description['nprobe']}, recall@20 {description['recall@20']})",
        )
    yield "the GPU's share of that time", f"{seconds['cuda'] / seconds['cpu']:.3f}"
    with tempfile.TemporaryDirectory() as folder:
        built["cuda"].write(Path(folder) / "index.faiss")
        for device, name in (("cpu", "CPU"), ("cuda", "GPU")):
            index = ann.read(Path(folder) / "index.faiss", device)  # type: ignore[arg-type]
            for count in (1, 1_024):
                yield f"search for {count:,} on the {name}", f"{_milliseconds(index, queries[:count]):.2f} ms"


def _clustered(rows: int, seed: int = 0) -> NDArray[np.float16]:
    kinds = torch.randn(_KINDS, _DIM, generator=torch.Generator("cuda").manual_seed(0), device="cuda")
    random = torch.Generator("cuda").manual_seed(1 + seed)
    chosen = kinds[torch.randint(_KINDS, (rows,), generator=random, device="cuda")]
    things = chosen + torch.randn(rows, _DIM, generator=random, device="cuda")
    unit: NDArray[np.float16] = torch.nn.functional.normalize(things, dim=1).half().cpu().numpy()
    return unit


def _milliseconds(index: Searchable, queries: Vectors) -> float:
    times = []
    for _ in range(12):
        started = time.perf_counter()
        index.search(queries, 20)
        times.append(1000 * (time.perf_counter() - started))
    return median(times[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, default=SHARED, help="a folder or a tar of JPEGs")
    parser.add_argument("--pictures", type=int, default=_PICTURES, help="how many are indexed, in all")
    parser.add_argument("--rows", type=int, default=_ROWS, help="of the index that FAISS builds")
    parser.add_argument("--no-tuning", action="store_true", help="without fine-tuning")
    given = parser.parse_args()
    least = _ROUNDS * 2 * _AT_ONCE
    if given.pictures < least:
        parser.error(f"--pictures {given.pictures:,} are too few for {_ROUNDS} rounds: {least:,} at least")
    for name, value in measure(given.photos, given.pictures, given.rows, not given.no_tuning):
        print(f"  {name:<66} {value}", flush=True)


if __name__ == "__main__":
    main()
