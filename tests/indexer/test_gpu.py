"""What only a GPU can show: its decoder, its arithmetic and its FAISS give what the CPU gives."""

from __future__ import annotations

import gc
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from indexer import ann, pipeline
from indexer.album import TarAlbum
from indexer.embed import embed
from indexer.prepare import Embedded
from indexer.source import Source
from models.bundled import BundledImage, open_image
from models.pictures import open_picture
from models.resampling import preprocess
from tests.indexer.test_damaged import damaged, flipped, odd, without_pillow

if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

GPU = torch.device("cuda", 0)


@pytest.fixture(scope="module")
def on_cpu() -> BundledImage:
    return open_image(device="cpu")


@pytest.fixture(scope="module")
def on_gpu() -> BundledImage:
    return open_image(device="cuda")


def cosines(found: Sequence[Embedded], expected: Sequence[Embedded]) -> NDArray[np.float64]:
    """Of the vectors, one to one; every other outcome must be the same."""
    assert [(one.sha256, one.reason) for one in found] == [(one.sha256, one.reason) for one in expected]
    pairs = [
        (one.vector.astype(np.float64), other.vector.astype(np.float64))
        for one, other in zip(found, expected, strict=True)
        if one.vector is not None and other.vector is not None
    ]
    return np.array([one @ other / np.linalg.norm(one) / np.linalg.norm(other) for one, other in pairs])


@pytest.mark.parametrize("name", ["hm", "flickr8k", "myntra"])
def test_photographs_have_the_vectors_that_the_cores_give(
    name: str, shared_data: Path, on_cpu: BundledImage, on_gpu: BundledImage
) -> None:
    """Read, decoded, resized and embedded on the GPU: each cosine to the CPU's vector is at least 0.999."""
    if not (shared_data / f"{name}.tar").exists():
        pytest.skip(f"{name}.tar is not here")
    sources = [one for _, one in TarAlbum(shared_data / f"{name}.tar").entries() if isinstance(one, Source)][
        :200
    ]
    found = cosines(list(embed(sources, on_gpu)), list(embed(sources, on_cpu)))
    print(name, "lowest cosine", found.min(), "mean", found.mean())
    assert len(found) == len(sources)
    assert found.min() >= 0.999


def test_large_photographs_too(
    shared_data: Path, tmp_path: Path, on_cpu: BundledImage, on_gpu: BundledImage
) -> None:
    """Where the cores decode a quarter of the size, the GPU decodes all of it, as does what it is compared
    with; many sizes among one another, grey, with restarts, each kind of subsampling."""
    sources, squares = [], []
    with tarfile.open(shared_data / "hm.tar") as tar:
        for number, member in zip(range(60), tar, strict=False):
            file = tar.extractfile(member)
            assert file is not None
            photograph = Image.open(io.BytesIO(file.read())).convert("L" if number % 10 == 9 else "RGB")
            larger = photograph.resize(
                (400 + 37 * number, 600 + 29 * (number * 7 % 60)), Image.Resampling.BICUBIC
            )
            path = tmp_path / f"{number}.jpg"
            options = {} if larger.mode == "L" else {"subsampling": number % 3}
            larger.save(path, "JPEG", quality=90, restart_marker_blocks=number % 4 * 5, **options)
            sources.append(Source(str(path)))
            squares.append(on_cpu.preprocessing(open_picture(path.read_bytes())))
    found = np.stack([one.vector for one in embed(sources, on_gpu) if one.vector is not None])
    alike = (found * on_cpu.encode(np.stack(squares))).sum(axis=1)
    print("large: lowest cosine", alike.min(), "mean", alike.mean())
    assert alike.min() >= 0.999


def test_resized_on_the_gpu_is_resized_as_by_pillow(shared_data: Path, on_gpu: BundledImage) -> None:
    """In float16: half a step of 255 on average."""
    with tarfile.open(shared_data / "hm.tar") as tar:
        files = [tar.extractfile(member) for _, member in zip(range(50), tar, strict=False)]
        photographs = [open_picture(file.read()) for file in files if file]
    sent = [torch.from_numpy(np.array(one)).permute(2, 0, 1).contiguous().to(GPU) for one in photographs]
    ours = preprocess(sent, on_gpu.preprocessing).cpu().numpy().astype(int)
    theirs = np.stack([on_gpu.preprocessing(one) for one in photographs]).astype(int)
    print("resize: mean difference", np.abs(ours - theirs).mean())
    assert np.abs(ours - theirs).mean() < 0.5


def test_damaged_files_have_the_reasons_that_they_have_on_the_cores(
    tmp_path: Path, on_cpu: BundledImage, on_gpu: BundledImage
) -> None:
    """Over 200 of them, and 1,500 JPEGs in which bits were turned: word for word; what both take is the same
    picture unless its own data is damaged, which each decoder fills up in its way."""
    random = Random(0)
    files = [data for make in (without_pillow, odd, damaged) for _, data in make(random)]
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((96, 64)).save(file, "JPEG", quality=90)
    whole = file.getvalue()
    files += [flipped(whole, random, random.choice((1, 2, 5))) for _ in range(1_500)]
    files += [whole] * 50
    random.shuffle(files)
    for number, data in enumerate(files):
        (tmp_path / str(number)).write_bytes(data)
    sources = [Source(str(tmp_path / str(number))) for number in range(len(files))]
    found, expected = list(embed(sources, on_gpu)), list(embed(sources, on_cpu))
    alike = cosines(found, expected)
    print(
        "damaged:",
        sum(bool(one.reason) for one in found),
        "set aside; cosines below 0.99:",
        (alike < 0.99).sum(),
    )
    good = [n for n, data in enumerate(files) if data == whole]
    assert cosines([found[n] for n in good], [expected[n] for n in good]).min() > 0.999


