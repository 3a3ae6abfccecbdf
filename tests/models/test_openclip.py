"""Towers of open_clip: vectors equal to its own, and versions that need nothing but their folders."""

from __future__ import annotations

import json
import pickle
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image

from models import openclip
from models.cards import WEIGHTS
from models.openclip_towers import FAMILY, OpenClipText, Patches, cut_into_patches
from models.registry import Registry, open_space
from models.torchvision_operators import declare_missing_operators
from models.towers import Reading, TowerError, open_input, open_tokenizer, open_tower, open_trainable
from tests.tiny_models import DIM, FAMILIES, Family, write_tiny

TEXTS = [
    "rotes Kleid",
    "",
    "blue striped shirt for men, long and wide",
    "☃☃ Ärmel",
    "a",
    "black leather shoes " * 30,
    "x" * 300,
    "rotes Kleid",
]


class Model:
    """A tiny model of one family, by open_clip itself and by us, and registered in a home."""

    def __init__(self, folder: Path, family: Family, **vision: Any) -> None:
        """`vision` is where its image side differs from the family's."""
        self.folder = write_tiny(folder / family, family, **vision)
        self.name = f"local-dir:{self.folder}"
        self.home = folder / f"home-{family}"
        self.image, card = open_space(Registry(self.home), self.name, "cpu")
        self.tower = self.home / "towers" / card.id

    def text_vectors(self, texts: list[str]) -> NDArray[np.float32]:
        import open_clip  # noqa: PLC0415

        model, tokenizer = self._reference, open_clip.get_tokenizer(self.name)
        with torch.inference_mode():
            vectors: NDArray[np.float32] = model.encode_text(tokenizer(texts), normalize=True).numpy()
        return vectors

    def image_vectors(self, pictures: list[Image.Image]) -> NDArray[np.float32]:
        from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: PLC0415

        model = self._reference
        prepare = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
        with torch.inference_mode():
            planes = torch.stack([prepare(picture) for picture in pictures])
            vectors: NDArray[np.float32] = model.encode_image(planes, normalize=True).numpy()
        return vectors

    @cached_property
    def _reference(self) -> Any:
        declare_missing_operators()
        import open_clip  # noqa: PLC0415

        return open_clip.create_model(self.name, pretrained_text=False).eval()

    @cached_property
    def text(self) -> OpenClipText:
        """The registered version, opened once; tests must not change it."""
        return openclip.open_text(self.tower, "cpu")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(tmp_path_factory.mktemp("models"), request.param)


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(tmp_path_factory.mktemp("roberta"), "xlm-roberta")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(tmp_path_factory.mktemp("clip"), "clip")


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


# Vectors.


def test_text_vectors_are_those_of_open_clip(model: Model) -> None:
    """To 1e-5: of texts of all lengths at once, of each alone, and cut to what the tower reads."""
    expected = model.text_vectors(TEXTS)
    tower = model.text
    assert np.allclose(tower.encode(TEXTS), expected, atol=1e-5)
    for text, vector in zip(TEXTS, expected, strict=True):
        assert np.allclose(tower.encode([text]), vector, atol=1e-5)


def test_image_vectors_are_those_of_open_clip(model: Model) -> None:
    """To 1e-5, of pictures of several shapes, its own preprocessing included."""
    pictures = [noise(50, 70), noise(70, 50), noise(31, 33), noise(200, 40)]
    pixels = np.stack([model.image.preprocessing(picture) for picture in pictures])
    assert np.allclose(model.image.encode(pixels), model.image_vectors(pictures), atol=1e-5)


