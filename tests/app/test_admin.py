"""For operators: who may, what they may start, what they see of it, and which versions answer."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.admin_schemas import FinetuneOptions
from app.jobs import Jobs
from app.main import create_app
from app.middleware import MAX_UPLOAD
from app.settings import Settings
from app.tuning_options import Options, options_of
from indexer.store import current_version, indexes
from models.recipe import TRANSLATION, Config
from models.registry import Registry
from tests.conftest import Answer, serving

KEY = "key-7f3a"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
PAIRS = b'{"query": "rotes Kleid", "item": "demo-0001"}\n{"query": "Hose", "item": "demo-0002"}\n'


@pytest.fixture(scope="module")
def shop(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the drawn shop's home, in which jobs may be started; beside it an empty folder `data`."""
    folder = tmp_path_factory.mktemp("admin")
    shutil.copytree(home, folder / "home", symlinks=True)
    (folder / "data").mkdir()
    return folder / "home"


@pytest.fixture(scope="module")
def service(shop: Path) -> FastAPI:
    return create_app(Settings(home=shop, data=shop.parent / "data", admin_key=KEY))


@pytest.fixture(scope="module")
def admin(service: FastAPI) -> Iterator[TestClient]:
    """An operator of that shop, with the key."""
    with TestClient(service, headers=AUTHORIZED) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(admin: TestClient, service: FastAPI) -> TestClient:
    """Somebody without it."""
    return TestClient(service)


@pytest.fixture
def data(shop: Path) -> Iterator[Path]:
    """Its VITRINE_DATA, empty before and after."""
    folder = shop.parent / "data"
    yield folder
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.fixture(autouse=True)
def jobs(service: FastAPI) -> Iterator[Jobs]:
    """The job table of that shop, in which nothing waits or runs when the test has ended."""
    table: Jobs = service.state.jobs
    yield table
    for job in table.list():
        table.cancel(job.id)
        table.bury("worker")
        table.cancel(job.id)


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Path:
    """Another copy, whose versions may be changed."""
    shutil.copytree(home, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture
def changing(copied: Path) -> Iterator[TestClient]:
    """An operator of that one."""
    with TestClient(create_app(Settings(home=copied, admin_key=KEY)), headers=AUTHORIZED) as client:
        yield client


def twin(home: Path, name: str = "twin") -> str:
    """The bundled tower once more, under another id."""
    towers = home / "towers"
    shutil.copytree(towers / "base", towers / name)
    card = json.loads((towers / name / "card.json").read_text(encoding="utf-8"))
    (towers / name / "card.json").write_text(json.dumps(card | {"id": name}), encoding="utf-8")
    return name


def renamed(home: Path, version: str = "20990101-000000-000000") -> str:
    """The current index version once more under another name, not yet current."""
    folder = indexes(home) / version
    shutil.copytree(indexes(home) / str(current_version(home)), folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"version": version}), encoding="utf-8")
    return version


