"""Parts: of the promised sizes, and the same for a product for ever."""

from __future__ import annotations

from collections import Counter

from models.splits import part_of, place_of


def test_of_ten_products_eight_are_learnt_from_and_one_each_validates_and_decides() -> None:
    """Of 10,000, within three standard deviations (30 for a tenth)."""
    counts = Counter(part_of(f"product {number}") for number in range(10_000))
    assert set(counts) == {"train", "val", "gate"}
    assert abs(counts["val"] - 1_000) <= 90
    assert abs(counts["gate"] - 1_000) <= 90


def test_a_product_stays_in_its_part() -> None:
    """What once decided must decide in the next release, too: these are of the first."""
    assert [part_of(product) for product in ("10", "11", "13")] == ["train", "gate", "val"]


def test_another_purpose_is_another_order() -> None:
    """Half of 1,000 products lie in the lower half of one order; of these, about half do so in the other."""
    products = [f"product {number}" for number in range(1_000)]
    lower = [product for product in products if place_of(product, "one") < 0.5]
    both = [product for product in lower if place_of(product, "other") < 0.5]
    assert abs(len(lower) - 500) <= 50
    assert abs(len(both) - len(lower) / 2) <= 40
