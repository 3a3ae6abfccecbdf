"""Linear layers with packed weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.half_linear import HalfLinear, halve


@pytest.mark.parametrize("bias", [True, False])
def test_a_halved_layer_gives_what_the_whole_one_gives(bias: bool) -> None:
    """With weights that float16 can hold, outputs are equal to rounding, whatever the leading shape."""
    whole = nn.Linear(32, 8, bias=bias)
    whole.load_state_dict({name: tensor.half().float() for name, tensor in whole.state_dict().items()})
    x = torch.randn(3, 5, 32)
    torch.testing.assert_close(HalfLinear(whole)(x), whole(x), rtol=1e-5, atol=1e-5)


def test_every_linear_layer_of_a_module_is_replaced_and_nothing_else() -> None:
    """Nested layers are found; a layer norm stays."""
    module = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2)))
    halve(module)
    assert [type(layer).__name__ for layer in module.modules() if not list(layer.children())] == [
        "HalfLinear",
        "LayerNorm",
        "HalfLinear",
    ]


def test_where_a_layer_cannot_be_packed_all_stay() -> None:
    """No kernel packs a layer without values, as none is there at all on some processors: nothing changes."""
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2, device="meta"))
    halve(module)
    assert [type(layer) for layer in module] == [nn.Linear, nn.Linear]