def test_a_catalogue_of_many_batches_keeps_its_order(
    shared_data: Path, on_cpu: BundledImage, on_gpu: BundledImage
) -> None:
    """2,500 pictures in a drawn order, of which some come several times."""
    entries = [one for _, one in TarAlbum(shared_data / "hm.tar").entries() if isinstance(one, Source)][:300]
    expected = list(embed(entries, on_cpu))
    chosen = np.random.default_rng(0).integers(0, len(entries), 2_500)
    found = list(embed([entries[n] for n in chosen], on_gpu))
    assert cosines(found, [expected[n] for n in chosen]).min() >= 0.999


def test_several_gpus_share_the_batches(
    shared_data: Path, on_cpu: BundledImage, on_gpu: BundledImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By turns, each with a replica of the tower; here the second is the first one again, by another name."""
    monkeypatch.setattr(pipeline, "_devices", lambda first: [first, GPU])
    monkeypatch.setattr(pipeline, "BATCH", 64)
    assert on_gpu.device != GPU
    entries = [one for _, one in TarAlbum(shared_data / "hm.tar").entries() if isinstance(one, Source)][:400]
    assert cosines(list(embed(entries, on_gpu)), list(embed(entries, on_cpu))).min() >= 0.999


@pytest.fixture(scope="module")
def clustered() -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """120,000 unit vectors around 300 centres, and 200 queries near them."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((300, 128), dtype=np.float32)

    def near(count: int) -> NDArray[np.float32]:
        points = centres[random.integers(300, size=count)] + random.standard_normal(
            (count, 128), dtype=np.float32
        )
        unit: NDArray[np.float32] = points / np.linalg.norm(points, axis=1, keepdims=True)
        return unit

    return near(120_000).astype(np.float16), near(200)


needs_faiss = pytest.mark.skipif(not ann.has_gpu(), reason="this FAISS sees no GPU")


@needs_faiss
@pytest.mark.parametrize("parts", [1, 3])
def test_an_index_built_on_the_gpu_is_served_by_the_cpu(
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: int,
) -> None:
    """Filled at once or in parts, it is written and read as any other, and has the recall that it records."""
    vectors, queries = clustered
    monkeypatch.setattr(ann, "_BYTES_ON_GPU", -(-vectors.nbytes // parts))
    neighbours, description = ann.build(vectors, lambda: queries, "cuda")
    neighbours.write(tmp_path / "index.faiss")
    read = ann.read(tmp_path / "index.faiss")
    assert len(read) == len(vectors)
    truth = np.argsort(-(queries @ vectors.astype(np.float32).T), axis=1)[:, :20]
    rows = read.search(queries, 20)[1]
    recall = np.mean([len(set(one) & set(other)) / 20 for one, other in zip(rows, truth, strict=True)])
    print("built on the GPU", description, "recall by the CPU", recall)
    assert recall >= 0.98
    assert description["recall@20"] == pytest.approx(recall, abs=0.002)


@needs_faiss
@pytest.mark.parametrize("count", [2_000, 120_000])
def test_a_search_on_the_gpu_finds_what_the_cpu_finds(
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]], tmp_path: Path, count: int
) -> None:
    """Exact or not, and for more rows than a GPU finds: the same but for scores that differ by rounding."""
    vectors, queries = clustered
    ann.build(vectors[:count], lambda: queries, "cuda")[0].write(tmp_path / "index.faiss")
    cpu, gpu = ann.read(tmp_path / "index.faiss"), ann.read(tmp_path / "index.faiss", "cuda")
    assert len(gpu) == count
    for found in (20, 2_048, min(count, 3_000)):
        scores, rows = gpu.search(queries, found)
        expected_scores, expected_rows = cpu.search(queries, found)
        assert np.allclose(scores, expected_scores, atol=2e-3)
        same = np.mean(  # where a query has fewer rows than are asked for, the rest are -1
            [
                len(set(one) & set(other)) / len(set(other))
                for one, other in zip(rows, expected_rows, strict=True)
            ]
        )
        print(count, found, "the same rows:", same)
        assert same > 0.99


@needs_faiss
def test_a_version_that_is_let_go_leaves_the_gpu(
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]], tmp_path: Path
) -> None:
    """Its memory there is free once its thread has ended."""
    ann.build(clustered[0], lambda: clustered[1], "cuda")[0].write(tmp_path / "index.faiss")
    index = ann.read(tmp_path / "index.faiss", "cuda")
    assert isinstance(index, ann.GpuNeighbours)
    index.search(clustered[1][:1], 5)
    taken = torch.cuda.mem_get_info()[0]
    thread = index._on_gpu._thread
    del index
    gc.collect()
    thread.join(timeout=10)
    assert torch.cuda.mem_get_info()[0] > taken + clustered[0].nbytes
