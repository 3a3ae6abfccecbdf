"""Every open_clip model, from its name to its towers; the only import of open_clip."""

from __future__ import annotations

import contextlib
import datetime
import difflib
import functools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from models import hub
from models.cards import (
    ROOT,
    Card,
    State,
    content_hash,
    read_card,
    read_state,
    root_of,
    space_of,
    write_tensors,
    write_weights,
)
from models.devices import torch_device
from models.openclip_names import (
    CONFIG,
    FORMS,
    BuiltIn,
    Folder,
    Name,
    Repository,
    looks_like_a_path,
    parse,
    shown,
    slug,
)
from models.openclip_tokenizer import Ids, Pieces
from models.openclip_towers import FAMILY, OpenClipImage, OpenClipInput, OpenClipText, TextModule
from models.preprocessing import Preprocessing
from models.torchvision_operators import declare_missing_operators
from models.towers import BUNDLED, Device, TowerError

CHECKPOINT = "open_clip_model.safetensors"
"""The first that open_clip looks for in a folder."""
_CHECKPOINTS = (CHECKPOINT, "open_clip_pytorch_model.bin")
"""Those of a repository that names none."""
_TEXT_CONFIG = "config.json"
_FITS = ("shortest", "squash", "longest")
_INTERPOLATIONS: dict[str, Literal["bilinear", "bicubic"]] = {
    "bicubic": "bicubic",
    "bilinear": "bilinear",
    "random": "bicubic",  # what is drawn in training; open_clip's own choice for the rest
}
_PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")
_COMPILERS = ("g++", "clang++", "c++")
_COMPARED = 100
"""Characters of a wrong name that are compared with the right ones: it may be of any length."""


def open_image(name: str, device: Device = "auto", *, compiled: bool = False) -> OpenClipImage:
    """The image tower of a model. `compiled`: by torch.compile, which makes the first batches slow."""
    if compiled:
        _require_compiler()
    model = _find(name)
    return _image(model, _build(model), device, compiled=compiled)


def open_sides(
    name: str, device: Device = "auto", *, compiled: bool = False
) -> tuple[OpenClipImage, OwnText]:
    """Both sides of a model, whose weights are read once."""
    if compiled:
        _require_compiler()
    model = _find(name)
    built = _build(model)
    image = _image(model, built, device, compiled=compiled)
    return image, _own(model, built, image.space)


def open_text(name: str | Path, device: Device = "auto") -> OpenClipText:
    """The text tower of a model, or the version in a folder, to answer with; it holds no image tower."""
    if isinstance(name, Path):
        return _read(name, torch_device(device), serving=True)
    model = _find(name)
    built = _build(model)
    image = _image(model, built, "cpu", compiled=False)
    own = _own(model, built, image.space)
    module = _placed(own.module, torch_device(device), serving=True)
    return OpenClipText(own.card, module, Ids(_tokenizer(model)), None)


def open_trainable(folder: Path, device: Device = "auto") -> OpenClipText:
    """The version in a folder, in full precision."""
    return _read(folder, torch_device(device), serving=False)


def open_input(folder: Path) -> OpenClipInput:
    """How texts become what the module of the version in a folder reads; reads no weights."""
    model, module = _unfilled(folder)
    return OpenClipInput(Ids(_tokenizer(model)), module.text)


def open_tokenizer(name: str | Path) -> Pieces:
    """How the text tower of a model, or the version in a folder, takes a text apart; reads no weights."""
    if isinstance(name, Path):
        _text_card(name)
        model = _of_version(name)
        assert model.folder is not None
        return _pieces(model.folder, (model.folder / CONFIG).stat().st_mtime_ns)
    return Pieces(_tokenizer(_find(name)))


@functools.lru_cache(maxsize=4)
def _pieces(folder: Path, changed: int) -> Pieces:
    # A vocabulary takes up to seconds to read, and every question of how a query is read needs it. `changed`
    # tells folders apart that had the same name one after the other.
    return Pieces(_tokenizer(_in_folder(folder)))


