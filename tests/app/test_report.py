"""The report: a page that shows what was measured, whole in one file, and harmless whatever a shop writes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from app.report import ReportError, write_report
from indexer.build import BuildConfig, build
from indexer.store import IndexVersion, open_current
from models.evaluate import DEPTH, Evaluation, QueryResult, read_results
from models.metrics import reported
from tests.conftest import quiet

FILES = ["index.html", "results.jsonl", "summary.json"]


@pytest.fixture(scope="module")
def index(home: Path) -> IndexVersion:
    return open_current(home)


def asked(index: IndexVersion, row: int, rank: int | None, query: str, lang: str = "de") -> QueryResult:
    """A query whose right item, the index's at `row`, stands at `rank` among its first; None for nowhere."""
    item = index.ids([row])[0]
    ranked = [other for other in index.ids(range(DEPTH + 1)) if other != item][:DEPTH]
    if rank is not None:
        ranked = [*ranked[: rank - 1], item, *ranked[rank - 1 : -1]]
    values = {str(measure): measure(ranked, [item]) for measure in reported()}
    return QueryResult(query, (lang,), (item,), tuple(ranked), values)


def tower(name: str, index: IndexVersion, ranks: Sequence[int | None]) -> Evaluation:
    """A tower that answers "query 0", "query 1" … with their right items, the index's first, second …, at
    these ranks; every other query is English."""
    return Evaluation(
        name, [asked(index, n, rank, f"query {n}", ("de", "en")[n % 2]) for n, rank in enumerate(ranks)]
    )


def report(
    folder: Path,
    index: IndexVersion,
    *evaluations: Evaluation,
    colours: dict[str, str] | None = None,
    queries: str = "queries.jsonl",
) -> Page:
    page = write_report(
        folder, evaluations, index=index, attributes={"colour": colours or {}}, queries=queries
    )
    assert page == folder / "index.html"
    return Page(page.read_text(encoding="utf-8"))


class Page(HTMLParser):
    """A page as a browser's parser sees it: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, of_class: str = "") -> list[dict[str, str]]:
        found = [attributes for name, attributes in self.tags if name == tag]
        return [one for one in found if of_class in one.get("class", "").split()] if of_class else found

    def gallery(self, title: str) -> str:
        """The text from this gallery's heading to the next heading of a gallery or a part."""
        text = self.text
        start = text.index(title, text.index("Examples For each"))
        ends = [text.find(other, start + len(title)) for other in (*GALLERIES, "How this was measured Every")]
        return text[start : min(end for end in ends if end > 0)]


GALLERIES = ("Found first", "Found late", "Not found", "Most improved", "Most damaged")


