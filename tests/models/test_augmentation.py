"""Changed pictures: what is cut out, and that a garment keeps its colour before another scene."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.augmentation import Studio, cutout

GREY = (236, 236, 232)
RED = (200, 20, 30)


def picture(garment: tuple[int, int, int], backdrop: tuple[int, int, int] = GREY) -> Tensor:
    """(64, 64, 3): a square of 24 pixels before a backdrop 40 pixels wide, in a white letterbox."""
    pixels = torch.full((64, 64, 3), 255, dtype=torch.uint8)
    pixels[:, 12:52] = torch.tensor(backdrop, dtype=torch.uint8)
    pixels[20:44, 20:44] = torch.tensor(garment, dtype=torch.uint8)
    return pixels


def scene() -> Tensor:
    """(64, 64, 3): noise to every edge."""
    return torch.randint(0, 250, (64, 64, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.fixture
def studio() -> Studio:
    """A red garment, a white one that its white backdrop has swallowed, and a scene."""
    return Studio.of(torch.stack([picture(RED), picture((252, 252, 252), (250, 250, 250)), scene()]))


def test_a_garment_is_cut_from_its_backdrop() -> None:
    """The square is kept but for a rim of one pixel; backdrop and letterbox are not."""
    found = cutout(picture(RED)[None])[0]
    assert found[21:43, 21:43].all()
    assert found.sum() == 22 * 22


def test_a_hole_that_the_edge_does_not_reach_belongs_to_the_garment() -> None:
    """A patch of the backdrop's colour inside the garment is a pattern, not a backdrop."""
    pixels = picture(RED)
    pixels[30:34, 30:34] = torch.tensor(GREY, dtype=torch.uint8)
    assert cutout(pixels[None])[0, 30:34, 30:34].all()


def test_what_cannot_be_cut_out_stays_where_it_is(studio: Studio) -> None:
    """White on white is not movable, nor is a photograph without a backdrop; that one is a scene."""
    assert studio.movable.tolist() == [True, False, False]
    assert studio.scenes.tolist() == [2]


@pytest.mark.parametrize("staged", [0.0, 1.0])
def test_changed_pictures_keep_their_hue(studio: Studio, staged: float) -> None:
    """A red garment stays mostly red, before whatever scene: shoppers ask for colours."""
    pictures = torch.zeros(6, dtype=torch.long)
    middle = studio.changed(pictures, 48, staged)[:, 22:26, 22:26].mean((1, 2))
    assert (middle[:, 0] > 2 * middle[:, 1:].amax(1)).all()


def test_a_scene_takes_the_place_of_the_backdrop(studio: Studio) -> None:
    """Staged, the corner is no longer plain; not staged, it is the white of the letterbox or near it."""
    pictures = torch.zeros(16, dtype=torch.long)
    corners = [studio.changed(pictures, 48, staged)[:, :6, :6] for staged in (0.0, 1.0)]
    plain, staged = (corner.flatten(1, 2).std(1).mean() for corner in corners)
    assert staged > 3 * plain


def test_without_scenes_nothing_is_staged() -> None:
    """A catalogue of packshots alone is trained on as it is."""
    studio = Studio.of(picture(RED)[None])
    changed = studio.changed(torch.zeros(4, dtype=torch.long), 48, staged=1.0)
    assert changed[:, 0, 0].min() > 180
