"""Text towers that answer by ONNX Runtime on the CPU: a version is exported once, into a folder of its own.

<cache>/<key>-<form>/   model.onnx  model.onnx.data  SHA256SUMS      (key: what the version is made of)
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import multiprocessing
import os
import secrets
import shutil
import time
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import filelock
import numpy as np
import torch

from models.batches import by_length
from models.cards import CARD, ROOT, Card, OfCard, ancestors, is_id, read_card
from models.onnx_int8 import quantise
from models.towers import (
    Respelling,
    TextInput,
    TowerError,
    TrainableText,
    Vectors,
    open_input,
    open_trainable,
)

_logger = logging.getLogger("vitrine")

Form = Literal["fp32", "int8"]
_EXPORTER = "1"
"""Part of every key: another number where `export` writes something else than before."""
_MODEL = "model.onnx"
_SUMS = "SHA256SUMS"
_STAGING = ".exporting-"
_EXTRAS = ("onnxruntime", "onnx", "onnxscript")
_NICE = 10
PIECES_PER_BATCH = 4_096
"""Bounds the memory of one forward pass, padding counted: about 60 MB."""

_PROBES = ("a", "rotes Sommerkleid ohne Ärmel", "blue shirt for men, size 40", "Kleid " * 100)
"""Texts of several lengths, the longest last, by which an export is compared with its module."""
_FARTHEST = {"fp32": 1e-6, "int8": 0.02}
"""How much less than 1 the cosine between a probe's vector and the module's may be."""


class OnnxText(OfCard):
    """A text tower without its torch module; its session takes as many threads as torch would."""

    def __init__(self, card: Card, inputs: TextInput, model: Path) -> None:
        """`model` is what `export` wrote of the tower on `card`."""
        self.card = card
        self._inputs = inputs
        try:
            self._session = _session(model)
        except Exception as error:  # of a dozen kinds, which have nothing in common
            raise TowerError(f"ONNX Runtime cannot open tower {card.id} from {model}: {error}") from error
        self._shortest = inputs.collate(inputs.tokenize(["a"]))[0].shape[1]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim); texts of like length share a forward pass, whatever their order."""
        ids = self._inputs.tokenize(texts)
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # A text is padded to the shortest that the tower takes: for some families, to all that they read.
        lengths = [max(self._shortest, len(row)) for row in ids]
        for rows in by_length(lengths, PIECES_PER_BATCH):
            vectors[rows] = _run(self._session, self._inputs.collate([ids[row] for row in rows]))
        return vectors

    def respelled(self, text: str) -> str:
        """As the tower's torch form reads it."""
        return self._inputs.respelled(text) if isinstance(self._inputs, Respelling) else text


def require_extras() -> None:
    """Raises ModuleNotFoundError, which says what to install, where towers cannot be exported and run."""
    for name in _EXTRAS:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(
                f"the runtime onnx needs the package {name}, which is not installed: "
                "pip install 'vitrine[onnx]', or choose the runtime torch"
            )


def open_onnx(folder: Path, cache: Path, form: Form) -> OnnxText:
    """The version in `folder`, exported into `cache` first unless it is there and whole.

    An export takes up to a minute; it runs in another process, and one at a time in all that share `cache`.
    Raises ModuleNotFoundError, or TowerError where the version is damaged or cannot be exported.
    """
    require_extras()
    card = read_card(folder)
    exported = cache / f"{export_key(folder)}-{form}"
    if not is_whole(exported):
        cache.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache / ".lock"):
            if not is_whole(exported):
                _export_version(folder, card, exported, form)
                _sweep(cache, folder.parent)
    return OnnxText(card, open_input(folder), exported / _MODEL)


