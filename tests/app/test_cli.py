"""The `vitrine` command: the answer on stdout, everything else on stderr, and the exit codes."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.cli import main
from app.engine import Engine
from app.evaluation import attributes_of
from app.query import Search, TextTerm
from app.tables import by_language
from indexer.store import builder_lock, current_version, open_current
from models.cards import read_card
from models.evaluate import Evaluation, QueryResult, read_results
from models.slices import Slice
from tests.conftest import DRAWN_ITEMS

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]
HEADLINES = ["queries", "hits@20", "mRR@20", "mAP@20", "DCG@20", "R@1", "R@10"]
TWIN = "twin-of-base-" + "x" * 38 + "-once-more-it"  # 64 characters
MEASURES = [*HEADLINES, "nDCG@20", "P@20", "mRR@1", "mRR@5", "mRR@10"]


class Ran(NamedTuple):
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
        return engine.search([TextTerm(query)], Search(limit=20)).hits[rank - 1].id

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
    """The design's keys first. By hand, query by query: reciprocal ranks 1, 1/2, 1/15, 0; average
    precisions 1, (1/2 + 2/4)/2, 1/15, 0; gains 1, 1/log2(3) + 1/log2(5), 1/log2(16), 0, where the best of
    two relevant items is 1 + 1/log2(3); 1, 2, 1 and 0 of 20."""
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
        "nDCG@20": (1 + (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3)) + 1 / 4) / 4,
        "P@20": (1 + 2 + 1) / 20 / 4,
        "mRR@1": 1 / 4,
        "mRR@5": (1 + 1 / 2) / 4,
        "mRR@10": (1 + 1 / 2) / 4,
    }
    assert printed["base"] == pytest.approx(expected)
    assert "1 of the items asked for are not in the index" in ran.err


def test_evaluate_without_json_is_tables(vitrine: Vitrine, queries: Path, home: Path) -> None:
    """A line of measures and one of the tower; its intervals, which hold the means; and, of the five German
    queries and the English one, a line for each language and their plain mean. All rows count where no split
    is named."""
    ran = vitrine("evaluate", queries, "--text-tower", "base", "--home", home)
    assert ran.status == 0, ran.err
    means, intervals, languages = (
        [line.split() for line in table.splitlines()] for table in ran.out.split("\n\n")
    )
    assert means[0] == ["tower", *HEADLINES]
    assert means[1][:2] == ["base", "6"]
    assert len(means[1]) == len(means[0])
    low, high = (float(bound.strip("[,]")) for bound in intervals[1][1:3])
    assert low < float(means[1][2]) < high
    assert languages[0] == ["base"]
    assert languages[1] == ["language", "queries", "hits@20", "mRR@20"]
    assert [line[:2] for line in languages[2:4]] == [["de", "5"], ["en", "1"]]
    hits = [float(line[2]) for line in languages[2:4]]
    assert languages[4][:2] == ["mean", f"{sum(hits) / 2:.4f}"]


@pytest.fixture
def twins(home: Path, tmp_path: Path) -> Path:
    """A home that has the tower `base` a second time, under the longest id there may be."""
    copy = tmp_path / "twins"
    shutil.copytree(home, copy, symlinks=True)
    card = read_card(copy / "towers" / "base")
    shutil.copytree(copy / "towers" / "base", copy / "towers" / TWIN)
    replace(card, id=TWIN).write(copy / "towers" / TWIN)
    return copy


def test_evaluate_compares_every_tower_with_the_first(vitrine: Vitrine, queries: Path, twins: Path) -> None:
    """A tower and its copy find the same: no difference, p = 1. A name that is given twice counts once, and
    no line is wider than 100 columns, although an id may be 64 characters long."""
    towers = ["--text-tower", "base", "--text-tower", TWIN, "--text-tower", "base"]
    ran = vitrine("evaluate", queries, *towers, "--home", twins)
    assert ran.status == 0, ran.err
    means, intervals, differences, languages = ran.out.split("\n\n")
    assert len(means.splitlines()) == len(intervals.splitlines()) == 3
    title, _, line = differences.splitlines()
    assert title == "against base, on the same queries"
    assert line.split()[1:] == ["+0.0000", "[+0.0000,", "+0.0000]", "1.0000"] * 2
    assert languages.split()[:2] == ["base", line.split()[0]]
    assert max(map(len, ran.out.splitlines())) <= 100
    printed = json.loads(vitrine("evaluate", queries, *towers, "--json", "--home", twins).out)
    assert list(printed) == ["base", TWIN]
    assert printed["base"] == printed[TWIN]


def test_towers_that_do_not_fit_go_into_a_next_table() -> None:
    """Five towers in two languages: 100 columns hold the label and two ids of 28 characters, and each table
    has the languages again."""
    values = {"hits@20": 1.0, "mRR@20": 0.5}
    results = [QueryResult("rot", (lang,), ("a",), ("a",), values) for lang in ("de", "en")]
    towers = [Evaluation(f"{number}-{'x' * 26}", results) for number in range(5)]
    tables = by_language(towers, [Slice("de", (0,)), Slice("en", (1,))])
    assert [table.splitlines()[0].split() for table in tables] == [
        [tower.tower for tower in towers[:2]],
        [tower.tower for tower in towers[2:4]],
        [towers[4].tower],
    ]
    for table in tables:
        assert [line.split()[0] for line in table.splitlines()[1:]] == ["language", "de", "en", "mean"]
        assert max(map(len, table.splitlines())) <= 100


def test_evaluate_writes_a_report(vitrine: Vitrine, queries: Path, home: Path, tmp_path: Path) -> None:
    """A page, and beside it the results, from which the printed summary can be made again; stdout is the
    answer as without it, and stderr says where the page is."""
    folder = tmp_path / "new" / "report"
    ran = vitrine("evaluate", queries, "--report", folder, "--json", "--home", home)
    assert ran.status == 0, ran.err
    assert (folder / "index.html").is_file()
    assert str(folder / "index.html") in ran.err
    kept = {evaluation.tower: evaluation.summary for evaluation in read_results(folder / "results.jsonl")}
    assert kept == json.loads(ran.out)


def test_a_report_cannot_be_written_over_a_file(
    vitrine: Vitrine, queries: Path, home: Path, tmp_path: Path
) -> None:
    """It is refused before anything is measured."""
    (tmp_path / "taken").touch()
    ran = vitrine("evaluate", queries, "--report", tmp_path / "taken", "--home", home)
    assert_one_line(ran, 2, "--report", "taken", "is a file")


def test_queries_are_sliced_by_what_their_items_are(home: Path) -> None:
    """Of the drawn shop `colour` and `kind` are the attributes; an item that is not there has neither."""
    index = open_current(home)
    fields = index.fields([0])[0]
    found = attributes_of(index, ["demo-0001", "not-in-the-index"])
    assert found == {"colour": {"demo-0001": fields["colour"]}, "kind": {"demo-0001": fields["kind"]}}


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