def assert_problem(answer: Answer, status: int, code: str, *told: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for part in told:
        assert part in answer.json()["detail"]


# Who may.


PATHS = [
    ("POST", "/admin/reindex"),
    ("POST", "/admin/finetune"),
    ("GET", "/admin/jobs"),
    ("GET", "/admin/jobs/0123456789abcdef/events"),
    ("PUT", "/admin/towers/active"),
    ("DELETE", "/admin/towers/base"),
    ("GET", "/admin/indexes"),
    ("GET", "/admin/nowhere"),
    ("OPTIONS", "/admin/jobs"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_key_set_admin_is_closed(client: TestClient, method: str, path: str) -> None:
    """403 admin_closed for whoever asks, with the variable that opens it."""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        answer = client.request(method, path, headers=headers)
        assert_problem(answer, 403, "admin_closed", "VITRINE_ADMIN_KEY")


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", f"Bearer {KEY[:-1]}"],
)
def test_without_the_right_key_nothing_is_told(
    stranger: TestClient, method: str, path: str, given: str | None
) -> None:
    """401, the scheme that is asked for, and neither the key nor what was given."""
    answer = stranger.request(method, path, headers={} if given is None else {"Authorization": given})
    assert_problem(answer, 401, "unauthorized", "Authorization: Bearer")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert KEY not in answer.text


def test_the_key_is_not_taken_from_the_url(stranger: TestClient) -> None:
    """A URL is logged by every proxy on the way."""
    for name in ("key", "token", "access_token", "admin_key"):
        assert stranger.get("/admin/jobs", params={name: KEY}).status_code == 401


def test_the_scheme_may_be_spelt_in_any_case(stranger: TestClient) -> None:
    """As RFC 9110 says."""
    assert stranger.get("/admin/jobs", headers={"Authorization": f"bearer  {KEY}"}).status_code == 200


def test_a_key_may_hold_any_letters(shop: Path) -> None:
    """In a header they are UTF-8."""
    client = TestClient(create_app(Settings(home=shop, admin_key="Schlüssel")))
    for key, status in [("Schlüssel", 200), ("Schlussel", 401)]:
        headers = {b"Authorization": f"Bearer {key}".encode()}
        assert client.get("/admin/towers", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/admin/finetune", "/admin/reindex"])
def test_a_stranger_is_refused_before_the_body_is_read(service: FastAPI, path: str) -> None:
    """401 without a byte of it having been asked for, however much is announced."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-length", b"1000000000000"), (b"content-type", FORM.encode())],
    }
    asyncio.run(service(scope, receive, send))
    assert statuses == [401]


def test_a_mounted_service_keeps_admin_closed(shop: Path) -> None:
    """Under a prefix of another application the key is asked for all the same."""
    outer = FastAPI()
    outer.mount("/vitrine", create_app(Settings(home=shop, admin_key=KEY)))
    client = TestClient(outer)
    assert client.get("/vitrine/admin/towers").status_code == 401
    assert client.get("/vitrine/admin/towers", headers=AUTHORIZED).status_code == 200


def test_no_other_origin_may_ask(shop: Path) -> None:
    """A page of a listed shop gets no CORS header of admin, neither directly nor by preflight."""
    origin = "https://shop.example"
    app = create_app(Settings(home=shop, admin_key=KEY, cors_origins=(origin,)))
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    client = TestClient(app)
    for answer in (
        client.get("/admin/jobs", headers={"Origin": origin, **AUTHORIZED}),
        client.options("/admin/jobs", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


# What they may start.


def test_a_started_job_is_answered_with_202_and_its_place(admin: TestClient, jobs: Jobs) -> None:
    """Location leads to the same job; the table holds what was asked for."""
    answer = admin.post("/admin/reindex", json={"full": True, "publish": False})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert set(job) == {
        *("id", "kind", "state", "created", "started", "finished"),
        *("progress", "log", "result", "error"),
    }
    assert (job["kind"], job["state"], job["log"], job["result"]) == ("reindex", "queued", [], None)
    assert answer.headers["location"] == f"/admin/jobs/{job['id']}"
    assert admin.get(answer.headers["location"]).json() == job
    parameters = {"catalogue": None, "images": None, "image_tower": None, "publish": False, "full": True}
    assert jobs.get(job["id"]).parameters == parameters


def test_a_reindex_needs_no_body(admin: TestClient, jobs: Jobs) -> None:
    """It repeats what the current index was made from."""
    answer = admin.post("/admin/reindex")
    assert answer.status_code == 202
    assert jobs.get(answer.json()["id"]).parameters["catalogue"] is None


def test_a_reindex_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    """Without an index and without VITRINE_CATALOGUE a catalogue must be named."""
    app = create_app(Settings(home=tmp_path / "home", admin_key=KEY))
    answer = TestClient(app, headers=AUTHORIZED).post("/admin/reindex")
    assert_problem(answer, 422, "bad_value", "VITRINE_CATALOGUE", "name a catalogue")


def test_an_idempotency_key_seen_before_returns_the_first_job(admin: TestClient, jobs: Jobs) -> None:
    """A retry after a lost answer does not start a second job; another key does."""
    first, again, other = (
        admin.post("/admin/reindex", headers={"Idempotency-Key": key}) for key in ("a", "a", "b")
    )
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert again.status_code == 202
    assert again.headers["location"] == first.headers["location"]
    assert [job.id for job in jobs.list(2)] == [other.json()["id"], first.json()["id"]]


def test_paths_in_the_data_folder_are_handed_on_resolved(admin: TestClient, data: Path, jobs: Jobs) -> None:
    """Relative to VITRINE_DATA, through links that stay inside, as a file or a folder."""
    (data / "new").mkdir()
    (data / "new" / "catalogue.csv").write_text("id,image\n1,1.png\n")
    (data / "latest").symlink_to("new")
    body = {"catalogue": "latest/catalogue.csv", "images": "./new/../latest"}
    answer = admin.post("/admin/reindex", json=body)
    assert answer.status_code == 202, answer.text
    parameters = jobs.get(answer.json()["id"]).parameters
    assert parameters["catalogue"] == str(data / "new" / "catalogue.csv")
    assert parameters["images"] == str(data / "new")


@pytest.mark.parametrize(
    "path", ["..", "../home/jobs.sqlite", "/etc/passwd", "/", "out", "out/passwd", "a/../../x", "to-file"]
)
@pytest.mark.parametrize("member", ["catalogue", "images", "pairs", "gate", "guard", "queries"])
def test_a_path_out_of_the_data_folder_is_refused(
    admin: TestClient, data: Path, member: str, path: str
) -> None:
    """By dots, as an absolute path or by a link, whether or not something is there; it is named."""
    (data / "out").symlink_to("/etc")
    (data / "to-file").symlink_to("/etc/passwd")
    (data / "pairs.jsonl").write_bytes(PAIRS)
    place, body = {
        "catalogue": ("reindex", {"catalogue": path}),
        "images": ("reindex", {"images": path}),
        "pairs": ("finetune", {"pairs": path}),
        "gate": ("finetune", {"pairs": "pairs.jsonl", "gate": path}),
        "guard": ("finetune", {"pairs": "pairs.jsonl", "guard": [path]}),
        "queries": ("evaluate", {"queries": path}),
    }[member]
    assert_problem(admin.post(f"/admin/{place}", json=body), 422, "path_outside_data", repr(path))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("gone.csv", "there is no 'gone.csv'"),
        ("gone/deep.csv", "there is no"),
        ("folder", "is not a file"),
        ("a\0b", "cannot be a path"),
        ("circle", "cannot be a path"),
        ("x" * 1000, "xxx…"),
    ],
)
def test_a_file_that_is_not_there_is_named(admin: TestClient, data: Path, path: str, told: str) -> None:
    """422 with its name, not a job that fails later."""
    (data / "folder").mkdir()
    (data / "circle").symlink_to("circle")
    answer = admin.post("/admin/finetune", json={"pairs": path})
    assert_problem(answer, 422, "bad_value", told, "VITRINE_DATA")


def test_pairs_are_named_in_the_data_folder(admin: TestClient, data: Path, jobs: Jobs) -> None:
    """The options stand beside them; those left out have the command's defaults."""
    (data / "pairs.jsonl").write_bytes(PAIRS)
    (data / "guards").mkdir()
    (data / "guards" / "en.jsonl").write_bytes(PAIRS)
    body = {"pairs": "pairs.jsonl", "out": "shop-de", "epochs": 3, "wise_ft": 0.5, "gate": "pairs.jsonl"}
    body["guard"] = ["guards/en.jsonl"]
    answer = admin.post("/admin/finetune", json=body)
    assert answer.status_code == 202, answer.text
    parameters = jobs.get(answer.json()["id"]).parameters
    assert parameters["pairs"] == parameters["options"]["gate"] == str(data / "pairs.jsonl")
    assert parameters["options"]["guard"] == [str(data / "guards" / "en.jsonl")]
    told = {name: parameters["options"][name] for name in ("out", "epochs", "wise_ft", "batch", "activate")}
    assert told == {"out": "shop-de", "epochs": 3, "wise_ft": 0.5, "batch": 250, "activate": False}


def test_pairs_are_uploaded(admin: TestClient, shop: Path, jobs: Jobs) -> None:
    """The file lies in the home under its own name; sent again, it is there once."""
    kept = set()
    for _ in range(2):
        answer = admin.post(
            "/admin/finetune",
            files={"pairs": ("Paare März.jsonl", PAIRS)},
            data={"options": '{"out": "shop-de", "activate": true}'},
        )
        assert answer.status_code == 202, answer.text
        parameters = jobs.get(answer.json()["id"]).parameters
        assert (parameters["options"]["out"], parameters["options"]["activate"]) == ("shop-de", True)
        kept.add(parameters["pairs"])
    (path,) = kept
    assert Path(path).read_bytes() == PAIRS
    assert Path(path).is_relative_to(shop / "uploads")
    assert Path(path).name == "Paare_M_rz.jsonl"
    assert [folder.name for folder in (shop / "uploads").iterdir()].count(Path(path).parent.name) == 1
    assert not list((shop / "uploads").glob(".*"))


@pytest.mark.parametrize("name", ["../../x.jsonl", "/etc/passwd", "..", ".hidden", "C:\\a.jsonl", "ä" * 300])
def test_the_name_of_an_upload_leads_nowhere(admin: TestClient, shop: Path, jobs: Jobs, name: str) -> None:
    """Whatever the client calls its file, it lies in a folder of its own among the uploads."""
    answer = admin.post("/admin/finetune", files={"pairs": (name, PAIRS)})
    assert answer.status_code == 202, answer.text
    path = Path(jobs.get(answer.json()["id"]).parameters["pairs"])
    assert path.parent.parent == shop / "uploads"
    assert path.is_file()


def test_queries_are_named_or_uploaded(admin: TestClient, data: Path, jobs: Jobs) -> None:
    """Both start the same evaluation, of the towers that are named."""
    rows = [("query", "item", "lang"), ("rotes Kleid", "demo-0001", "de"), ("dress", "demo-0002", "en")]
    with (data / "queries.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    options = {"lang": "de", "text_towers": ["base"]}
    named = admin.post("/admin/evaluate", json={"queries": "queries.csv", **options})
    sent = admin.post(
        "/admin/evaluate",
        files={"queries": ("queries.csv", (data / "queries.csv").read_bytes())},
        data={"options": json.dumps(options)},
    )
    assert (named.status_code, sent.status_code) == (202, 202), sent.text
    first, second = (jobs.get(answer.json()["id"]).parameters for answer in (named, sent))
    assert Path(first.pop("queries")).read_bytes() == Path(second.pop("queries")).read_bytes()
    assert first == second == {"split": None, "lang": "de", "text_towers": ["base"]}


def test_an_evaluation_of_an_unknown_tower_is_refused(admin: TestClient, data: Path) -> None:
    """404, with those that there are."""
    (data / "queries.jsonl").write_bytes(PAIRS)
    body = {"queries": "queries.jsonl", "text_towers": ["base", "gone"]}
    assert_problem(admin.post("/admin/evaluate", json=body), 404, "tower_not_found", "gone", "base")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("pairs.jsonl", b"", "no usable row"),
        ("pairs.csv", b"query,item\n", "no usable row"),
        ("pairs.csv", b"text,product\nKleid,1\nHose,2\n", "lines 2, 3"),
        ("pairs.csv", b"query,item\n,1\n", "line 2"),
        ("pairs.jsonl", b"query,item\nKleid,1\n", "lines 1, 2"),
        ("pairs.jsonl", '{"query": "Röcke", "item": "1"}\n'.encode("latin-1"), "line 1 is not UTF-8"),
        ("pairs.jsonl", b'{"query": "Rock", "item": "1", "split": "test"}\n', "split 'train'"),
        ("pairs.jsonl", b"[" * 60_000, "line 1"),
        ("pairs.jsonl", b"\x00" * 100, "line 1"),
    ],
)
def test_a_file_that_is_no_pairs_is_refused_with_its_rows(
    admin: TestClient, shop: Path, name: str, content: bytes, told: str
) -> None:
    """At once, by line; and nothing of it stays."""
    before = set(shop.glob("uploads/*"))
    answer = admin.post("/admin/finetune", files={"pairs": (name, content)})
    assert_problem(answer, 422, "bad_value", name, told)
    assert set(shop.glob("uploads/*")) == before


def test_a_language_is_learnt_from_other_columns(admin: TestClient) -> None:
    """With `parallel` the rows are a query and its translation, and pairs are refused."""
    rows = b"query,translation\nrotes Kleid,red dress\n"

    def sent(content: bytes) -> Answer:
        files, options = {"pairs": ("rows.csv", content)}, {"options": '{"parallel": true}'}
        return admin.post("/admin/finetune", files=files, data=options)

    assert sent(rows).status_code == 202
    assert_problem(sent(b"query,item\nKleid,demo-0001\n"), 422, "bad_value", "line 2", "translation")


def test_a_few_bad_rows_are_for_the_job_to_report(admin: TestClient) -> None:
    """A file with pairs beside them is taken."""
    content = PAIRS + b'{"query": "", "item": "demo-0001"}\nno JSON\n'
    assert admin.post("/admin/finetune", files={"pairs": ("p.jsonl", content)}).status_code == 202


def test_the_options_are_the_recipes() -> None:
    """Everything that the command takes can be set, and has its default."""
    options = FinetuneOptions().model_dump()
    fixed = {field.name for field in fields(Config)} - {"epochs"}
    assert {name: options[name] for name in fixed} == {name: vars(Config())[name] for name in fixed}
    others = {field.name for field in fields(Options)} - {"recipe"}
    assert set(options) == others | {field.name for field in fields(Config)}
    assert options_of(options) == Options()
    assert options_of(options | {"parallel": True}).recipe == TRANSLATION


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ('{"epoch": 3}', "unknown_field"),
        ('{"pairs": "x"}', "unknown_field"),
        ('{"epochs": "3"}', "bad_value"),
        ('{"epochs": 0}', "bad_value"),
        ('{"activate": "yes"}', "bad_value"),
        ('{"lr": NaN}', "bad_value"),
        ('{"lr": 1e999}', "bad_value"),
        ('{"wise_ft": "often"}', "bad_value"),
        ('{"wise_ft": 1.5}', "bad_value"),
        ('{"guard": "x"}', "bad_value"),
        ('{"trainable": "last:0"}', "bad_value"),
        ('{"trainable": "lora:0"}', "bad_value"),
        ('{"batch": 4097}', "bad_value"),
        ('{"microbatch": 0}', "bad_value"),
        ('{"precision": "fp16"}', "bad_value"),
        ('{"device": "tpu"}', "bad_value"),
        ('{"gradient_checkpointing": 1}', "bad_value"),
        ('{"out": "../x"}', "bad_value"),
        ('{"out": "Shop"}', "bad_value"),
        ('{"split": "\\ud800"}', "bad_value"),
        ('{"seed": ' + "9" * 5000 + "}", "bad_value"),
        ("[" * 30_000, "bad_value"),
        ("[]", "bad_value"),
        ("null", "bad_value"),
        ("", "bad_value"),
        ("no JSON", "bad_value"),
        ('{"optimiser": "' + "x" * 70_000 + '"}', "bad_value"),
    ],
)
def test_options_that_make_no_sense_are_refused(admin: TestClient, options: str, code: str) -> None:
    """One problem each, by name, in either form."""
    sent = admin.post("/admin/finetune", files={"pairs": ("p.jsonl", PAIRS)}, data={"options": options})
    assert_problem(sent, 422, code)
    assert len(sent.text) < 2000