def test_patches_are_cut_by_a_matrix_product_as_by_the_convolution() -> None:
    """To rounding, oblong ones too, a rest left out; those that overlap or lie deeper stay as they are."""
    cuts = torch.nn.Conv2d(3, 5, (4, 2), stride=(4, 2))
    overlaps = torch.nn.Conv2d(3, 5, 3, stride=2)
    deeper = torch.nn.Conv2d(5, 7, 2, stride=2)
    visual = torch.nn.ModuleDict({"cuts": cuts, "overlaps": overlaps, "deeper": deeper})
    planes = torch.randn((2, 3, 9, 7), generator=torch.Generator().manual_seed(0))
    expected = cuts(planes)
    cut_into_patches(visual)
    assert isinstance(visual["cuts"], Patches)
    assert (visual["overlaps"], visual["deeper"]) == (overlaps, deeper)
    for planes_ in (planes, planes.contiguous(memory_format=torch.channels_last)):
        assert torch.allclose(visual["cuts"](planes_), expected, atol=1e-6)


def test_a_tower_by_its_models_name_is_the_registered_one(model: Model) -> None:
    """Opened by name it has the same vectors, id and space as the version that an index build registers."""
    tower = open_tower(model.name, "text", "cpu")
    registered = model.text
    assert (tower.id, tower.space, tower.dim) == (registered.id, model.image.space, DIM)
    assert np.array_equal(tower.encode(TEXTS), registered.encode(TEXTS))


def test_nothing_to_encode_gives_no_vector(roberta: Model) -> None:
    """(0, dim), as for the bundled towers."""
    assert roberta.text.encode([]).shape == (0, DIM)


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\N{ZERO WIDTH SPACE}", "x" * 100_000, "</s><pad> <s>"])
def test_any_text_has_a_vector(model: Model, text: str) -> None:
    """Half a surrogate pair, a NUL, marks of the tokenizer, a megabyte: of length 1, and no error."""
    assert np.linalg.norm(model.text.encode([text])) == pytest.approx(1, abs=1e-5)


def test_batches_are_bounded_and_keep_the_order(clip: Model) -> None:
    """300 texts are more than one pass takes; each keeps its row."""
    texts = [f"{TEXTS[number % 5]} {number}" for number in range(300)]
    tower = clip.text
    some = [0, 150, 299]
    assert np.allclose(tower.encode(texts)[some], tower.encode([texts[row] for row in some]), atol=1e-5)


@pytest.mark.parametrize(
    ("family", "length"), [("xlm-roberta", 3), ("nllb", 3), ("clip", 3), ("coca", 76), ("siglip", 64)]
)
def test_a_query_is_padded_only_as_its_tower_needs(family: Family, length: int, tmp_path: Path) -> None:
    """Towers that mask their padding, and CLIP's causal one, read one word as three pieces, not 77; SigLIP
    was trained to read its padding, and CoCa's last place depends on it."""
    tower = Model(tmp_path, family).text
    (batch,) = tower.collate(tower.tokenize(["Hemd" if family != "clip" else "a"]))
    assert batch.shape == (1, length)


# Versions.


