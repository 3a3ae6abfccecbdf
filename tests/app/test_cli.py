"""The `vitrine` command: the answer on stdout, everything else on stderr, and the exit codes."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.cli import main
from app.engine import Engine, TextTerm
from indexer.store import builder_lock, current_version
from tests.conftest import DRAWN_ITEMS

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]
MEASURES = ["queries", "hits@20", "mRR@20", "mAP@20", "DCG@20", "R@1", "R@10"]


@dataclass(frozen=True)
class Ran:
    status: object
    out: str
    err: str


Vitrine = Callable[..., Ran]


@pytest.fixture
def vitrine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Vitrine:
    """The command with these arguments, in this process."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["vitrine", *map(str, arguments)])
        capsys.readouterr()
        status: object = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code or 0
        return Ran(status, *capsys.readouterr())

    return run


def assert_one_line(ran: Ran, status: int, *words: str) -> None:
    """Nothing on stdout, and one line on stderr that says what is wrong; notes may stand before it."""
    assert (ran.status, ran.out) == (status, ""), ran
    last = ran.err.splitlines()[-1]
    assert ran.err.endswith("\n")
    assert last.startswith("vitrine: "), ran
    assert ran.err.count("vitrine: ") == 1
    assert "Traceback" not in ran.err
    for word in words:
        assert word in last


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A catalogue of four items, in two splits; the last one's picture is no picture."""
    for number in range(3):
        Image.new("RGB", (16, 16), (80 * number, 90, 30)).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_text("no picture")
    catalogue = tmp_path / "catalogue.csv"
    rows = "".join(f"id-{n},{n}.png,Title {n},{'train' if n < 2 else 'test'}\n" for n in range(4))
    catalogue.write_text(f"id,image,title,split\n{rows}", encoding="utf-8")
    return catalogue


def test_index_ends_with_speed_quarantine_and_version(vitrine: Vitrine, shop: Path, tmp_path: Path) -> None:
    """One line on stdout; progress and the reasons' place on stderr. A second time nothing is embedded
    again. Another split, a limit and another place of the pictures are heeded, --full embeds again."""
    home = tmp_path / "home"
    first = vitrine("index", shop, "--home", home)
    assert first.status == 0, first.err
    line = re.fullmatch(r"\d+\.\d images/s, 1 quarantined, version (\S+)\n", first.out)
    assert line
    assert line[1] == current_version(home)
    assert "3 items, 3 pictures: 3 embedded, 0 unchanged" in first.err
    assert "embedding 4/4" in first.err
    assert f"{home}/indexes/{line[1]}/quarantine.jsonl" in first.err
    assert (home / "indexes" / line[1] / "quarantine.jsonl").read_text(encoding="utf-8").count("\n") == 1
    assert "0 embedded, 3 unchanged" in vitrine("index", shop, "--home", home).err
    (tmp_path / "elsewhere").mkdir()
    moved = shop.rename(tmp_path / "elsewhere" / "catalogue.csv")
    part = ["--split", "train", "--limit", 1, "--images", tmp_path, "--device", "cpu", "--full"]
    assert (
        "1 items, 1 pictures: 1 embedded, 0 unchanged" in vitrine("index", moved, *part, "--home", home).err
    )


def test_a_wrong_catalogue_is_one_line_and_exit_2(vitrine: Vitrine, shop: Path, tmp_path: Path) -> None:
    """What disagrees, and the cure; nothing is published."""
    home = tmp_path / "home"
    assert_one_line(vitrine("index", tmp_path / "gone.csv", "--home", home), 2, "gone.csv")
    assert_one_line(vitrine("index", shop, "--home", home, "--split", "val"), 2, "val", "train", "test")
    assert_one_line(vitrine("index", shop, "--home", home, "--tower", "nope"), 2, "'nope'", "bundled")
    assert_one_line(vitrine("index", shop, "--home", home, "--images", tmp_path / "none"), 2, "none")
    (tmp_path / "empty.csv").write_text("id,image\n", encoding="utf-8")
    assert_one_line(vitrine("index", tmp_path / "empty.csv", "--home", home), 2, "empty.csv")
    assert current_version(home) is None


def test_a_second_builder_is_refused_naming_the_first(vitrine: Vitrine, shop: Path, tmp_path: Path) -> None:
    """Exit 1: the input is right, the time is not."""
    with builder_lock(tmp_path / "home"):
        ran = vitrine("index", shop, "--home", tmp_path / "home")
    assert_one_line(ran, 1, f"process {os.getpid()}")


