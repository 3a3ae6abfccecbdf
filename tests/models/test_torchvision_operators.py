"""torchvision and timm import, whichever build of torch they are beside."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from models.torchvision_operators import declare_missing_operators

IMPORT = [sys.executable, "-c", "import torchvision"]


@pytest.fixture(scope="module")
def imports_by_itself() -> bool:
    """Whether torchvision's compiled part fits the torch that is here."""
    return subprocess.run(IMPORT, capture_output=True, check=False).returncode == 0


def test_torchvisions_transforms_import() -> None:
    """Once declared, what timm needs of torchvision imports and works."""
    declare_missing_operators()
    from torchvision.transforms import functional  # type: ignore[import-untyped]  # noqa: PLC0415

    assert functional.hflip(torch.tensor([[1, 2]])).tolist() == [[2, 1]]


def test_nothing_is_declared_where_nothing_is_missing(imports_by_itself: bool) -> None:
    """The declarations stand in for the compiled part only where it does not load."""
    assert (declare_missing_operators() is None) == imports_by_itself


def test_asking_twice_declares_once() -> None:
    """torch refuses a second declaration of one operator; every image tower asks."""
    assert declare_missing_operators() is declare_missing_operators()


def test_a_declared_operator_does_not_pretend_to_work() -> None:
    """Where the compiled part is missing, calling it fails loudly; where it is there, it answers."""
    declared = declare_missing_operators()
    boxes, scores = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0])
    if declared is None:
        assert torch.ops.torchvision.nms(boxes, scores, 0.5).tolist() == [0]
    else:
        with pytest.raises(NotImplementedError, match="torchvision::nms"):
            torch.ops.torchvision.nms(boxes, scores, 0.5)
