"""Which pairs are learnt from, which choose, and which decide: parts that no product straddles.

A product's part follows from its name alone: whatever the order of a file, and however it grows, what once
decided has never been learnt from, by the tower being tuned or by the towers that it was tuned from.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Part = Literal["train", "val", "gate"]

HELD_OUT = 0.1
"""The share of the products in each of the validation and gate parts."""


def part_of(product: str) -> Part:
    """80% of all products are for training, 10% for validation, 10% for the gate."""
    share = place_of(product, "part")
    if share < HELD_OUT:
        return "gate"
    return "val" if share < 2 * HELD_OUT else "train"


def place_of(product: str, purpose: str) -> float:
    """From 0 to below 1, evenly; another purpose gives an order that has nothing to do with the first."""
    digest = hashlib.sha256(f"{purpose}\n{product}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48