def test_options_in_json_are_as_strict(admin: TestClient, data: Path) -> None:
    """Unknown members, other types and half a surrogate pair are 422."""
    (data / "p.jsonl").write_bytes(PAIRS)
    for body, code in [
        ('{"pairs": "p.jsonl", "epoch": 3}', "unknown_field"),
        ('{"pairs": "p.jsonl", "epochs": true}', "bad_value"),
        ('{"pairs": "\\ud800"}', "bad_value"),
        ('{"pairs": ""}', "bad_value"),
        ('{"pairs": ["p.jsonl"]}', "bad_value"),
        ("{}", "bad_value"),
        ("[" * 60_000, "bad_value"),
    ]:
        headers = {"Content-Type": "application/json"}
        assert_problem(admin.post("/admin/finetune", content=body, headers=headers), 422, code)


def part(name: str, content: bytes = b"x", *, file: str | None = None) -> bytes:
    filename = "" if file is None else f'; filename="{file}"'
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
    return head.encode() + content + b"\r\n"


FORM = "multipart/form-data; boundary=x"
FILE = part("pairs", PAIRS, file="p.jsonl")


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (FORM, FILE + part("epochs", b"3") + b"--x--", "unknown_field"),
        (FORM, part("file", PAIRS, file="p.jsonl") + b"--x--", "unknown_field"),
        (FORM, part("pairs", PAIRS) + b"--x--", "bad_value"),
        (FORM, part("options", b"{}") + b"--x--", "bad_value"),
        (FORM, FILE + FILE + b"--x--", "bad_value"),
        (FORM, FILE + part("options", b"{}") * 2 + b"--x--", "bad_value"),
        (FORM, FILE + part("options", b"{}", file="o.json") + b"--x--", "bad_value"),
        (FORM, part("pairs") * 5000 + b"--x--", "bad_value"),
        (FORM, part("pairs", file="p") * 5000 + b"--x--", "bad_value"),
        (FORM, part("options", b"{" * 200_000) + b"--x--", "bad_value"),
        (FORM, FILE + part("options", b"\xff\xfe") + b"--x--", "bad_value"),
        (FORM + "; charset=raw_unicode_escape", FILE + part("options", rb"{}\ud800") + b"--x--", "bad_value"),
        (FORM, b"no form", "bad_value"),
        (FORM, b"", "bad_value"),
        ("multipart/form-data", FILE, "bad_value"),
        ("multipart/mixed; boundary=x", FILE + b"--x--", "bad_value"),
        ("text/csv", PAIRS, "bad_value"),
        ("application/x-www-form-urlencoded", b"pairs=x", "bad_value"),
        ("", PAIRS, "bad_value"),
        ("application/json", b"\xff", "bad_value"),
        ("application/json", b"", "bad_value"),
    ],
)
def test_a_form_that_is_none_is_one_problem(
    admin: TestClient, jobs: Jobs, kind: str, body: bytes, code: str
) -> None:
    """Parts too many, missing, twice or of the wrong sort, and other types of content: 422, and no job."""
    before = jobs.list()
    answer = admin.post("/admin/finetune", content=body, headers={"Content-Type": kind})
    assert_problem(answer, 422, code)
    assert jobs.list() == before