def slug_of(name: str) -> str:
    """What a folder of the model may be called, and the id of its text tower is."""
    return slug(_find(name).name)


def write_model(name: str, folder: Path) -> None:
    """Writes weights, configuration and tokenizer of a model into `folder`, which then needs no hub."""
    model = _find(name)
    state = _checkpoint(model)
    _write_description(model, folder)
    # Cloned, as some checkpoints hold a tensor under two names, which the format does not.
    write_tensors(folder / CHECKPOINT, {part: tensor.clone() for part, tensor in state.items()})


@dataclass(frozen=True)
class OwnText:
    """A model's own text side, which is the first text tower of its space."""

    card: Card
    module: TextModule
    model: _Model

    def write(self, folder: Path) -> None:
        """All but the card of a version that needs neither hub nor image tower."""
        write_weights(folder, self.module.state_dict())
        _write_description(self.model, folder / ROOT)


# From a name to what open_clip says of a model.


@dataclass(frozen=True)
class _Model:
    """`folder` holds its files, where they lie in one; else `repository` has one of `checkpoints`."""

    name: Name
    config: dict[str, Any]
    preprocess: dict[str, Any]
    folder: Path | None = None
    repository: str = ""
    checkpoints: tuple[str, ...] = ()

    def checkpoint(self) -> Path:
        """Raises TowerError, as the next two do, where it is neither here nor to be had."""
        if isinstance(self.name, BuiltIn) and looks_like_a_path(self.name.pretrained):
            return Path(self.name.pretrained)
        if self.folder is None:
            return self._from_hub(lambda: hub.file(self.repository, self.checkpoints))
        from open_clip.factory import _find_checkpoint_in_dir  # noqa: PLC0415

        found = _find_checkpoint_in_dir(self.folder)
        if found is None:
            raise TowerError(f"{self.folder} holds no weights: copy the whole folder, with {CHECKPOINT}")
        return Path(found)

    def text_config(self) -> Path | None:
        """The configuration of a text side that is of transformers."""
        if not (named := self.config["text_cfg"].get("hf_model_name")):
            return None
        for folder in self._folders(named):
            if _is_of_text(folder / _TEXT_CONFIG):
                return folder / _TEXT_CONFIG
        return self._from_hub(lambda: hub.file(named, [_TEXT_CONFIG]))

    def tokenizer(self) -> Path | None:
        """The folder of a tokenizer that is of transformers."""
        if not (named := self.config["text_cfg"].get("hf_tokenizer_name")):
            return None
        for folder in self._folders(named):
            if any((folder / file).is_file() for file in hub.VOCABULARIES):
                return folder
        return self._from_hub(lambda: hub.tokenizer(named))

    def _folders(self, named: str) -> list[Path]:
        return [*([self.folder] if self.folder else []), Path(named)]

    def _from_hub(self, get: Callable[[], Path]) -> Path:
        try:
            return get()
        except hub.NotHere as error:
            raise TowerError(
                f"{self.name} needs {error}: run `vitrine pull {self.name}` on a machine with a network, and "
                "carry the folder that it writes here"
            ) from None


def _find(name: str) -> _Model:
    """Raises TowerError for what is no model's name, or where its description is missing or damaged."""
    match parse(name):
        case BuiltIn() as built_in:
            return _built_in(built_in)
        case Repository() as repository:
            model = _Model(repository, {}, {}, repository=repository.id, checkpoints=_CHECKPOINTS)
            path = model._from_hub(lambda: hub.file(repository.id, [CONFIG]))
            config, preprocess = _description(path)
            return replace(model, config=config, preprocess=preprocess)
        case Folder(path):
            return _in_folder(Path(os.path.abspath(path.expanduser())))
    known = [BUNDLED, *_open_clip().list_models()]
    raise TowerError(f"there is no tower called {shown(name)}: {_near(name, known)}give bundled, {FORMS}")


