"""What the README and the deployment files promise is there: commands, options, settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import cli
from app.settings import Settings

ROOT = Path(__file__).parent.parent
DEPLOYMENT = ("docker-compose.yml", "docker-compose.gpu.yml", "Dockerfile")
VARIABLES = {f"VITRINE_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def readme() -> str:
    path = ROOT / "README.md"
    if not path.exists():
        pytest.skip("README.md is not written yet")
    return path.read_text(encoding="utf-8")


def invocations(text: str) -> Iterator[list[str]]:
    """The words after `vitrine` of every such command in a fenced block."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"\s(?:\||&&|;)\s", line.strip().removeprefix("$ ")):
                try:
                    words = shlex.split(command, comments=True)
                except ValueError:  # output that only looks like a command
                    continue
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    del words[0]
                if words and Path(words[0]).name == "vitrine":
                    yield words[1:]


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


def named(text: str) -> set[str]:
    return set(re.findall(r"VITRINE_[A-Z_]*[A-Z]", text))


def test_commands_are_found_in_code_blocks() -> None:
    """Behind a prompt, a path, a variable or a pipe, over several lines; prose is left alone."""
    text = """Use `vitrine nope`.
```sh
$ vitrine search "rotes Kleid" --json | jq .hits  # the body
VITRINE_HOME=x .venv/bin/vitrine index a.csv \\
    --limit 3
make demo
```
"""
    assert list(invocations(text)) == [
        ["search", "rotes Kleid", "--json"],
        ["index", "a.csv", "--limit", "3"],
    ]


def test_every_command_in_the_readme_exists(readme: str) -> None:
    """With every option that is shown."""
    commands: dict[str, Any] = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
    shown = [words for words in invocations(readme) if words]
    assert shown, "the README shows no vitrine command"
    for words in shown:
        if words[0] == "--help":
            continue
        assert words[0] in commands, f"vitrine {words[0]}"
        used = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert used <= options(commands[words[0]]), f"vitrine {shlex.join(words)}"


def test_every_setting_in_the_readme_exists_and_none_is_missing(readme: str) -> None:
    """An operator can rely on the list."""
    assert named(readme) == VARIABLES


@pytest.mark.parametrize("name", DEPLOYMENT)
def test_every_setting_in_a_deployment_file_exists(name: str) -> None:
    """A variable that nothing reads would be silently without effect."""
    if not (ROOT / name).exists():
        pytest.skip(f"{name} is not written yet")
    assert named((ROOT / name).read_text(encoding="utf-8")) <= VARIABLES