@pytest.mark.parametrize("path", ["reindex", "finetune", "evaluate", "towers/active", "indexes/active"])
def test_json_of_operators_is_64_kb_at_most(admin: TestClient, path: str) -> None:
    """413 above that, where a form may be larger too."""
    method = "PUT" if path.endswith("active") else "POST"
    headers = {"Content-Type": "application/json"}
    answer = admin.request(method, f"/admin/{path}", content=b" " * 65_537, headers=headers)
    assert_problem(answer, 413, "too_large")


def test_an_upload_may_have_100_mb(admin: TestClient) -> None:
    """One of 2 MB is read; one that declares more than 100 MB is refused unread."""
    content = PAIRS * 25_000
    assert admin.post("/admin/finetune", files={"pairs": ("p.jsonl", content)}).status_code == 202
    headers = {"Content-Type": FORM, "Content-Length": str(MAX_UPLOAD + 100_000)}
    assert_problem(admin.post("/admin/finetune", content=b"", headers=headers), 413, "too_large")


def test_admin_takes_no_place_of_a_search(live: httpx.Client) -> None:
    """Two event streams are open where only one search may be in work: it is answered all the same."""
    job = live.post("/admin/reindex").json()
    path = f"/admin/jobs/{job['id']}/events"
    with live.stream("GET", path) as one, live.stream("GET", path) as other:
        assert (one.status_code, other.status_code) == (200, 200)
        assert live.get("/search?q=Hose").status_code == 200
        live.post(f"/admin/jobs/{job['id']}/cancel")