def _built_in(name: BuiltIn) -> _Model:
    open_clip = _open_clip()
    known: list[str] = open_clip.list_models()
    if name.architecture not in known:
        near = _near(name.architecture, known)
        raise TowerError(f"open_clip knows no architecture {shown(name.architecture)}: {near}give {FORMS}")
    config: dict[str, Any] = open_clip.get_model_config(name.architecture)
    if looks_like_a_path(name.pretrained):
        checkpoint = Path(os.path.abspath(Path(name.pretrained).expanduser()))
        if not checkpoint.is_file():
            raise TowerError(f"there is no checkpoint {shown(str(checkpoint))}: correct the path in the name")
        return _Model(replace(name, pretrained=str(checkpoint)), config, {})
    weights: dict[str, Any] = open_clip.get_pretrained_cfg(name.architecture, name.pretrained)
    if not weights:
        tags = open_clip.list_pretrained_tags_by_model(name.architecture)
        there = f"there are {', '.join(tags)}" if tags else "there are none"
        raise TowerError(
            f"{name.architecture} has no weights {shown(name.pretrained)}: {there}, or give the path of a "
            "checkpoint, with a / in it"
        )
    if weights.get("quick_gelu"):  # what open_clip only warns of: these weights mean nothing without it
        config["quick_gelu"] = True
    repository, file = os.path.split(weights["hf_hub"])
    files = (f"{file.rpartition('.')[0]}.safetensors", file) if file else _CHECKPOINTS
    tag = name.pretrained.lower().replace("-", "_")  # as open_clip reads it
    preprocess = {key: value for key, value in weights.items() if key in _PREPROCESSING}
    return _Model(replace(name, pretrained=tag), config, preprocess, repository=repository, checkpoints=files)


def _in_folder(folder: Path) -> _Model:
    if not folder.is_dir():
        raise TowerError(
            f"there is no folder {shown(str(folder))}: correct the path, or copy the model there"
        )
    config, preprocess = _description(folder / CONFIG)
    return _Model(Folder(folder), config, preprocess, folder=folder)