def export(tower: TrainableText, path: Path, form: Form) -> None:
    """Writes the tower's module, which is on the CPU, as ONNX; its weights lie beside `path`, in `path`.data.

    Raises TowerError where the result does not give the module's vectors.
    """
    module = tower.module.eval()
    probes = [tower.collate(tower.tokenize([text])) for text in _PROBES]
    # Not over the longest: of a text that fills its context, a module may skip what shorter ones need.
    together = tower.collate(tower.tokenize(_PROBES[:-1]))
    # Any number of texts, of any length; but what a module itself holds fixed stays so.
    shapes = tuple(dict.fromkeys(range(part.dim()), torch.export.Dim.AUTO) for part in together)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to torch, on ways in which it is to change
        program = torch.onnx.export(
            module, tuple(together), dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    assert program is not None
    if form == "int8":
        quantise(program.model)
    program.save(path, external_data=True)
    del program
    session = _session(path)
    with torch.inference_mode():
        for batch in (*probes, together):
            cosines = (_run(session, batch) * module(*batch).numpy()).sum(axis=1)
            if not (cosines > 1 - _FARTHEST[form]).all():
                raise TowerError(
                    f"{tower.id} as ONNX ({form}) gives other vectors than its module, cosine "
                    f"{cosines.min():.4f}: it can be run by torch only"
                )


def _session(path: Path) -> Any:
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _run(session: Any, batch: Sequence[torch.Tensor]) -> Vectors:
    given = zip(session.get_inputs(), batch, strict=True)
    vectors: Vectors = session.run(None, {into.name: part.numpy() for into, part in given})[0]
    return vectors


# Exports on disk.


def export_key(folder: Path) -> str:
    """Hash of all that an export follows from: the weights of the version and of those that it holds the
    differences from, and what its family keeps beside them."""
    versions = [folder, *ancestors(folder)]
    digest = hashlib.sha256(_EXPORTER.encode())
    for version in versions:
        card = read_card(version)
        digest.update(f"{card.family} {card.weights}\n".encode())
    for file in sorted((versions[-1] / ROOT).rglob("*")):
        if file.is_file():
            digest.update(f"{file.name} {_sum(file)}\n".encode())
    return digest.hexdigest()


def _sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_whole(exported: Path) -> bool:
    """Whether an export is there, and every byte of it as it was written."""
    try:
        lines = (exported / _SUMS).read_text(encoding="ascii").splitlines()
        sums = [line.split("  ") for line in lines]
        return bool(sums) and all(_sum(exported / name) == digest for digest, name in sums)
    except (OSError, ValueError):
        return False


def _export_version(folder: Path, card: Card, exported: Path, form: Form) -> None:
    """Another process does it, at the lowest priority: tracing a module would hold up the threads that answer
    here, and what it takes of memory goes back when it ends."""
    _logger.info("exporting tower %s for ONNX Runtime (%s), once: this may take a minute", card.id, form)
    began = time.monotonic()
    for left in exported.parent.glob(f"{_STAGING}*"):  # by a process that was killed: we have the lock
        shutil.rmtree(left, ignore_errors=True)
    staging = exported.with_name(f"{_STAGING}{secrets.token_hex(4)}")
    staging.mkdir()
    context = multiprocessing.get_context("spawn")
    result, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(folder, staging, form, sender), daemon=True)
    with result:
        process.start()
        sender.close()
        try:
            refusal = result.recv()
        except EOFError:
            process.join()
            refusal = f"its process ended with {process.exitcode}, and what it printed says why"
    process.join()
    if refusal is not None:
        shutil.rmtree(staging, ignore_errors=True)
        raise TowerError(f"tower {card.id} could not be exported for ONNX Runtime: {refusal}")
    shutil.rmtree(exported, ignore_errors=True)
    staging.rename(exported)
    _logger.info("exported tower %s in %.0f s", card.id, time.monotonic() - began)


def _work(folder: Path, staging: Path, form: Form, sender: Connection) -> None:
    """Writes an export; sends None, or what was wrong."""
    os.nice(_NICE)
    try:
        export(open_trainable(folder, "cpu"), staging / _MODEL, form)
        sums = "".join(f"{_sum(file)}  {file.name}\n" for file in sorted(staging.iterdir()))
        (staging / _SUMS).write_text(sums, encoding="ascii")
        sender.send(None)
    except (TowerError, OSError) as error:
        sender.send(str(error))


def _sweep(cache: Path, towers: Path) -> None:
    """Deletes the exports of versions that are gone: each is as large as its tower."""
    kept = set()
    for folder in towers.iterdir():
        if is_id(folder.name) and (folder / CARD).is_file():
            try:
                kept.add(export_key(folder))
            except TowerError:
                continue
    for exported in cache.iterdir():
        if exported.is_dir() and exported.name.rsplit("-", 1)[0] not in kept:
            shutil.rmtree(exported, ignore_errors=True)