def test_search_prints_score_id_and_title(vitrine: Vitrine, home: Path) -> None:
    """A line per hit, best first."""
    ran = vitrine("search", "rotes Kleid", "--limit", 3, "--home", home)
    lines = ran.out.splitlines()
    assert (ran.status, len(lines)) == (0, 3)
    assert all(re.fullmatch(r"-?\d\.\d{3}  demo-\d{4}  \S.*", line) for line in lines)
    scores = [float(line.split()[0]) for line in lines]
    assert scores == sorted(scores, reverse=True)


def test_search_json_is_the_body_of_the_service(vitrine: Vitrine, home: Path, client: TestClient) -> None:
    """Equal to POST /search but for the time it took."""
    ran = vitrine("search", " rotes Kleid", "--limit", 5, "--text-tower", "base", "--json", "--home", home)
    printed = json.loads(ran.out)
    body = client.post("/search", json={"query": "rotes Kleid", "limit": 5, "text_tower": "base"}).json()
    assert printed.pop("took_ms").keys() == body.pop("took_ms").keys()
    assert printed == body


def test_the_home_may_come_from_the_environment(
    vitrine: Vitrine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VITRINE_HOME, where --home is not given."""
    monkeypatch.setenv("VITRINE_HOME", str(home))
    assert vitrine("search", "Hose", "--limit", 1).out.count("\n") == 1


def test_a_wrong_search_is_one_line_and_exit_2(vitrine: Vitrine, home: Path) -> None:
    """As the service would refuse it."""
    assert_one_line(vitrine("search", " ", "--home", home), 2, "empty")
    assert_one_line(vitrine("search", "x" * 1001, "--home", home), 2, "1001", "1000")
    assert_one_line(vitrine("search", "a", "--text-tower", "nope", "--home", home), 2, "'nope'", "base")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["serch", "Hose"], "serch"),
        (["search", "Hose", "--bogus"], "--bogus"),
        (["search", "Hose", "--limit", "500"], "--limit"),
        (["index"], "catalogue"),
        ([], "command"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(
    vitrine: Vitrine, arguments: list[str], word: str
) -> None:
    """The parser's own complaints keep the form of all others."""
    assert_one_line(vitrine(*arguments), 2, word, "--help")


def test_a_title_cannot_command_the_terminal(vitrine: Vitrine, shop: Path, tmp_path: Path) -> None:
    """Control characters of a catalogue are printed as one that does nothing."""
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    catalogue = tmp_path / "escapes.jsonl"
    catalogue.write_text('{"id": "a", "image": "red.png", "title": "\\u001b[31mRot"}\n', encoding="utf-8")
    assert vitrine("index", catalogue, "--home", tmp_path / "home").status == 0
    assert "\N{REPLACEMENT CHARACTER}[31mRot" in vitrine("search", "rot", "--home", tmp_path / "home").out


def test_without_an_index_searching_is_one_line_and_exit_1(vitrine: Vitrine, tmp_path: Path) -> None:
    """The cure is the command that builds one."""
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"query": "Hose", "item": "a"}\n', encoding="utf-8")
    assert_one_line(vitrine("search", "Hose", "--home", tmp_path / "home"), 1, "vitrine index CATALOGUE")
    assert_one_line(vitrine("evaluate", queries, "--home", tmp_path / "home"), 1, "vitrine index CATALOGUE")