def test_without_its_database_only_jobs_are_unavailable(shop: Path) -> None:
    """503 that a client may repeat, without the password; searches and versions are answered."""
    url = "postgresql://vitrine:secret@127.0.0.1:1/jobs"
    app = create_app(Settings(home=shop, admin_key=KEY, database_url=url))
    with TestClient(app, headers=AUTHORIZED) as client:
        for answer in (client.get("/admin/jobs"), client.post("/admin/reindex")):
            assert_problem(answer, 503, "jobs_unavailable")
            assert "secret" not in answer.text
        assert client.get("/admin/towers").status_code == client.get("/search?q=Hose").status_code == 200


# What they see of it.


def test_jobs_are_listed_newest_first(admin: TestClient) -> None:
    """Each as it would be shown alone."""
    ids = [admin.post("/admin/reindex").json()["id"] for _ in range(3)]
    listed = admin.get("/admin/jobs").json()["jobs"]
    assert [job["id"] for job in listed[:3]] == ids[::-1]
    assert listed[0] == admin.get(f"/admin/jobs/{ids[-1]}").json()


@pytest.mark.parametrize("id", ["0123456789abcdef", "x", "%00", "..", "%ff", "a" * 1000])
@pytest.mark.parametrize(
    ("method", "what"), [("GET", ""), ("GET", "/events"), ("GET", "/report"), ("POST", "/cancel")]
)
def test_an_unknown_job_is_not_found(admin: TestClient, id: str, method: str, what: str) -> None:
    """404 job_not_found, whatever is asked of it."""
    answer = admin.request(method, f"/admin/jobs/{id}{what}".replace("..", "%2e%2e"))
    assert_problem(answer, 404, "job_not_found")


