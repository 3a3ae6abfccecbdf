"""A new index version under a running service: taken up without a failed request, or refused aloud."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from indexer.build import BuildConfig, build
from indexer.store import current_version, indexes, make_current
from tests.conftest import quiet, serving

SECONDS_TO_SWITCH = 2.0


class Shop:
    """A catalogue that grows: demo-0001 and so on, each with a picture of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"

    def publish(self, items: int) -> str:
        rows = []
        for number in range(items):
            name = f"{number}.png"
            Image.new("RGB", (16, 16), (number * 20, 255 - number * 20, 80)).save(self.folder / name)
            rows.append({"id": f"demo-{number + 1:04}", "image": name, "title": f"{items} items"})
        catalogue = self.folder / "catalogue.jsonl"
        catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return build(self.home, BuildConfig(catalogue, keep=1), quiet).manifest.version


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.publish(3)
    return shop


class Shoppers:
    """Threads that search without a pause; what they were answered, or what went wrong."""

    def __init__(self, url: str, count: int = 4) -> None:
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._shop, args=(number,)) for number in range(count)]
        self.answers: list[dict[str, Any]] = []
        self.failures: list[str] = []

    def __enter__(self) -> Shoppers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _shop(self, number: int) -> None:
        paths = (
            "/search?q=Kleid {}",
            "/items/demo-0001/similar",
            "/items/demo-0002",
            "/images/demo-0003",
            "/readyz",
        )
        with httpx.Client(base_url=self._url, timeout=10) as client:
            turn = 0
            while not self._ended.is_set():
                path = paths[(turn + number) % len(paths)].format(turn)
                turn += 1
                try:
                    answer = client.get(path)
                except httpx.HTTPError as error:
                    self.failures.append(f"{path}: {error!r}")
                    return
                if answer.status_code != 200:
                    self.failures.append(f"{path}: {answer.status_code} {answer.text}")
                elif "hits" in answer.text[:10]:
                    self.answers.append(answer.json())


def served(url: str) -> str:
    return str(httpx.get(f"{url}/readyz").json()["index"])


def seconds_until(url: str, version: str) -> float:
    started = time.monotonic()
    while served(url) != version:
        assert time.monotonic() - started < 10, "the new version was never taken up"
        time.sleep(0.02)
    return time.monotonic() - started


def test_new_versions_are_taken_up_without_a_failed_request(shop: Shop) -> None:
    """Three versions, one after the other, the ones before deleted at once: every request is answered, each
    from one version alone, and the new one is served within two seconds."""
    sizes = {str(current_version(shop.home)): 3}
    with serving(shop.home) as url, Shoppers(url) as shoppers:
        for items in (5, 4, 9):
            version = shop.publish(items)
            sizes[version] = items
            assert seconds_until(url, version) < SECONDS_TO_SWITCH
    assert shoppers.failures == []
    assert {answer["index"] for answer in shoppers.answers} == set(sizes)
    for answer in shoppers.answers:
        items = sizes[answer["index"]]
        assert answer["total"] in {items, items - 1}  # similar leaves the item itself out
        assert {hit["fields"]["title"] for hit in answer["hits"]} == {f"{items} items"}


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Path:
    """A copy of the drawn shop's home, to be changed."""
    copy = tmp_path / "copy"
    shutil.copytree(home, copy, symlinks=True)
    return copy


def renamed(home: Path, version: str) -> str:
    """The current version once more under another name, not yet current."""
    folder = indexes(home) / version
    shutil.copytree(indexes(home) / str(current_version(home)), folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"version": version}), encoding="utf-8")
    return version


def test_what_cannot_be_taken_up_is_refused_once_and_aloud(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged version, one that is not there, and no current one at all: the old one is served on, each is
    logged once, and a good one is taken up afterwards."""
    good = str(current_version(copied))
    damaged, better = renamed(copied, "20990101-000000-dddddd"), renamed(copied, "20990102-000000-bbbbbb")
    (indexes(copied) / damaged / "vectors.npy").write_bytes(b"damaged")
    caplog.set_level(logging.ERROR, "vitrine")

    def complaints() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "vitrine"]

    def wait_for_complaints(count: int) -> None:
        deadline = time.monotonic() + 5
        while len(complaints()) < count:
            assert time.monotonic() < deadline, complaints()
            time.sleep(0.02)

    with serving(copied) as url, Shoppers(url, 2) as shoppers:
        make_current(copied, damaged)
        wait_for_complaints(1)
        time.sleep(1.2)  # two more looks of the watcher
        assert len(complaints()) == 1
        assert "vectors.npy" in complaints()[0]
        make_current(copied, "nowhere")
        wait_for_complaints(2)
        (indexes(copied) / "current").unlink()
        wait_for_complaints(3)
        time.sleep(1.2)
        assert len(complaints()) == 3
        assert served(url) == good
        assert "vitrine_index_swap_failures_total 3.0" in httpx.get(f"{url}/metrics").text
        make_current(copied, better)
        assert seconds_until(url, better) < SECONDS_TO_SWITCH
    assert shoppers.failures == []


def test_an_activated_tower_is_taken_up(copied: Path) -> None:
    """Another text tower of the space answers within two seconds."""
    towers = copied / "towers"
    shutil.copytree(towers / "base", towers / "twin")
    card = json.loads((towers / "twin" / "card.json").read_text(encoding="utf-8"))
    (towers / "twin" / "card.json").write_text(json.dumps(card | {"id": "twin"}), encoding="utf-8")
    with serving(copied) as url, Shoppers(url, 2) as shoppers:
        (towers / ".active.json").write_text(json.dumps({card["space"]: "twin"}))
        (towers / ".active.json").rename(towers / "active.json")
        deadline = time.monotonic() + 4  # a tower is loaded first
        while httpx.get(f"{url}/readyz").json()["text_tower"] != "twin":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert shoppers.failures == []
