"""The learning curve: more of the same pairs, the same queries, a table and a plot."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app import learning_curve as curves
from app.cli import main
from app.ground import Ground
from app.learning_curve import Curve, Size, write_curve
from app.tuning import Learnt, learn
from app.tuning_options import Follower, Options, options_of
from models.evaluate import Evaluation, QueryResult
from models.queries import Pair
from models.registry import Registry
from tests.tuning import RECIPE, Witness, one_thread, own_home, own_pairs  # noqa: F401


def test_each_size_holds_the_smaller_ones_and_registers_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 216 pairs beside a gate file, 36 validate: a file of 108 learns from half of the 180 that are left.
    A size that is not there is all there is, and the order of the file does not matter."""
    shop, (pairs, gate) = own_home(home, tmp_path, monkeypatch), own_pairs(tmp_path)
    learnt = []

    def remember(ground: Ground, train: Sequence[Pair], options: Options, follower: Follower) -> Learnt:
        learnt.append([(pair.query, pair.item) for pair in train])
        return learn(ground, train, options, follower)

    monkeypatch.setattr(curves, "learn", remember)
    options = options_of(RECIPE | {"gate": gate, "epochs": 1})
    witness = Witness(tmp_path)
    curve = curves.learning_curve(shop, pairs, [108, 999], options, witness)
    assert [(size.pairs, size.learnt) for size in curve.sizes] == [(108, 90), (216, 180)]
    assert learnt[0] == learnt[1][:90]
    assert len(curve.base.results) == len(curve.sizes[0].evaluation.results)
    assert "108 pairs: training" in witness.stages
    assert any("larger sizes are all of them" in note for note in witness.notes)
    assert {path.name for path in (shop / "towers").iterdir()} == {
        path.name for path in (home / "towers").iterdir()
    }
    assert Registry(shop).active(Registry(shop).card("base").space) == "base"


def evaluation(*values: float) -> Evaluation:
    names = ("mRR@20", "hits@20", "mAP@20")
    return Evaluation(
        "any",
        [
            QueryResult(f"query {number}", (), ("a",), (), dict.fromkeys(names, value))
            for number, value in enumerate(values)
        ],
    )


def test_the_curve_is_written_as_a_page_a_plot_and_numbers(tmp_path: Path) -> None:
    """Every query goes from 0.25 to 0.5 and to 1: gains of 0.25 and 0.75, each sure. A file's name cannot
    command the page."""
    sizes = [Size(100, 80, 1.0, evaluation(0.5, 0.5)), Size(200, 160, 0.6, evaluation(1, 1))]
    page = write_curve(tmp_path / "new", Curve("<b>.csv", "v1", 9, "base", evaluation(0.25, 0.25), sizes))
    numbers = json.loads((page.parent / "results.json").read_text())
    assert numbers["base"]["mRR@20"] == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert [size["gain"]["mRR@20"]["low"] for size in numbers["sizes"]] == [0.25, 0.75]
    text = page.read_text()
    assert "&lt;b&gt;.csv" in text
    assert "<script" not in text
    assert "+0.750" in text
    root = ElementTree.parse(page.parent / "curve.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    shown = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"100", "200", "0.50", "1.00"} <= set(shown)


@pytest.mark.parametrize("sizes", ["", "5", "100,many", "1e3"])
def test_sizes_that_are_none_are_refused(
    sizes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, before anything is read."""
    monkeypatch.setattr(sys, "argv", ["vitrine", "learning-curve", "none.csv", "--sizes", sizes])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "such as 125,250,500" in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