def test_a_queued_job_is_cancelled_at_once(admin: TestClient) -> None:
    """Cancelling it again changes nothing."""
    job = admin.post("/admin/reindex").json()
    for _ in range(2):
        answer = admin.post(f"/admin/jobs/{job['id']}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_a_failed_job_says_why(admin: TestClient, jobs: Jobs) -> None:
    """Its error is a problem like one of an answer."""
    job = admin.post("/admin/reindex").json()
    jobs.take("worker", 60)
    error = {"title": "Unprocessable Content", "status": 422, "code": "bad_value", "detail": "no such column"}
    jobs.fail(job["id"], "worker", error)
    shown = admin.get(f"/admin/jobs/{job['id']}").json()
    assert (shown["state"], shown["error"]) == ("failed", {"type": "about:blank", **error})


def test_a_report_is_the_page_that_the_job_wrote(admin: TestClient, shop: Path) -> None:
    """HTML under the policy of every page; before it is written, 404 that says so."""
    job = admin.post("/admin/reindex").json()
    answer = admin.get(f"/admin/jobs/{job['id']}/report")
    assert_problem(answer, 404, "report_not_found", job["id"], "reindex")
    folder = shop / "jobs" / job["id"] / "report"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Rück</title>", encoding="utf-8")
    answer = admin.get(f"/admin/jobs/{job['id']}/report")
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>Rück</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


class running:  # noqa: N801 - used as `with running(app) as url`
    """A real server of an app of one's own making."""

    def __init__(self, app: FastAPI) -> None:
        self._server = serving(Path("unused"))
        self._server._server.config.app = app

    def __enter__(self) -> str:
        return self._server.__enter__()

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)


@pytest.fixture(scope="module")
def live(shop: Path) -> Iterator[httpx.Client]:
    """An operator of the shop over a real server, which has a place for one search."""
    with (
        running(create_app(Settings(home=shop, admin_key=KEY, max_requests=1))) as url,
        httpx.Client(base_url=url, headers=AUTHORIZED, timeout=20) as client,
    ):
        yield client


def events(stream: httpx.Response) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and job of each event, as they come."""
    event: dict[str, str] = {}
    for line in stream.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            assert event["event"] == "job"
            yield int(event["id"]), json.loads(event["data"])
            event = {}


def test_events_tell_a_jobs_life_to_its_end(live: httpx.Client, jobs: Jobs) -> None:
    """What it is now, each change under a higher number, the end; then the stream is closed."""
    job = live.post("/admin/reindex").json()
    with live.stream("GET", f"/admin/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        coming = events(stream)
        assert next(coming)[1] == job
        jobs.take("worker", 60)
        assert next(coming)[1]["state"] == "running"
        progress = {"stage": "embedding", "done": 3, "total": 62, "eta_s": 1.5, "metrics": {"loss": 0.5}}
        jobs.beat(job["id"], "worker", 60, progress=progress, log=["a line"])
        number, shown = next(coming)
        assert (shown["progress"], shown["log"]) == (progress, ["a line"])
        jobs.finish(job["id"], "worker", {"version": "v"})
        last = list(coming)
    assert last[-1][1] == live.get(f"/admin/jobs/{job['id']}").json()
    assert (last[-1][1]["state"], last[-1][1]["result"]) == ("finished", {"version": "v"})
    assert last[-1][0] > number > 1


def test_events_are_resumed_after_the_last_one(live: httpx.Client, jobs: Jobs) -> None:
    """With Last-Event-ID only what is newer comes; a number that is none is passed over."""
    job = live.post("/admin/reindex").json()
    path = f"/admin/jobs/{job['id']}/events"
    jobs.take("worker", 60)
    jobs.finish(job["id"], "worker", {})

    def got(last: str) -> list[int]:
        with live.stream("GET", path, headers={"Last-Event-ID": last}) as stream:
            return [number for number, _ in events(stream)]

    (newest,) = got("")
    assert got(str(newest - 1)) == got("x") == got("-1") == [newest]
    assert got(str(newest)) == got("9" * 100) == []


def test_a_silent_job_is_heard_of_by_comments(live: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no proxy ends the stream while a job waits for its turn."""
    monkeypatch.setattr("app.routes.admin_jobs._SILENT_SECONDS", 0.1)
    job = live.post("/admin/reindex").json()
    with live.stream("GET", f"/admin/jobs/{job['id']}/events") as stream:
        lines = stream.iter_lines()
        assert any(line.startswith(":") for line in lines)
        live.post(f"/admin/jobs/{job['id']}/cancel")


