"""Checkpoints: whole or not at all, and never more often than their writing is worth."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import Checkpoint

CPU = torch.device("cpu")
GIGABYTE = 10**9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which stands still."""
    now = [1000.0]
    monkeypatch.setattr("models.checkpoint.time.monotonic", lambda: now[0])
    return now


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Tensors, numbers and text; nothing where there is no file yet."""
    held = {"weights": {"a": torch.arange(4.0)}, "step": 3}
    file = Checkpoint(tmp_path / "file", "this run", 16)
    assert file.read(CPU) == (None, "")
    file.write(held)
    found, note = Checkpoint(tmp_path / "file", "this run", 16).read(CPU)
    assert found is not None
    assert (found["step"], note) == (3, "")
    assert torch.equal(found["weights"]["a"], torch.arange(4.0))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_of_another_run_is_passed_over(tmp_path: Path) -> None:
    """By the fingerprint; it is said."""
    Checkpoint(tmp_path / "file", "that run", 16).write({"step": 3})
    found, note = Checkpoint(tmp_path / "file", "this run", 16).read(CPU)
    assert found is None
    assert "of another run" in note


def test_small_ones_are_written_at_every_epochs_end(tmp_path: Path, clock: list[float]) -> None:
    """And every 20 seconds in between."""
    file = Checkpoint(tmp_path / "file", "run", 10_000_000)
    assert file.due(epoch_ends=True)
    clock[0] += 19
    assert not file.due(epoch_ends=False)
    clock[0] += 2
    assert file.due(epoch_ends=False)
    file.write({})
    assert not file.due(epoch_ends=False)


def test_large_ones_take_a_twentieth_of_the_time_at_most(tmp_path: Path, clock: list[float]) -> None:
    """4 GB are expected to take 10 seconds, so the first is written after 200. It took 5, so the next comes
    after 100 more: until then not even an epoch's end has one."""
    file = Checkpoint(tmp_path / "file", "run", 4 * GIGABYTE)
    clock[0] += 199
    assert not file.due(epoch_ends=True)
    clock[0] += 2
    assert file.due(epoch_ends=False)

    class Slow:
        """Takes five seconds to be written."""

        def __reduce__(self) -> tuple[type[dict[str, int]], tuple[()]]:
            clock[0] += 5
            return dict, ()

    file.write({"slow": Slow()})
    clock[0] += 99
    assert not file.due(epoch_ends=True)
    clock[0] += 2
    assert file.due(epoch_ends=True)
