"""The built wheel, away from the repository: the command, the towers and the page are inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WHERE = "import app, indexer, models; print(app.__file__, indexer.__file__, models.__file__, sep='\\n')"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the repository stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    for name in ("app", "indexer", "models"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    (copy / "README.md").write_text(text, encoding="utf-8")
    pip("wheel", str(copy), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    return next(folder.glob("vitrine-*.whl"))


@pytest.fixture(scope="module")
def target(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with the wheel in it; the libraries come from this environment."""
    folder = tmp_path_factory.mktemp("target")
    pip("install", str(wheel), "--no-deps", "--no-index", "--target", str(folder))
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def run(target: Path, cwd: Path, *command: str) -> str:
    """stdout of a command that sees the wheel before anything else, outside the repository."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
    environment["PYTHONPATH"] = str(target)
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def shipped(folder: str) -> set[str]:
    """Every file below a folder of the repository that a user needs."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_code_weights_and_page(wheel: Path) -> None:
    """Every module, every weight and every file of the page; no tests."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = shipped("models/weights") | shipped("app/static") | shipped("app/templates")
    for package in ("app", "indexer", "models"):
        expected |= {name for name in shipped(package) if name.endswith(".py")}
    if (ROOT / "models" / "glossary.tsv").exists():
        expected.add("models/glossary.tsv")
    assert expected - names == set()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"app", "indexer", "models"}


def test_the_installed_command_draws_and_indexes(target: Path, tmp_path: Path) -> None:
    """`vitrine demo` draws the shop of 600; its first items are indexed by the weights inside."""
    command = str(target / "bin" / "vitrine")
    for file in run(target, tmp_path, sys.executable, "-P", "-c", WHERE).split():
        assert Path(file).is_relative_to(target)
    printed = run(target, tmp_path, command, "demo", "shop")
    catalogue = tmp_path / printed.strip()
    assert catalogue == tmp_path / "shop" / "catalogue.csv"
    lines = catalogue.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 601
    assert lines[0] == (
        "id,image,title,title_en,kind,kind_de,colour,colour_de,pattern,product,price,sizes,in_stock"
    )
    for line in lines[1:]:
        assert (catalogue.parent / line.split(",")[1]).is_file()
    assert " 0 quarantined" in run(target, tmp_path, command, "index", printed.strip(), "--limit", "4")
