"""docs/clients.md: every example is run, and prints what the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.build import BuildConfig, build
from indexer.drawn import write_demo
from tests.conftest import REPOSITORY, quiet, serving

PAGE = (REPOSITORY / "docs" / "clients.md").read_text(encoding="utf-8")
SHOP = "http://localhost:8000"
CHANGING = {"index", "next", "took_ms", "relevance"}
"""Members of an answer that differ from index to index, or with a tower's calibration."""


@dataclass(frozen=True)
class Example:
    language: str
    code: str
    form: str
    """ "text" or "json", as the output is; "" where none is shown."""
    output: str


def examples(page: str) -> Iterator[Example]:
    """What is to be run, with the block that stands right below it, if it is one of output."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```\n(?=(?:```(text|json)\n(.*?)^```)?)", page, re.M | re.S)
    for language, code, form, output in blocks:
        if language in {"sh", "python", "js"}:
            yield Example(language, code, form, output)


EXAMPLES = list(examples(PAGE))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of the page are given, after its first three."""
    folder = tmp_path_factory.mktemp("desk")
    build(folder / "home", BuildConfig(write_demo(folder / "demo"), limit=60), quiet)
    return folder


@pytest.fixture(scope="module")
def url(desk: Path) -> Iterator[str]:
    with serving(desk / "home") as address:
        wait_until_ready(address)
        yield address


def test_the_page_has_examples_in_three_languages() -> None:
    """And most show what they print."""
    assert {example.language for example in EXAMPLES} == {"sh", "python", "js"}
    assert sum(bool(example.output) for example in EXAMPLES) >= 9


@pytest.mark.parametrize("language", ["sh", "js"])
def test_what_is_shown_is_what_is_printed(language: str, desk: Path, url: str) -> None:
    """Every command of the terminal, and every script of a browser's language where there is node."""
    commands = {"sh": ["bash", "-euc"], "js": ["node", "--input-type=module", "--eval"]}
    if not shutil.which(commands[language][0]):
        pytest.skip(f"needs {commands[language][0]}, which is not installed here")
    for example in EXAMPLES:
        if example.language == language:
            assert_shown(run([*commands[language], example.code.replace(SHOP, url)], desk), example)


def test_python_prints_what_is_shown(desk: Path, url: str) -> None:
    """One after the other, as on the page: later examples use what earlier ones have."""
    shell = [example for example in EXAMPLES if "openapi_python_client generate" in example.code]
    for example in shell:
        run(["bash", "-euc", example.code.replace(SHOP, url)], desk)
    scripts = [example for example in EXAMPLES if example.language == "python"]
    marked = "\nprint('-- next --')\n".join(example.code.replace(SHOP, url) for example in scripts)
    printed = run([sys.executable, "-c", marked], desk).split("-- next --\n")
    for example, output in zip(scripts, printed, strict=True):
        assert_shown(output, example)


def wait_until_ready(url: str) -> None:
    """A busy machine takes its time to open an index."""
    end = time.monotonic() + 60
    while (answer := httpx.get(f"{url}/readyz")).status_code != 200:
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def assert_shown(printed: str, example: Example) -> None:
    if example.form == "json":
        assert_alike(json.loads(printed), json.loads(example.output))
    elif example.form:
        assert printed == example.output


def assert_alike(found: Any, shown: Any) -> None:
    """The same but for what changes from service to service, and for the last digits of numbers."""
    if isinstance(shown, dict):
        assert found.keys() == shown.keys()
        for name in shown.keys() - CHANGING:
            assert_alike(found[name], shown[name])
    elif isinstance(shown, list):
        assert len(found) == len(shown)
        for one, other in zip(found, shown, strict=True):
            assert_alike(one, other)
    elif isinstance(shown, float):
        assert found == pytest.approx(shown, abs=0.005)
    else:
        assert found == shown