@pytest.fixture
def queries(home: Path, tmp_path: Path) -> Path:
    """Four German test queries, whose relevant items stand at ranks 1; 2 and 4; 15; and nowhere."""
    engine = Engine(home)
    engine.refresh()

    def found(query: str, rank: int) -> str:
        return engine.search([TextTerm(query)], limit=20).hits[rank - 1].id

    rows = [
        ("rotes Kleid", found("rotes Kleid", 1)),
        ("Hose", found("Hose", 2)),
        ("Hose", found("Hose", 4)),
        ("Hut", found("Hut", 15)),
        ("Schal", "not-in-the-index"),
    ]
    file = tmp_path / "queries.jsonl"
    lines = [{"query": query, "item": item, "lang": "de", "split": "test"} for query, item in rows]
    lines.append({"query": "dress", "item": "demo-0001", "lang": "en", "split": "test"})
    lines.append({"query": "Mantel", "item": "demo-0001", "lang": "de", "split": "train"})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def test_evaluate_gives_the_means_over_the_queries(vitrine: Vitrine, queries: Path, home: Path) -> None:
    """Exactly the design's keys. By hand, query by query: reciprocal ranks 1, 1/2, 1/15, 0; average
    precisions 1, (1/2 + 2/4)/2, 1/15, 0; gains 1, 1/log2(3) + 1/log2(5), 1/log2(16), 0."""
    ran = vitrine("evaluate", queries, "--split", "test", "--lang", "de", "--json", "--home", home)
    assert ran.status == 0, ran.err
    printed = json.loads(ran.out)
    assert list(printed) == ["base"]
    assert list(printed["base"]) == MEASURES
    expected = {
        "queries": 4,
        "hits@20": 3 / 4,
        "mRR@20": (1 + 1 / 2 + 1 / 15) / 4,
        "mAP@20": (1 + 1 / 2 + 1 / 15) / 4,
        "DCG@20": (1 + 1 / math.log2(3) + 1 / math.log2(5) + 1 / 4) / 4,
        "R@1": 1 / 4,
        "R@10": 2 / 4,
    }
    assert printed["base"] == pytest.approx(expected)
    assert "1 of the items asked for are not in the index" in ran.err


def test_evaluate_without_json_is_a_table(vitrine: Vitrine, queries: Path, home: Path) -> None:
    """A line of measures, a line per tower; all rows count where no split is named."""
    ran = vitrine("evaluate", queries, "--text-tower", "base", "--home", home)
    head, line = (line.split() for line in ran.out.splitlines())
    assert head == ["tower", *MEASURES]
    assert line[:2] == ["base", "6"]
    assert len(line) == len(head)


def test_a_wrong_query_set_is_one_line_and_exit_2(
    vitrine: Vitrine, queries: Path, home: Path, tmp_path: Path
) -> None:
    """A missing file, an unknown split, language or tower, a row that lacks a column."""
    (tmp_path / "wrong.csv").write_text("query,sku\nHose,1\n", encoding="utf-8")
    assert_one_line(vitrine("evaluate", tmp_path / "gone.jsonl", "--home", home), 2, "gone.jsonl")
    assert_one_line(vitrine("evaluate", queries, "--split", "val", "--home", home), 2, "val", "test, train")
    assert_one_line(vitrine("evaluate", queries, "--lang", "fr", "--home", home), 2, "fr", "de, en")
    assert_one_line(vitrine("evaluate", queries, "--text-tower", "nope", "--home", home), 2, "'nope'", "base")
    assert_one_line(vitrine("evaluate", tmp_path / "wrong.csv", "--home", home), 2, "wrong.csv", "item")


def test_help_needs_no_tower() -> None:
    """The command line is read before torch is loaded, which takes seconds."""
    code = (
        "import sys, app.cli; print([name for name in ('torch', 'faiss', 'fastapi') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_a_real_process_keeps_stdout_for_the_answer(home: Path) -> None:
    """JSON alone, with nothing on stderr; nothing of torch's or faiss's warnings either."""
    arguments = ["search", "Hose", "--limit", "1", "--json", "--home", str(home)]
    ran = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True)
    assert len(json.loads(ran.stdout)["hits"]) == 1
    assert ran.stderr == ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_ready(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                assert json.load(answer)["items"] == DRAWN_ITEMS
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("the service did not become ready")


def test_serve_answers_what_is_in_flight_and_stops(home: Path) -> None:
    """A search whose body is still coming when SIGTERM arrives is answered; then the process ends, well
    within ten seconds, with nothing on stdout and no traceback."""
    port = free_port()
    arguments = ["serve", "--port", str(port), "--home", str(home)]
    body = b'{"query": "rotes Kleid", "limit": 1}'
    head = "POST /search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            with socket.create_connection(("127.0.0.1", port), 10) as wire:
                wire.sendall(head.encode() + body[:10])
                time.sleep(0.2)  # the server has read the head by now
                process.send_signal(signal.SIGTERM)
                asked = time.monotonic()
                time.sleep(0.5)
                wire.sendall(body[10:])
                answer = b"".join(iter(lambda: wire.recv(65_536), b""))
            out, err = process.communicate(timeout=15)
            took = time.monotonic() - asked
        finally:
            process.kill()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b'"hits":[{' in answer
    assert took < 10
    assert process.returncode in {0, -signal.SIGTERM}
    assert out == ""
    assert "Traceback" not in err
