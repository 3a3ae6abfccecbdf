"""`vitrine finetune`: what it prints, what it refuses and how, and that Ctrl-C ends it."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from app.commands.finetune import finetune
from indexer.store import open_current
from models.recipe import BUNDLED, TRANSFORMER, TRANSLATION, Config
from models.registry import Registry
from tests.app.test_cli import Vitrine, vitrine
from tests.tuning import one_thread, own_home, own_pairs

__all__ = ["one_thread", "vitrine"]

_RECIPE = "--trainable projection --epochs 2 --batch 45 --lr 0.002 --negatives 0 --wise-ft 0.6"
RECIPE = _RECIPE.split()


@pytest.fixture
def shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return own_home(home, tmp_path, monkeypatch)


def test_it_prints_base_against_tuned_and_says_what_became_of_it(
    vitrine: Vitrine, shop: Path, tmp_path: Path
) -> None:
    """Means, intervals, differences and guards on stdout; the last line tells it in a word. Of a tower that
    was not asked to go live, it says so; nothing but the tower is left in the home."""
    pairs, gate = own_pairs(tmp_path)
    before = {path.name for path in shop.iterdir()}
    status, out, err = vitrine("finetune", pairs, "--gate", gate, "--out", "mine", *RECIPE, "--home", shop)
    assert status == 0, err
    means, intervals, differences, guards, last = out.strip().split("\n\n")
    assert [line.split()[0] for line in means.splitlines()] == ["tower", "base", "mine"]
    assert intervals.startswith("95% interval")
    assert differences.startswith("against base, on the same queries")
    assert guards.splitlines()[0].split() == [
        "guard",
        "sets:",
        "mRR@20",
        "queries",
        "base",
        "tuned",
        "change",
    ]
    assert last == "kept mine: it passes the gate, and was not asked to go live"
    assert max(map(len, out.splitlines())) <= 100
    assert "towers/mine/report/index.html" in err
    assert {path.name for path in shop.iterdir()} == before


BAD: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "empty.csv has no usable row"),
    "columns.csv": (b"text,id\nHose,demo-0001\n", "no text in `query` or no id in `item` (line 2)"),
    "unknown.csv": (b"query,item\n" + b"Hose,gone\n" * 9, "9 rows left out: an item that the index lacks"),
    "blank.jsonl": (b'{"query": " ", "item": "demo-0001"}', "no text in `query` or no id in `item` (line 1)"),
    "one.csv": (b"query,item\nHose,demo-0001\n", "one.csv gives "),
    "twice.csv": (b"query,item\n" + b"Hose,demo-0001\n" * 300, "299 rows said before: merged"),
    "latin.csv": ("query,item\ngrüne Hose,demo-0001\n".encode("latin-1"), "line 2 is not UTF-8 (Latin-1"),
    "broken.jsonl": (b'{"query": "Hose", "item"', "not JSON (line 1)"),
    "weights.csv": (b"query,item,weight\nHose,demo-0001,-1\n", "a weight that is not a number above 0"),
    "split.csv": (b"query,item,split\nHose,demo-0001,test\n", "has no row with split 'train': it has test"),
    "picture.png": (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1 is not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(vitrine: Vitrine, home: Path, tmp_path: Path, name: str) -> None:
    """Before anything is drawn or trained: exit 2, nothing on stdout, and the file's rows to blame."""
    content, reason = BAD[name]
    (tmp_path / name).write_bytes(content)
    status, out, err = vitrine("finetune", tmp_path / name, "--home", home)
    assert (status, out) == (2, ""), err
    last = err.splitlines()[-1]
    assert last.startswith("vitrine: ")
    assert reason in last
    assert "Traceback" not in err
    assert "training" not in err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--optimiser", "sgdd"], "timm has no optimiser 'sgdd'"),
        (["--trainable", "lora"], "trainable is lora, which is for transformers"),
        (["--wise-ft", "2"], "choose auto, off, or a share"),
        (["--guard", "none.csv"], "none.csv cannot be read as a query set"),
        (["--gate", "none.csv"], "none.csv cannot be read as a query set"),
        (["--out", "base"], "the id base is taken"),
        (["--out", "Mine"], "'Mine' cannot be a tower's id"),
    ],
)
def test_wrong_options_are_refused_in_one_line(
    vitrine: Vitrine, home: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    """Exit 2, and what there is instead."""
    pairs, _ = own_pairs(tmp_path)
    gate = [] if "--gate" in arguments else ["--gate", tmp_path / "gate.jsonl"]
    status, out, err = vitrine("finetune", pairs, *gate, *arguments, "--home", home)
    assert (status, out) == (2, ""), err
    assert reason in err.splitlines()[-1]


def test_the_defaults_are_those_of_the_recipe() -> None:
    """Written out in the command, because its help must not wait for torch."""
    defaults = {name: each.default for name, each in inspect.signature(finetune).parameters.items()}
    usual = asdict(Config())
    told = {name: defaults[name] for name in usual if defaults[name] is not None}
    assert usual.keys() - told.keys() == {"epochs", "lr", "scale", "microbatch"}
    assert told == {name: usual[name] for name in told}
    help_of = {name: str(each.annotation) for name, each in inspect.signature(finetune).parameters.items()}
    assert f"[default: {usual['epochs']}; with --parallel {TRANSLATION.epochs}]" in help_of["epochs"]
    whole, lora, head = (f"{TRANSFORMER.rates[kind]:g}" for kind in ("all", "lora", "projection"))
    assert (
        f"[default: bundled towers {BUNDLED.rates['all']:g}, with --parallel {BUNDLED.translation:g}; "
        f"transformers {whole}, with lora {lora}, with projection {head}]"
    ) in help_of["lr"]
    assert f"bundled towers {BUNDLED.scale:g}, transformers {TRANSFORMER.scale:g}]" in help_of["scale"]


def test_control_c_ends_it_and_leaves_nothing(shop: Path, tmp_path: Path) -> None:
    """In the middle of training: exit 130, no traceback, no half tower, no leftovers in the home."""
    pairs, gate = own_pairs(tmp_path)
    before = {path.name for path in shop.iterdir()}
    towers = Registry(shop).cards()
    command = [sys.executable, "-c", PROGRAM, "finetune", str(pairs), "--gate", str(gate), "--epochs", "99"]
    running = subprocess.Popen(
        [*command, "--home", str(shop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("training"):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert {path.name for path in shop.iterdir()} == before
    assert Registry(shop).cards() == towers
    assert Registry(shop).active(open_current(shop).space) == "base"


# Whoever starts the tests may have them ignore Ctrl-C.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from indexer import guards
guards.GARMENTS = 12
from app.cli import main
main()
"""


def test_a_result_is_json(vitrine: Vitrine, shop: Path, tmp_path: Path) -> None:
    """The card can be read by anything that reads JSON."""
    pairs, gate = own_pairs(tmp_path)
    status, out, _ = vitrine("finetune", pairs, "--gate", gate, *RECIPE, "--activate", "--home", shop)
    assert status == 0
    tower = out.splitlines()[-1].removeprefix("activated ")
    assert tower.startswith("tuned-")
    json.loads((shop / "towers" / tower / "card.json").read_text(), parse_constant=pytest.fail)