def test_a_registered_tower_needs_its_folder_alone(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the model that it came from nor a network: weights, configuration and tokenizer lie in it."""
    expected = model.text.encode(TEXTS)
    shutil.copytree(model.tower, tmp_path / "towers" / model.tower.name)
    gone = model.folder.with_name("away")
    model.folder.rename(gone)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr("socket.socket.connect", refuse)
    try:
        tower = Registry(tmp_path).open(model.tower.name, "cpu")
        assert np.array_equal(tower.encode(TEXTS), expected)
        assert Registry(tmp_path).open_tokenizer(model.tower.name).read("a").pieces
    finally:
        gone.rename(model.folder)


def test_a_text_tower_holds_no_image_tower(model: Model) -> None:
    """A service that answers words alone has no pictures' weights in memory, nor CoCa's decoder."""
    tower = model.text
    names = {name.partition(".")[0] for name, _ in tower.module.named_parameters()}
    assert names == {"text"}
    held = sum(part.numel() * part.element_size() for part in tower.module.parameters())
    assert held < (model.tower / WEIGHTS).stat().st_size


def test_a_tuned_version_holds_only_what_differs(model: Model, tmp_path: Path) -> None:
    """One matrix was changed: it is written, in half precision, and the version opens beside its parent."""
    home = tmp_path / "home"
    shutil.copytree(model.home, home)
    tower = open_trainable(home / "towers" / model.tower.name, "cpu")
    name, part = next((name, part) for name, part in tower.module.named_parameters() if part.ndim == 2)
    with torch.no_grad():
        part.mul_(1.5)
    card = tower.write(tmp_path / "tuned", id="tuned", space=tower.space, recipe={"epochs": 1})
    assert (card.family, card.differences, card.dim) == (FAMILY, True, DIM)
    assert card.parent == {"id": tower.id, "weights": tower.card.weights}
    written = safetensors.torch.load_file(tmp_path / "tuned" / WEIGHTS)
    assert {of: tensor.dtype for of, tensor in written.items()} == {name: torch.float16}
    registry = Registry(home)
    registry.add(tmp_path / "tuned")
    opened = registry.open("tuned", "cpu")
    assert np.allclose(opened.encode(TEXTS), tower.encode(TEXTS), atol=1e-3)
    assert not np.allclose(opened.encode(TEXTS), model.text.encode(TEXTS), atol=1e-3)
    assert registry.open_tokenizer("tuned").read("a") == registry.open_tokenizer(tower.id).read("a")


def test_a_version_of_a_version_is_whole(roberta: Model, tmp_path: Path) -> None:
    """Tuned twice: the grandchild has the head of its own, and its parent's embeddings."""
    home = tmp_path / "home"
    shutil.copytree(roberta.home, home)
    registry = Registry(home)
    for parent, child, changed in [("xlm-roberta", "one", "word_embeddings"), ("one", "two", "proj.0")]:
        tower = open_trainable(home / "towers" / parent, "cpu")
        with torch.no_grad():
            for name, part in tower.module.named_parameters():
                if changed in name:
                    part.mul_(2)
        tower.write(tmp_path / child, id=child, space=tower.space)
        registry.add(tmp_path / child)
        expected = tower.encode(TEXTS)
    assert np.allclose(registry.open("two", "cpu").encode(TEXTS), expected, atol=1e-3)


def test_a_model_is_registered_once(roberta: Model, tmp_path: Path) -> None:
    """Every index build opens its space: the second writes nothing, and restores weights that were damaged. A
    model of other weights under the same name gets a part of its hash for an id."""
    home = tmp_path / "home"
    shutil.copytree(roberta.home, home)
    before = everything(home)
    open_space(Registry(home), roberta.name, "cpu")
    assert everything(home) == before
    (home / "towers" / "xlm-roberta" / WEIGHTS).write_bytes(b"cut")
    open_space(Registry(home), roberta.name, "cpu")
    assert everything(home) == before
    write_tiny(tmp_path / "xlm-roberta", "xlm-roberta", seed=1)
    image, card = open_space(Registry(home), str(tmp_path / "xlm-roberta"), "cpu")
    assert card.id == f"xlm-roberta-{card.weights[:8]}"
    assert Registry(home).active(image.space) == card.id


def everything(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_a_tower_that_was_opened_by_name_is_not_tuned(roberta: Model, tmp_path: Path) -> None:
    """A version holds what differs from a registered one."""
    with pytest.raises(TowerError, match="xlm-roberta is not registered yet"):
        openclip.open_text(roberta.name, "cpu").write(tmp_path / "tuned", id="tuned", space="")


def test_every_weight_is_of_one_layer_or_the_head(model: Model) -> None:
    """Embeddings, two blocks, and what follows them: nothing is left out, and nothing is in two."""
    tower = open_trainable(model.tower, "cpu")
    parts = [tower.head, *tower.layers]
    assert len(parts) == 4
    for name, _ in tower.module.named_parameters():
        assert sum(name.startswith(part) for part in parts) == 1, name


def test_a_tower_can_be_trained_on(model: Model) -> None:
    """Its module gives unit rows in float32, from which gradients reach the embeddings."""
    tower = open_trainable(model.tower, "cpu")
    vectors = tower.module(*tower.collate(tower.tokenize(TEXTS)))
    assert vectors.detach().numpy() == pytest.approx(tower.encode(TEXTS), abs=1e-5)
    vectors.sum().backward()
    embeddings = dict(tower.module.named_parameters())[tower.layers[0][-1]]
    assert embeddings.dtype == torch.float32
    assert embeddings.grad is not None
    assert embeddings.grad.abs().sum() > 0


def test_the_input_of_a_tower_needs_no_weights(model: Model, tmp_path: Path) -> None:
    """What runs an exported tower reads texts as the tower does."""
    towers = tmp_path / "towers"
    shutil.copytree(model.home / "towers", towers)
    expected = model.text
    (towers / model.tower.name / WEIGHTS).unlink()
    given = open_input(towers / model.tower.name)
    ids = given.tokenize(TEXTS)
    assert ids == expected.tokenize(TEXTS)
    assert torch.equal(given.collate(ids)[0], expected.collate(ids)[0])


# Readings.


def spelled(reading: Reading) -> list[str]:
    return [piece.text if piece.known else f"[?{piece.text}]" for piece in reading.pieces]


@pytest.mark.parametrize(
    ("family", "pieces"),
    [
        ("xlm-roberta", ["▁rotes", "▁", "[?☃☃]", "▁Kleid", ",", "▁grüne"]),
        ("nllb", ["▁rotes", "▁", "[?☃☃]", "▁Kleid", ",", "▁grüne"]),
        ("siglip", ["▁rotes", "▁", "[?☃☃]", "▁", "k", "le", "i", "d", "▁grüne"]),
        ("clip", ["▁ro", "tes", "▁☃", "<0xE2><0x98>", "<0x83>", "▁kle", "id", "▁,", "▁gr", "ü", "ne"]),
    ],
)
def test_a_reading_shows_what_a_tower_makes_of_a_text(
    family: Family, pieces: list[str], tmp_path: Path
) -> None:
    """▁ begins a word in all of them; what has no piece is unknown, or spelled as bytes. SigLIP and CLIP
    write small letters, and SigLIP drops the comma. No weights are loaded."""
    model = Model(tmp_path, family)
    (model.tower / WEIGHTS).unlink()
    reading = open_tokenizer(model.tower).read("rotes ☃☃  Kleid, grüne")
    assert spelled(reading) == pieces
    assert not reading.cut


def test_the_pieces_are_what_the_tower_reads(model: Model) -> None:
    """Their ids are the tower's, without the marks that every text gets."""
    read = [piece.id for piece in open_tokenizer(model.tower).read("rotes Kleid ☃").pieces]
    ids = model.text.tokenize(["rotes Kleid ☃"])[0]
    assert any(ids[start : start + len(read)] == read for start in range(3))


def test_a_long_text_is_cut_where_the_tower_stops(model: Model) -> None:
    """The pieces are those that it still reads."""
    tokenizer = open_tokenizer(model.tower)
    room = len(tokenizer.read("a " * 100).pieces)
    assert room in (62, 63, 74, 75, 76)
    assert tokenizer.read("a " * 100).cut
    assert not tokenizer.read("Hemd").cut
    marks = len(model.text.tokenize(["a " * 100])[0]) - room
    assert marks in (1, 2)


# Spaces.


def test_a_space_is_of_weights_preprocessing_and_activation(tmp_path: Path) -> None:
    """The same files again span the same space; another fit, activation or weight another one."""
    first = write_tiny(tmp_path / "first", "xlm-roberta")
    space = openclip.open_image(str(first), "cpu").space
    assert openclip.open_image(str(write_tiny(tmp_path / "same", "xlm-roberta")), "cpu").space == space
    found = {space}
    for name, change in [
        ("fit", ("preprocess_cfg", "resize_mode", "longest")),
        ("act", ("model_cfg", "quick_gelu", True)),
    ]:
        other = shutil.copytree(first, tmp_path / name)
        configure(other, *change)
        found.add(openclip.open_image(str(other), "cpu").space)
    found.add(openclip.open_image(str(write_tiny(tmp_path / "seed", "xlm-roberta", 1)), "cpu").space)
    assert len(found) == 4


def configure(folder: Path, part: str, key: str, value: object) -> None:
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content[part][key] = value
    path.write_text(json.dumps(content))


def test_a_relative_name_is_recorded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index names its tower's folder so that it is found from anywhere."""
    write_tiny(tmp_path / "m", "clip")
    monkeypatch.chdir(tmp_path)
    for text in ("m", "./m", "local-dir:m", "open_clip:local-dir:m"):
        assert openclip.open_image(text, "cpu").name == f"open_clip:local-dir:{tmp_path}/m"


# Refusals.


def refused(folder: Path, told: str) -> None:
    with pytest.raises(TowerError, match=told):
        openclip.open_image(str(folder), "cpu")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    """It was copied in part."""
    folder = write_tiny(tmp_path / "m", "clip")
    (folder / "open_clip_model.safetensors").unlink()
    refused(folder, "holds no weights: copy the whole folder")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"model_cfg": 1}', '{"model_cfg": {"embed_dim": "x"}}', "\udcff"]
)
def test_a_damaged_description_is_refused(text: str, tmp_path: Path) -> None:
    """Whatever it holds, the error names the file."""
    (tmp_path / "open_clip_config.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    refused(tmp_path, r"open_clip_config\.json does not describe a model")


def test_a_description_that_cannot_be_built_is_refused(tmp_path: Path) -> None:
    """A word that open_clip does not know, in one line."""
    folder = write_tiny(tmp_path / "m", "clip")
    configure(folder, "model_cfg", "wdth", 5)
    refused(folder, "open_clip cannot build .*wdth")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    """The error names the file, and the first that does not fit."""
    folder, other = write_tiny(tmp_path / "m", "clip"), write_tiny(tmp_path / "n", "coca")
    shutil.copyfile(other / "open_clip_model.safetensors", folder / "open_clip_model.safetensors")
    refused(folder, r"open_clip_model\.safetensors are not those of open_clip:local-dir:")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """A vector of such weights would be noise, or nothing."""
    folder = write_tiny(tmp_path / "m", "clip")
    path = folder / "open_clip_model.safetensors"
    tensors = safetensors.torch.load_file(path)
    tensors["visual.proj"][0] = float("nan")
    safetensors.torch.save_file(tensors, path)
    refused(folder, r"visual\.proj of .* holds what is no number")


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    """A pickle may hold anything; of a checkpoint only tensors are read."""
    folder = write_tiny(tmp_path / "m", "clip")
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps(_Evil(tmp_path / "ran"), protocol=2))
    refused(folder, "are not those of|cannot be read")
    assert not (tmp_path / "ran").exists()


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("asked", [False, True], ids=["by its tokenizer", "by its description"])
def test_a_tokenizer_runs_no_code(asked: bool, tmp_path: Path) -> None:
    """Some come with their own, which is not run, even where the description wants it trusted."""
    folder = write_tiny(tmp_path / "m", "siglip")
    (folder / "evil.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    config = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": [None, "evil.Evil"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if asked:
        path = folder / "open_clip_config.json"
        content = json.loads(path.read_text())
        content["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["trust_remote_code"] = True
        path.write_text(json.dumps(content))
    with pytest.raises(TowerError, match=r"the tokenizer of .* cannot be opened"):
        openclip.open_tokenizer(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_torch_is_read(tmp_path: Path) -> None:
    """`open_clip_pytorch_model.bin`, as training scripts save it, spans the space that safetensors do."""
    folder = write_tiny(tmp_path / "m", "clip")
    space = openclip.open_image(str(folder), "cpu").space
    tensors = safetensors.torch.load_file(folder / "open_clip_model.safetensors")
    (folder / "open_clip_model.safetensors").unlink()
    state = {f"module.{name}": tensor for name, tensor in tensors.items()}
    torch.save({"state_dict": state, "epoch": 3}, folder / "open_clip_pytorch_model.bin")
    assert openclip.open_image(str(folder), "cpu").space == space


def test_a_tower_that_reads_no_squares_is_refused(tmp_path: Path) -> None:
    """The error names both sides."""
    folder = write_tiny(tmp_path / "m", "clip")
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["model_cfg"]["vision_cfg"]["image_size"] = [32, 48]
    path.write_text(json.dumps(content))
    tensors = safetensors.torch.load_file(folder / "open_clip_model.safetensors")
    tensors["visual.positional_embedding"] = torch.zeros(7, 32)
    safetensors.torch.save_file(tensors, folder / "open_clip_model.safetensors")
    refused(folder, "reads pictures of 48 × 32 pixels")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("resize_mode", "stretch", "resize_mode 'stretch'"),
        ("interpolation", "nearest", "interpolation 'nearest'"),
        ("mean", [0.5], "cannot be followed"),
        ("std", "half", "cannot be followed"),
    ],
)
def test_preprocessing_that_is_not_known_is_refused(
    key: str, value: object, told: str, tmp_path: Path
) -> None:
    """Pictures that were prepared otherwise would give other vectors, and nobody would see why."""
    folder = write_tiny(tmp_path / "m", "clip")
    configure(folder, "preprocess_cfg", key, value)
    refused(folder, told)


def test_weights_in_a_format_of_numpy_are_refused(clip: Model, tmp_path: Path) -> None:
    """open_clip would copy them into a module that holds weights, and here none does before its own come."""
    (tmp_path / "weights.npz").write_bytes(b"")
    with pytest.raises(TowerError, match=r"weights\.npz .*: convert it to safetensors"):
        openclip.open_image(f"ViT-B-32::{tmp_path}/weights.npz", "cpu")


def test_a_residual_network_is_an_image_tower(tmp_path: Path) -> None:
    """CLIP's RN50 and its like, whose size is one number."""
    model = Model(tmp_path, "clip", layers=[1, 1, 1, 1], width=8, image_size=64)
    pictures = [noise(50, 70), noise(200, 40)]
    pixels = np.stack([model.image.preprocessing(picture) for picture in pictures])
    assert model.image.preprocessing.size == 64
    assert np.allclose(model.image.encode(pixels), model.image_vectors(pictures), atol=1e-5)


def test_a_hybrid_of_timm_is_an_image_tower(tmp_path: Path) -> None:
    """ViTamin and its like measure their convolutions by a picture, for which they need weights at once."""
    vision = {
        "image_size": 224,
        "timm_model_name": "vitamin_small_224",
        "timm_pool": "",
        "timm_proj": "linear",
    }
    model = Model(tmp_path, "siglip", **vision)
    pixels = model.image.preprocessing(noise(50, 70))[None]
    assert np.allclose(model.image.encode(pixels), model.image_vectors([noise(50, 70)]), atol=1e-5)


def test_a_version_without_its_models_folder_is_refused(roberta: Model, tmp_path: Path) -> None:
    """The folder was copied in part; the error names the file that is missing."""
    folder = shutil.copytree(roberta.tower, tmp_path / "towers" / "xlm-roberta")
    shutil.rmtree(folder / "model")
    with pytest.raises(TowerError, match=r"tower xlm-roberta has no model in .*: copy the whole folder"):
        open_tower(folder, "text")


def test_compiling_needs_a_compiler(clip: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is none, it is said before anything is loaded."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(TowerError, match=r"torch\.compile needs a C\+\+ compiler"):
        openclip.open_image(clip.name, "cpu", compiled=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(clip: Model) -> None:
    """Both sides say so."""
    for opening in (openclip.open_text, openclip.open_image):
        with pytest.raises(TowerError, match="torch sees no CUDA device"):
            opening(clip.name, "cuda")
