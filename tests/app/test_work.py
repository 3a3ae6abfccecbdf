"""What the jobs do: real ones, taken from a real table."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.jobs import Jobs
from app.settings import Settings
from app.work import HANDLERS
from app.worker import Cancelled, Context
from indexer.items import CatalogueError
from indexer.store import current_version, indexes, open_current, read_manifest, versions
from models.registry import Registry
from models.towers import TowerError
from tests.tuning import RECIPE, one_thread, own_home, own_pairs  # noqa: F401

Do = Callable[..., tuple[dict[str, Any], Context]]


@pytest.fixture
def shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return own_home(home, tmp_path, monkeypatch)


@pytest.fixture
def do(shop: Path, tmp_path: Path) -> Do:
    """Runs a job's handler as the worker does; returns its result, which is JSON, and its context."""

    def run(kind: str, settings: Settings | None = None, cancel: bool = False, **parameters: Any) -> Any:
        chosen = settings or Settings(home=shop)
        jobs = Jobs(chosen.jobs_url)
        job = jobs.enqueue(kind, parameters)
        taken = jobs.take("worker", 30.0)
        assert taken is not None
        assert taken.id == job.id
        stop = threading.Event()
        if cancel:
            stop.set()
        with Context(jobs, taken, chosen, "worker", stop) as context:
            result = HANDLERS[kind](context)
        jobs.finish(job.id, "worker", result)
        return json.loads(json.dumps(result, allow_nan=False)), context

    return run


def test_a_finetune_job_leaves_a_tower_and_its_report(do: Do, shop: Path, tmp_path: Path) -> None:
    """The options are the command's, as JSON; the tower goes live, and the job shows its report."""
    pairs, gate = own_pairs(tmp_path)
    options = RECIPE | {"gate": str(gate), "activate": True, "out": "shop", "guard": []}
    result, context = do("finetune", pairs=str(pairs), options=options)
    assert (result["tower"], result["activated"]) == ("shop", True)
    assert Registry(shop).active(open_current(shop).space) == "shop"
    page = (context.folder / "report" / "index.html").read_text()
    assert page == (shop / "towers" / "shop" / "report" / "index.html").read_text()
    assert not (context.folder / "checkpoint").exists()
    assert not (context.folder / "tower").exists()


def test_an_evaluate_job_compares_towers(do: Do, tmp_path: Path) -> None:
    """Means by tower, and the report; a tower that is not named is the active one."""
    _, gate = own_pairs(tmp_path)
    result, context = do("evaluate", queries=str(gate), split=None, lang=None, text_towers=None)
    assert list(result) == ["base"]
    assert result["base"]["queries"] == len(gate.read_text().splitlines())
    assert "base" in (context.folder / "report" / "index.html").read_text()


def test_a_reindex_job_repeats_what_made_the_current_version(do: Do, shop: Path) -> None:
    """Nothing is named: the catalogue is the current version's; its pictures are the same."""
    before = current_version(shop)
    result, _ = do("reindex", catalogue=None, images=None, image_tower=None, publish=True, full=False)
    assert current_version(shop) == result["version"] != before
    assert (result["embedded"], result["reused"]) == (0, result["pictures"])
    assert read_manifest(indexes(shop) / result["version"]).catalogue == open_current(shop).manifest.catalogue


def test_a_version_can_be_built_and_not_served(do: Do, shop: Path) -> None:
    """It is there, and the one before is still current."""
    before = current_version(shop)
    result, _ = do("reindex", catalogue=None, images=None, image_tower=None, publish=False, full=False)
    assert result["published"] is False
    assert versions(shop) == [before, result["version"]]
    assert current_version(shop) == before


def test_a_first_index_is_of_the_catalogue_in_the_settings(do: Do, drawn: Path, tmp_path: Path) -> None:
    """A new home; the settings' paths are relative to the operators' folder. Without them there is nothing
    to read."""
    new = Settings(home=tmp_path / "new", data=drawn.parent, catalogue=Path(drawn.name))
    nothing = {"catalogue": None, "images": None, "image_tower": None, "publish": True, "full": False}
    result, _ = do("reindex", settings=new, **nothing)
    assert current_version(tmp_path / "new") == result["version"]
    with pytest.raises(CatalogueError, match="there is no index yet to read the catalogue of again"):
        do("reindex", settings=Settings(home=tmp_path / "other", catalogue=None), **nothing)


def test_a_first_index_is_made_with_the_image_tower_in_the_settings(
    do: Do, shop: Path, drawn: Path, tmp_path: Path
) -> None:
    """Where there is an index, its own image tower goes before the settings': what was chosen once stays."""
    catalogue = Path(drawn.name)
    named: dict[str, Any] = {"data": drawn.parent, "catalogue": catalogue, "image_tower": "no-such-tower"}
    nothing = {"catalogue": None, "images": None, "image_tower": None, "publish": True, "full": False}
    with pytest.raises(TowerError, match="no-such-tower"):
        do("reindex", settings=Settings(home=tmp_path / "new", **named), **nothing)
    result, _ = do("reindex", settings=Settings(home=shop, **named), **nothing)
    assert read_manifest(indexes(shop) / result["version"]).image_tower == "bundled"


@pytest.mark.parametrize("kind", ["finetune", "reindex", "evaluate"])
def test_a_job_that_is_stopped_publishes_nothing(do: Do, shop: Path, tmp_path: Path, kind: str) -> None:
    """Each ends as cancelled, whatever raised it, with the index and the towers as they were."""
    pairs, gate = own_pairs(tmp_path)
    parameters: dict[str, dict[str, Any]] = {
        "finetune": {"pairs": str(pairs), "options": {"gate": str(gate)}},
        "reindex": {"catalogue": None, "images": None, "image_tower": None, "publish": True, "full": True},
        "evaluate": {"queries": str(gate)},
    }
    version, towers = current_version(shop), Registry(shop).cards()
    with pytest.raises(Cancelled):
        do(kind, cancel=True, **parameters[kind])
    assert (current_version(shop), Registry(shop).cards()) == (version, towers)
    assert not list(indexes(shop).glob(".building-*"))