def test_events_end_with_the_service(service: FastAPI, admin: TestClient) -> None:
    """A service that is to end does not wait for the job; the client comes back for the rest."""
    job = admin.post("/admin/reindex").json()
    service.state.ending.set()
    try:
        assert admin.get(f"/admin/jobs/{job['id']}/events").text == ""
    finally:
        service.state.ending.clear()


# Which versions answer.


def test_towers_are_listed_with_their_cards(changing: TestClient, copied: Path) -> None:
    """One of a space is active."""
    twin(copied)
    towers = changing.get("/admin/towers").json()["towers"]
    registry = Registry(copied)
    assert {tower["id"]: tower["active"] for tower in towers} == {
        card.id: card.id == registry.active(card.space) for card in registry.cards()
    }
    assert {"base", "twin"} <= {tower["id"] for tower in towers}
    shown = next(tower for tower in towers if tower["id"] == "twin")
    assert (shown["weights"], shown["dim"]) == (registry.card("twin").weights, 512)


def test_an_activated_tower_answers_when_the_call_has(changing: TestClient, copied: Path) -> None:
    """The very next search is read by it; a rollback brings the one before back as fast."""
    before = changing.get("/search?q=Hose").json()["text_tower"]
    twin(copied)
    answer = changing.put("/admin/towers/active", json={"id": "twin"})
    assert answer.status_code == 200, answer.text
    space = Registry(copied).card("twin").space
    serving_now = {"index": current_version(copied), "text_tower": "twin", "space": space}
    assert answer.json() == {"id": "twin", "space": space, "serving": serving_now}
    assert changing.get("/search?q=Hose").json()["text_tower"] == "twin"
    back = changing.post("/admin/towers/rollback")
    assert (back.json()["id"], back.json()["serving"]["text_tower"]) == (before, before)
    assert changing.get("/search?q=Hose").json()["text_tower"] == before
    assert_problem(changing.post("/admin/towers/rollback"), 404, "tower_not_found", "roll back")


def test_a_tower_that_cannot_be_served_does_not_become_active(changing: TestClient, copied: Path) -> None:
    """Unknown or damaged: 404 with the reason, and the one before answers on, after a restart too."""
    before = Registry(copied).active(Registry(copied).card("base").space)
    twin(copied)
    (copied / "towers" / "twin" / "weights.safetensors").write_bytes(b"damaged")
    assert_problem(changing.put("/admin/towers/active", json={"id": "twin"}), 404, "tower_not_found", "twin")
    assert_problem(changing.put("/admin/towers/active", json={"id": "gone"}), 404, "tower_not_found", "gone")
    assert Registry(copied).active(Registry(copied).card("base").space) == before
    assert changing.get("/search?q=Hose").json()["text_tower"] == before