def _description(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configurations of a model and of its preprocessing. Raises TowerError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        config, preprocess = content["model_cfg"], content.get("preprocess_cfg") or {}
        if not isinstance(config["embed_dim"], int) or not isinstance(preprocess, dict):
            raise TypeError("embed_dim is no number, or preprocess_cfg no object")
        for side in ("vision_cfg", "text_cfg"):
            if not isinstance(config[side], dict):
                raise TypeError(f"{side} is no object")
    except OSError as error:
        raise TowerError(
            f"{path.parent} is no model of open_clip: {path.name} cannot be read ({error.strerror})"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TowerError(
            f"{path} does not describe a model of open_clip ({error!r}): copy it again"
        ) from None
    return config, preprocess


def _is_of_text(path: Path) -> bool:
    """Whether it configures a text side: some repositories have one of a whole model there."""
    from open_clip.hf_configs import arch_dict  # noqa: PLC0415

    try:
        return json.loads(path.read_text(encoding="utf-8")).get("model_type") in arch_dict
    except (OSError, ValueError, AttributeError):
        return False


def _near(name: str, known: Sequence[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower()[:_COMPARED], by_lower, n=5, cutoff=0.5)
    return f"near are {', '.join(by_lower[one] for one in near)}; " if near else ""


# From what is said of a model to its modules.


def _build(model: _Model) -> nn.Module:
    """All of it, on the CPU, in the precision of its checkpoint."""
    open_clip = _open_clip()
    from open_clip.factory import load_checkpoint  # noqa: PLC0415

    checkpoint = model.checkpoint()
    config = _buildable(model)
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    with _refusing(f"open_clip cannot build {model.name}"):
        try:
            with _uninitialised():
                built: nn.Module = kind(**deepcopy(config))
        except RuntimeError:  # some of timm's towers pass a picture through themselves while they are built
            built = kind(**config)
    # Takes the checkpoint's tensors for its own: nothing is initialised in vain, or held twice.
    built.load_state_dict = functools.partial(built.load_state_dict, assign=True)  # type: ignore[method-assign]
    if checkpoint.suffix in (".npz", ".npy"):
        raise TowerError(f"{checkpoint} is in a format of numpy: convert it to safetensors")
    with _refusing(f"the weights in {checkpoint} are not those of {model.name}"):
        load_checkpoint(built, str(checkpoint))
    _require_numbers(built.state_dict(), str(model.name))
    return built


def _buildable(model: _Model) -> dict[str, Any]:
    """The configuration in the form in which open_clip builds from it, with nothing to fetch."""
    config = deepcopy(model.config)
    config.pop("custom_text", None)
    config["vision_cfg"]["timm_model_pretrained"] = False
    config["text_cfg"]["hf_model_pretrained"] = False
    if (text := model.text_config()) is not None:
        config["text_cfg"]["hf_model_name"] = str(text.parent)
    return config


def _checkpoint(model: _Model) -> State:
    """As it is in its file."""
    _open_clip()
    from open_clip.factory import load_state_dict  # noqa: PLC0415

    checkpoint = model.checkpoint()
    with _refusing(f"the weights in {checkpoint} cannot be read"):
        state: State = load_state_dict(str(checkpoint))
    return state


def _require_compiler() -> None:
    if not any(map(shutil.which, (os.environ.get("CXX") or _COMPILERS[0], *_COMPILERS))):
        raise TowerError(
            f"torch.compile needs a C++ compiler, and none of {', '.join(_COMPILERS)} is here: install one, "
            "or leave out --compile"
        )


def _image(model: _Model, built: nn.Module, device: Device, *, compiled: bool) -> OpenClipImage:
    visual: nn.Module = built.visual  # type: ignore[assignment]
    preprocessing = _preprocessing(model, visual)
    weights = {
        name: part.float() if part.is_floating_point() else part for name, part in visual.state_dict().items()
    }
    if model.config.get("quick_gelu"):
        # It is no weight, but the same weights with another activation span another space.
        weights["quick_gelu"] = torch.tensor(True)
    return OpenClipImage(
        name=str(model.name),
        space=space_of(content_hash(weights), preprocessing),
        dim=model.config["embed_dim"],
        preprocessing=preprocessing,
        visual=visual,
        device=torch_device(device),
        compiled=compiled,
    )


def _preprocessing(model: _Model, visual: nn.Module) -> Preprocessing:
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict  # noqa: PLC0415

    told = merge_preprocess_dict(asdict(PreprocessCfg()), model.preprocess)
    size: Any = visual.image_size
    height, width = size if isinstance(size, Sequence) else (size, size)
    if height != width:
        raise TowerError(
            f"{model.name} reads pictures of {width} × {height} pixels, and only squares are made here: "
            "choose another model"
        )
    known = {"resize_mode": _FITS, "interpolation": _INTERPOLATIONS, "fill_color": {0}}
    for setting, values in known.items():
        if told[setting] not in values:
            raise TowerError(
                f"{model.name} prepares pictures with the {setting} {told[setting]!r}, and there are "
                f"{', '.join(map(str, values))} here: choose another model"
            )
    with _refusing(f"the preprocessing of {model.name} cannot be followed"):
        return Preprocessing(
            size=height,
            fit=told["resize_mode"],
            interpolation=_INTERPOLATIONS[told["interpolation"]],
            mean=_of_colours(told["mean"]),
            std=_of_colours(told["std"]),
        )


def _of_colours(value: float | Sequence[float]) -> tuple[float, float, float]:
    """Red, green and blue, from the scale of 0 to 1 to that of 0 to 255."""
    red, green, blue = value if isinstance(value, Sequence) else (value,) * 3
    return 255.0 * red, 255.0 * green, 255.0 * blue


def _own(model: _Model, built: nn.Module, space: str) -> OwnText:
    module = TextModule(built.text)  # type: ignore[arg-type]
    card = Card(
        id=slug(model.name),
        family=FAMILY,
        space=space,
        dim=model.config["embed_dim"],
        weights=content_hash(module.state_dict()),
        recipe={"model": str(model.name)},
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    return OwnText(card, module, model)


def _read(folder: Path, device: torch.device, *, serving: bool) -> OpenClipText:
    model, module = _unfilled(folder)
    card, state = read_state(folder)
    with _refusing(f"the weights of {card.id} do not fit its {ROOT}/{CONFIG}"):
        module.load_state_dict(state, assign=True)
    _require_numbers(state, f"tower {card.id}")
    return OpenClipText(card, _placed(module, device, serving=serving), Ids(_tokenizer(model)), folder)


def _unfilled(folder: Path) -> tuple[_Model, TextModule]:
    """What the version in a folder is of, and its module without weights."""
    card = _text_card(folder)
    model = _of_version(folder)
    _open_clip()
    from open_clip.model import _build_text_tower  # noqa: PLC0415

    config = _buildable(model)
    with _refusing(f"open_clip cannot build {card.id}"), _uninitialised():
        text = _build_text_tower(config["embed_dim"], config["text_cfg"], config.get("quick_gelu", False))
        return model, TextModule(text)


def _of_version(folder: Path) -> _Model:
    """The model that a version is of, as its root keeps it."""
    root = root_of(folder)
    if not (root / ROOT).is_dir():
        raise TowerError(f"tower {read_card(root).id} has no {ROOT} in {root}: copy the whole folder")
    return _in_folder(root / ROOT)


def _text_card(folder: Path) -> Card:
    card = read_card(folder)
    if card.family != FAMILY:
        raise TowerError(f"tower {card.id} is of the family {card.family!r}, not {FAMILY!r}")
    return card


def _placed(module: TextModule, device: torch.device, *, serving: bool) -> TextModule:
    """On a GPU an answer needs half the precision, and half the time."""
    return module.to(device, torch.bfloat16 if serving and device.type == "cuda" else torch.float32)


def _tokenizer(model: _Model) -> Any:
    """What `open_clip.get_tokenizer` would return for the model, from files that are here."""
    open_clip = _open_clip()
    from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer  # noqa: PLC0415

    text = model.config["text_cfg"]
    options = {"context_length": text.get("context_length", DEFAULT_CONTEXT_LENGTH)}
    options |= text.get("tokenizer_kwargs") or {}
    folder = model.tokenizer()
    with _refusing(f"the tokenizer of {model.name} cannot be opened"):
        if folder is None:
            return open_clip.SimpleTokenizer(**options)
        mode = text.get("tokenizer_mode")
        # Without trust_remote_code it could ask at a terminal whether to run what lies beside a tokenizer.
        return HFTokenizer(
            str(folder), tokenizer_mode=mode, local_files_only=True, trust_remote_code=False, **options
        )


def _write_description(model: _Model, folder: Path) -> None:
    """The configuration and the tokenizer, so that nothing is left to fetch."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"model_cfg": model.config, "preprocess_cfg": model.preprocess}
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if (tokenizer := model.tokenizer()) is not None:
        for pattern in hub.TOKENIZER_FILES:
            for file in tokenizer.glob(pattern):
                shutil.copyfile(file, folder / file.name)
    if (text := model.text_config()) is not None:
        shutil.copyfile(text, folder / _TEXT_CONFIG)


def _require_numbers(state: State, whose: str) -> None:
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise TowerError(f"{name} of {whose} holds what is no number: copy it again, or choose another")


def _uninitialised() -> contextlib.AbstractContextManager[None]:
    """In it modules are built without memory for their weights, which a file will bring."""
    from accelerate import init_empty_weights  # noqa: PLC0415

    found: contextlib.AbstractContextManager[None] = init_empty_weights(include_buffers=False)
    return found


@contextlib.contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turns whatever open_clip and what is beneath it raise for a wrong or hostile file into a TowerError."""
    try:
        yield
    except TowerError:
        raise
    except Exception as error:  # they share no base
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = " ".join(lines[:2])[:300] or type(error).__name__
        raise TowerError(f"{what}: {told}") from None


@functools.cache
def _open_clip() -> Any:
    declare_missing_operators()
    import open_clip  # noqa: PLC0415 - takes seconds, and the bundled towers never need it

    return open_clip