@pytest.fixture(scope="module")
def two(index: IndexVersion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two towers. Query 0 is improved most, then 1; 2 is damaged; 3 is equal, 4 never found."""
    folder = tmp_path_factory.mktemp("reports") / "two"
    before = tower("base", index, [20, 4, 1, 2, None, 1])
    after = tower("tuned", index, [1, 2, 9, 2, None, 1])
    colours = dict(zip(index.ids(range(len(index))), ["red", "blue"] * len(index), strict=False))
    report(folder, index, before, after, colours=colours)
    return folder


@pytest.fixture(scope="module")
def page(two: Path) -> Page:
    return Page((two / "index.html").read_text(encoding="utf-8"))


def test_a_report_is_a_page_and_its_numbers(two: Path, index: IndexVersion) -> None:
    """Three files; mRR@20 of base is (1/20 + 1/4 + 1 + 1/2 + 0 + 1) / 6 = 7/15, tuned gains 1/36."""
    assert sorted(path.name for path in two.iterdir()) == FILES
    assert [path.name for path in two.parent.iterdir()] == ["two"]
    summary = json.loads((two / "summary.json").read_text(encoding="utf-8"))
    assert (summary["index"], summary["queries"]) == (index.version, "queries.jsonl")
    assert list(summary["towers"]) == ["base", "tuned"]
    base = summary["towers"]["base"]
    assert base["summary"]["queries"] == 6
    assert base["summary"]["mRR@20"] == pytest.approx(7 / 15)
    assert base["ci95"]["mRR@20"]["low"] < 7 / 15 < base["ci95"]["mRR@20"]["high"]
    assert list(summary["differences"]) == ["tuned"]
    gain = (1 - 1 / 20) + (1 / 2 - 1 / 4) + (1 / 9 - 1)
    assert summary["differences"]["tuned"]["mRR@20"]["mean"] == pytest.approx(gain / 6)
    english = next(part for part in summary["slices"]["language"] if part["name"] == "en")
    assert english["n"] == 3
    assert english["towers"]["base"]["mRR@20"]["mean"] == pytest.approx((1 / 4 + 1 / 2 + 1) / 3)
    assert {evaluation.tower for evaluation in read_results(two / "results.jsonl")} == {"base", "tuned"}


def test_the_page_needs_nothing_but_itself(page: Page) -> None:
    """No script, no link but within the page, no picture but data: ones, no address at all; and a policy
    that would forbid them. The plots lie in it: two of the result and one each for language and colour."""
    assert page.all("script") + page.all("link") + page.all("iframe") == []
    assert "://" not in re.sub(r"data:image/webp;base64,[\w+/=]+", "", page.html)
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    policy = next(one["content"] for one in page.all("meta") if "http-equiv" in one)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    labels = [plot["aria-label"] for plot in page.all("svg")]
    assert len(labels) == len(set(labels))
    assert {"mRR@20 by language, with 95% intervals", "mRR@20 by colour, with 95% intervals"} <= set(labels)


def test_every_id_is_there_once(page: Page) -> None:
    """Plots stand beside each other in one document; what they and the links refer to exists."""
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    within = [link["href"] for link in page.all("a") + page.all("use")]
    clips = re.findall(r"url\((#[^)]+)\)", page.html)
    assert clips
    assert {name.removeprefix("#") for name in within + clips} <= set(ids)


def test_headings_are_in_order_and_tables_are_named(page: Page) -> None:
    """No level is skipped on the way down; every table has a caption, every heading cell a scope."""
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table")) > 0
    assert all("scope" in cell for cell in page.all("th"))
    assert all(image["alt"] for image in page.all("img"))


def test_the_best_of_a_measure_is_marked_and_a_clear_difference_named(
    index: IndexVersion, tmp_path: Path
) -> None:
    """Twelve queries, found at rank 2 by one tower and at rank 1 by the other: all hits@20 are 1 and both
    are the best; mRR@20 is 0.5 against 1, which neither interval nor test doubts. R@10 is equal: unclear."""
    page = report(tmp_path / "r", index, tower("base", index, [2] * 12), tower("tuned", index, [1] * 12))
    assert "hits@20 share of queries with a right item among the first 20 best: 1.000" in page.text
    assert "0.500 0.500 – 0.500 best: 1.000 1.000 – 1.000 ▲ higher +0.500" in page.text
    assert "no clear difference +0.000" in page.text
    assert "100 of 100 queries find a right item among the first 20" in page.text
    assert "Against base, right items stand ▲ higher" in page.text


def test_improved_and_damaged_are_shown_the_largest_change_first(page: Page) -> None:
    """Query 0 went from rank 20 to 1, query 1 from 4 to 2, query 2 from 1 to 9, query 4 is never found."""
    improved = page.gallery("Most improved by tuned")
    assert "2 of 6 queries have a right item higher in tuned than in base" in improved
    assert re.findall(r"query \d", improved) == ["query 0", "query 1"]
    assert re.findall(r"(base|tuned) rank (\d+)", improved) == [
        ("base", "20"),
        ("tuned", "1"),
        ("base", "4"),
        ("tuned", "2"),
    ]
    assert re.findall(r"query \d", page.gallery("Most damaged by tuned")) == ["query 2"]
    missed = page.gallery("Not found by any")
    assert re.findall(r"query \d", missed) == ["query 4"]
    assert missed.count("not in the first 20") == 2


def test_the_right_item_is_shown_first_and_marked_in_words(page: Page, index: IndexVersion) -> None:
    """Of query 1 the right item stands at ranks 4 and 2, so both rows of eight pictures mark it; of query 0
    only the second does. The picture's text is the item's title."""
    improved = page.gallery("Most improved by tuned")
    assert improved.count("The right item") == 2
    assert improved.count("✓ right") == 3
    titles = {str(fields["title"]) for fields in index.fields([0, 1])}
    assert all(title in improved for title in titles)
    assert titles <= {image["alt"] for image in page.all("img")}
    # 2 + 1 + 1 examples, each of a right item and two rows of 8
    assert len(page.all("img")) == 4 * 17


def test_with_one_tower_found_late_and_not_found_are_shown(index: IndexVersion, tmp_path: Path) -> None:
    """Late is behind rank 5, the last first; there is nothing to compare with."""
    page = report(tmp_path / "one", index, tower("base", index, [1, 6, 5, None, 17]))
    assert re.findall(r"query \d", page.gallery("Found first")) == ["query 0"]
    assert re.findall(r"query \d", page.gallery("Found late")) == ["query 4", "query 1"]
    assert re.findall(r"query \d", page.gallery("Not found")) == ["query 3"]
    assert "difference from" not in page.text
    assert "best:" not in page.text


def test_a_gallery_ends_at_twelve_examples(index: IndexVersion, tmp_path: Path) -> None:
    """Of 30 that are not found twelve are shown, from all over the set: each 30/12 = 2.5th, rounded down."""
    page = report(tmp_path / "many", index, tower("base", index, [None] * 30))
    missed = page.gallery("Not found")
    assert "30 of 30 queries have no right item in the answer; 12 are shown" in missed
    shown = [int(number) for number in re.findall(r"query (\d+)", missed)]
    assert shown == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27]


def test_further_towers_are_each_compared_with_the_first(index: IndexVersion, tmp_path: Path) -> None:
    """Seven towers: six pairs of galleries; the seventh has the first one's shape again."""
    towers = [tower(f"tower-{number}", index, [number + 1, 3]) for number in range(7)]
    page = report(tmp_path / "seven", index, *towers)
    for number in range(1, 7):
        assert f"Most improved by tower-{number}" in page.text
        assert f"2 queries have a right item lower in tower-{number} than in tower-0" in page.text
    assert re.search("● tower-6", page.text)


def test_what_a_shop_writes_stays_text(tmp_path: Path) -> None:
    """Tags, the end of a style, quotes, dollars and control characters in ids, titles, queries, languages,
    colours and the query set's name appear as they are, and add no tag and no attribute."""
    evil = "<script>alert(1)</script></style><img src=x onerror=alert(1)>\"'& $x$"
    Image.new("RGB", (20, 30), "red").save(tmp_path / "a.png")
    rows = [{"id": f"{n} {evil}", "image": "a.png", "title": f"{n} {evil} \x01"} for n in range(DEPTH + 1)]
    catalogue = tmp_path / "evil.jsonl"
    catalogue.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(tmp_path / "home", BuildConfig(catalogue), quiet)
    index = open_current(tmp_path / "home")
    colours = dict(zip(index.ids([0, 1]), (f"red {evil} \x01", "blue"), strict=True))
    base = [asked(index, n, 1, f"{n} {evil} \x01", f'{n}"><b onclick=x>') for n in range(2)]
    worse = [asked(index, n, 2, f"{n} {evil} \x01", f'{n}"><b onclick=x>') for n in range(2)]
    page = report(
        tmp_path / "r",
        index,
        Evaluation("base", base),
        Evaluation("tuned", worse),
        colours=colours,
        queries=evil,
    )
    assert page.all("script") == []
    assert len(page.all("style")) == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert {image["title"].strip(" \x01") for image in page.all("img")} >= {f"{n} {evil}" for n in range(2)}
    for n in range(2):
        assert f"{n} {evil}" in page.gallery("Most damaged by tuned")
        assert f'{n}"><b onclick=x>' in page.text


def test_a_query_set_may_have_any_file_name(index: IndexVersion, tmp_path: Path) -> None:
    """Bytes that are no UTF-8, which Python writes as half a surrogate pair, stop no report."""
    page = report(tmp_path / "r", index, tower("base", index, [1]), queries="Kleider-\udce4.csv")
    assert "Kleider-?.csv" in page.text
    summary = json.loads((tmp_path / "r" / "summary.json").read_text(encoding="utf-8"))
    assert summary["queries"] == "Kleider-\udce4.csv"


def test_an_item_without_a_picture_has_a_tile_that_says_why(tmp_path: Path) -> None:
    """One picture was deleted after indexing, one right item is not in the index: both are named, and the
    other pictures are there."""
    Image.new("RGB", (20, 30), "red").save(tmp_path / "a.png")
    Image.new("RGB", (20, 30), "blue").save(tmp_path / "b.png")
    catalogue = tmp_path / "shop.csv"
    catalogue.write_text("id,image,title\na,a.png,Red\nb,b.png,Blue\n", encoding="utf-8")
    build(tmp_path / "home", BuildConfig(catalogue), quiet)
    (tmp_path / "b.png").unlink()
    missed = {str(measure): 0.0 for measure in reported()}
    sold = QueryResult("rot", (), ("sold out",), ("a", "b"), missed)
    page = report(tmp_path / "r", open_current(tmp_path / "home"), Evaluation("base", [sold]))
    shown = page.gallery("Not found")
    assert "not in the index" in shown
    assert "picture gone: b.png cannot be opened" in shown
    assert str(tmp_path) not in page.html
    assert [image["alt"] for image in page.all("img")] == ["Red"]


def test_an_unanswered_query_is_shown_as_that(index: IndexVersion, tmp_path: Path) -> None:
    """It counts as not found."""
    unanswered = replace(asked(index, 0, None, "rotes Kleid"), ranked=())
    page = report(tmp_path / "r", index, Evaluation("base", [unanswered]))
    assert "not in the first 20 no answer" in page.gallery("Not found")


def test_small_slices_are_faded(index: IndexVersion, tmp_path: Path) -> None:
    """Ten German queries and one English one: a mean of fewer than ten is greyed in the table."""
    results = [asked(index, n, 1, f"query {n}", "en" if n == 10 else "de") for n in range(11)]
    page = report(tmp_path / "r", index, Evaluation("base", results))
    assert "de (10)" in page.text
    assert "en (1)" in page.text
    assert len(page.all("tr", "few")) == 1


def test_the_same_results_make_the_same_page(index: IndexVersion, tmp_path: Path) -> None:
    """But for the time: no random id, no order of a set."""
    pages = [
        re.sub(
            r"20\d\d-\d\d-\d\d[T ]?[\d:+]*",
            "",
            report(tmp_path / name, index, tower("a", index, [1, 3])).html,
        )
        for name in ("x", "y")
    ]
    assert pages[0] == pages[1]


def test_a_report_is_replaced_by_the_next(index: IndexVersion, tmp_path: Path) -> None:
    """Also through a link, which stays; nothing is left beside it."""
    folder = tmp_path / "new" / "report"
    report(folder, index, tower("old", index, [1]))
    (tmp_path / "link").symlink_to(folder)
    write_report(tmp_path / "link", [tower("new", index, [2])], index=index, attributes={}, queries="q")
    assert (tmp_path / "link").is_symlink()
    assert list(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["towers"]) == ["new"]
    assert [path.name for path in folder.parent.iterdir()] == ["report"]


@pytest.mark.parametrize("there", [["notes.txt"], ["index.html"], [*FILES, "notes.txt"]])
def test_a_folder_that_is_no_report_is_refused(index: IndexVersion, tmp_path: Path, there: list[str]) -> None:
    """One line that names it; what lies in it is untouched. An empty folder is taken."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in there:
        (folder / name).write_text("mine")
    with pytest.raises(ReportError, match=f"holds {len(there)} .* not a report.*name a new folder") as error:
        report(folder, index, tower("base", index, [1]))
    assert "\n" not in str(error.value)
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(there, "mine")
    shutil.rmtree(folder)
    folder.mkdir()
    report(folder, index, tower("base", index, [1]))


def test_a_file_in_its_place_is_refused(index: IndexVersion, tmp_path: Path) -> None:
    """As a folder that is no report is."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ReportError, match="is a file"):
        report(tmp_path / "file", index, tower("base", index, [1]))


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    index: IndexVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The templates are gone, so the second page fails halfway: the first stands, and nothing beside it."""
    folder = tmp_path / "report"
    before = report(folder, index, tower("old", index, [1])).html
    monkeypatch.setattr("app.report._TEMPLATES", tmp_path / "nowhere")
    with pytest.raises(Exception, match=r"report\.html"):
        report(folder, index, tower("new", index, [1]))
    assert (folder / "index.html").read_text(encoding="utf-8") == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_towers_that_cannot_be_compared_are_refused(index: IndexVersion, tmp_path: Path) -> None:
    """Other queries, or the same tower twice: one line with both facts, and no folder."""
    base = tower("base", index, [1, 2])
    with pytest.raises(ReportError, match=r"tuned was asked other queries \(1\) than base \(2\)"):
        report(tmp_path / "r", index, base, tower("tuned", index, [1]))
    with pytest.raises(ReportError, match="base is there twice"):
        report(tmp_path / "r", index, base, base)
    assert list(tmp_path.iterdir()) == []