def test_a_tower_is_swapped_under_load_without_a_failed_answer(copied: Path) -> None:
    """Searches all along name one of the two, and after the answer only the new one."""
    twin(copied)
    seen: list[tuple[float, int, str]] = []
    ended = threading.Event()

    def search(url: str) -> None:
        with httpx.Client(base_url=url) as client:
            while not ended.is_set():
                began = time.monotonic()
                answer = client.get("/search?q=Hose&limit=1")
                seen.append((began, answer.status_code, answer.json().get("text_tower", "")))

    with running(create_app(Settings(home=copied, admin_key=KEY))) as url:
        before = httpx.get(f"{url}/search?q=Hose").json()["text_tower"]
        threads = [threading.Thread(target=search, args=(url,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        answer = httpx.put(f"{url}/admin/towers/active", json={"id": "twin"}, headers=AUTHORIZED, timeout=20)
        swapped = time.monotonic()
        time.sleep(0.2)
        ended.set()
        for thread in threads:
            thread.join()
    assert answer.status_code == 200, answer.text
    assert {status for _, status, _ in seen} == {200}
    assert {tower for _, _, tower in seen} <= {before, "twin"}
    assert {tower for began, _, tower in seen if began > swapped} == {"twin"}


def test_a_tower_in_use_is_not_deleted(changing: TestClient, copied: Path) -> None:
    """409 for the active one; another goes, and is then not found."""
    twin(copied)
    active = changing.get("/search?q=Hose").json()["text_tower"]
    assert_problem(changing.delete(f"/admin/towers/{active}"), 409, "tower_in_use", active)
    answer = changing.delete("/admin/towers/twin")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(changing.delete("/admin/towers/twin"), 404, "tower_not_found", "twin")
    assert_problem(changing.delete("/admin/towers/%2e%2e"), 404, "tower_not_found")


def test_indexes_are_listed_newest_first(changing: TestClient, copied: Path) -> None:
    """With what they hold, and which one is current."""
    current, newer = current_version(copied), renamed(copied)
    listed = changing.get("/admin/indexes").json()["indexes"]
    assert [(index["version"], index["active"]) for index in listed] == [(newer, False), (current, True)]
    assert listed[0]["items"] == listed[1]["items"] > 0


def test_an_activated_index_answers_when_the_call_has(changing: TestClient, copied: Path) -> None:
    """The very next search is of that version, and the way back is the same call."""
    before, after = str(current_version(copied)), renamed(copied)
    for version in (after, before, before):
        answer = changing.put("/admin/indexes/active", json={"version": version})
        assert answer.status_code == 200, answer.text
        assert answer.json()["version"] == answer.json()["serving"]["index"] == version
        assert changing.get("/search?q=Hose").json()["index"] == version


def test_an_index_that_cannot_be_served_does_not_become_current(changing: TestClient, copied: Path) -> None:
    """Unknown 404, damaged 409, of a space without a tower 409; the one before is served on."""
    before = current_version(copied)
    damaged, foreign = renamed(copied), renamed(copied, "20990102-000000-000000")
    (indexes(copied) / damaged / "vectors.npy").write_bytes(b"damaged")
    manifest = indexes(copied) / foreign / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(content | {"space": "0123456789abcdef"}), encoding="utf-8")
    for version, status, code in [
        ("gone", 404, "index_not_found"),
        ("../towers", 404, "index_not_found"),
        ("current", 404, "index_not_found"),
        (damaged, 409, "index_damaged"),
        (foreign, 409, "space_mismatch"),
    ]:
        assert_problem(
            changing.put("/admin/indexes/active", json={"version": version}), status, code, version
        )
        assert current_version(copied) == before
        assert changing.get("/search?q=Hose").json()["index"] == before


# The first index.


def first_index(tmp_path: Path, **settings: Any) -> Settings:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "catalogue.csv").write_text("id,image\n1,1.png\n")
    catalogue = Path("catalogue.csv")
    return Settings(home=tmp_path / "home", data=tmp_path / "data", catalogue=catalogue, **settings)


def test_a_start_without_an_index_queues_one_reindex(tmp_path: Path) -> None:
    """One, however often it starts while that job waits or runs; another once it has failed."""
    settings = first_index(tmp_path)
    table = Jobs(settings.jobs_url)
    for state in ("queued", "running"):
        for _ in range(2):
            with TestClient(create_app(settings)):
                (job,) = table.list()
                assert (job.kind, job.state) == ("reindex", state)
        table.take("worker", 60)
    table.fail(job.id, "worker", {"title": "x", "status": 422, "code": "bad_value", "detail": "no picture"})
    for _ in range(2):
        with TestClient(create_app(settings)):
            assert [job.state for job in table.list()] == ["queued", "failed"]


def test_services_that_start_at_once_queue_one_reindex(tmp_path: Path) -> None:
    """Whichever comes first."""
    settings = first_index(tmp_path)

    def start() -> None:
        with TestClient(create_app(settings)):
            pass

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Jobs(settings.jobs_url).list()) == 1


def test_a_start_with_an_index_or_without_a_catalogue_queues_nothing(shop: Path, tmp_path: Path) -> None:
    """There is nothing to do, or nothing to do it with."""
    settings = Settings(home=shop, catalogue=Path("catalogue.csv"))
    before = Jobs(settings.jobs_url).list()
    with TestClient(create_app(settings)):
        assert Jobs(settings.jobs_url).list() == before
    bare = Settings(home=tmp_path / "bare")
    with TestClient(create_app(bare)):
        assert Jobs(bare.jobs_url).list() == []


# The document.


def test_the_documents_examples_of_operators_work(admin: TestClient, shop: Path, data: Path) -> None:
    """Every JSON body that the document shows is taken, once its file is there."""
    for name in ("pairs.csv", "queries.csv"):
        (data / name).write_text("query,item\nKleid,demo-0001\n")
    (data / "catalogue.csv").write_text("id,image\n1,1.png\n")
    document = admin.get("/openapi.json").json()
    tried = []
    for place in ("reindex", "finetune", "evaluate"):
        operation = document["paths"][f"/admin/{place}"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        schema = next((one for one in schema.get("anyOf", []) if "$ref" in one), schema)
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        for body in schema["examples"]:
            answer = admin.post(f"/admin/{place}", json=body)
            assert answer.status_code == 202, (place, body, answer.text)
            told = operation["responses"]["202"]["content"]["application/json"]["schema"]
            jsonschema_rs.validate({**told, "components": document["components"]}, answer.json())
            tried.append(place)
    assert set(tried) == {"reindex", "finetune", "evaluate"}


def test_every_admin_operation_says_that_it_needs_the_key(admin: TestClient) -> None:
    """Its security, 401 and 403 are in the document; those of other operations are not."""
    document = admin.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            closed = path.startswith("/admin/")
            assert (operation.get("security") == [{"AdminKey": []}]) == closed, path
            assert ({"401", "403"} <= set(operation["responses"])) == closed, path
