"""Files of a hub: from a cache on this disk, over HTTP, and what is said where there is neither."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from models import hub
from tests.tiny_models import write_tiny

VITRINE = Path(__file__).parent.parent.parent
COMMIT = "0123456789abcdef0123456789abcdef01234567"

LOOK = """
import json, sys
from models.openclip import open_sides, open_text, open_tokenizer
from models.towers import TowerError
found = {}
for name in sys.argv[1:]:
    try:
        text = open_text(name, "cpu")
        read = open_tokenizer(name).read("rotes Kleid")
        found[name] = [text.id, text.encode(["rotes Kleid"]).shape, len(read.pieces)]
    except TowerError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def cache(home: Path, repository: str, files: Path) -> Path:
    """Puts files into a cache as the hub's client lays it out: blobs, a snapshot of links, and its branch."""
    folder = home / "hub" / f"models--{repository.replace('/', '--')}"
    for part in ("blobs", "refs", f"snapshots/{COMMIT}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    for number, file in enumerate(sorted(files.iterdir())):
        blob = folder / "blobs" / f"{number:040x}"
        shutil.copyfile(file, blob)
        (folder / "snapshots" / COMMIT / file.name).symlink_to(f"../../blobs/{blob.name}")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What HF_HOME names: in the cache are a model, the repository of its tokenizer and its text side's
    configuration, as XLM-R has one; and a model whose text side is nowhere."""
    folder = tmp_path_factory.mktemp("hub")
    model = write_tiny(folder / "tiny", "xlm-roberta")
    text = folder / "text"
    text.mkdir()
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (model / file).rename(text / file)
    cache(folder / "home", "shop/text", text)
    for repository, named in [("shop/tiny", "shop/text"), ("shop/half", "shop/nowhere")]:
        path = model / "open_clip_config.json"
        config = json.loads(path.read_text())
        config["model_cfg"]["text_cfg"] |= {"hf_model_name": named, "hf_tokenizer_name": named}
        path.write_text(json.dumps(config))
        cache(folder / "home", repository, model)
    return folder / "home"


def test_offline_the_cache_is_all_there_is(home: Path) -> None:
    """In a fresh process that was told to stay offline a cached model opens, and of any other one line says
    which file of which repository is missing, in which cache, and how to carry it here."""
    built_in = "open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k"
    names = ("hf-hub:shop/tiny", "hf-hub:shop/half", "hf-hub:shop/none", built_in)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *names],
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(VITRINE),
        },
        capture_output=True,
        check=True,
        text=True,
    )
    opened, half, none, missing = json.loads(done.stdout).values()
    assert opened == ["shop-tiny", [1, 64], 2]
    for error, called, told in [
        (half, "open_clip:hf-hub:shop/half", "config.json of shop/nowhere"),
        (none, "open_clip:hf-hub:shop/none", "open_clip_config.json of shop/none"),
        (
            missing,
            built_in,
            "open_clip_model.safetensors or open_clip_pytorch_model.bin of "
            "laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k",
        ),
    ]:
        assert error == (
            f"{called} needs {told}, which is not in the cache {home}/hub and did not come from "
            f"https://huggingface.co (HF_HUB_OFFLINE is set): run `vitrine pull {called}` on a machine with "
            "a network, and carry the folder that it writes here"
        )


@pytest.fixture
def no_network(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without one, that was not told so."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no way out of here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.mark.usefixtures("no_network")
def test_a_cached_file_is_not_asked_for() -> None:
    """The first of those that are there; a tokenizer's folder holds all of its files."""
    assert hub.file("shop/tiny", ["none", "open_clip_config.json"]).name == "open_clip_config.json"
    folder = hub.tokenizer("shop/text")
    assert {"tokenizer.json", "tokenizer_config.json"} <= {file.name for file in folder.iterdir()}


@pytest.mark.usefixtures("no_network")
def test_without_a_network_it_is_said_at_once() -> None:
    """Why, in a word; a download would try again and again for a minute."""
    started = time.monotonic()
    with pytest.raises(hub.NotHere, match=r"^w of shop/none, which is not in the cache .*no way out of here"):
        hub.file("shop/none", ["w"])
    with pytest.raises(hub.NotHere, match=r"^the tokenizer of shop/none, which .*no way out of here"):
        hub.tokenizer("shop/none")
    assert time.monotonic() - started < 5


# Over a network.


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as its client asks for: what a repository holds, and its files."""

    root: Path
    asked: list[str]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Not to stderr."""

    def _answer(self, *, body: bool) -> None:
        self.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self._answer_about("/".join(parts[2:4]), parts[4:], body)
        file = self.root / "/".join(parts[:2]) / "/".join(parts[4:])
        if parts[2:3] != ["resolve"] or not file.is_file():
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)
        data = file.read_bytes()
        tag = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        return self._send(200, data, tag, body)

    def _answer_about(self, repository: str, rest: list[str], body: bool) -> None:
        folder = self.root / repository
        if not folder.is_dir():
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)
        files = sorted(file for file in folder.iterdir())
        if rest[:1] == ["tree"]:
            listed: Any = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                for file in files
            ]
        else:
            siblings = [{"rfilename": file.name} for file in files]
            listed = {"id": repository, "sha": COMMIT, "siblings": siblings, "private": False}
        return self._send(200, json.dumps(listed).encode(), {"Content-Type": "application/json"}, body)

    def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


PULL = """
import json, sys
from app.cli import main
for name in ("hf-hub:shop/tiny", "hf-hub:shop/none"):
    sys.argv = ["vitrine", "pull", name, "--home", "home"]
    try:
        main()
    except SystemExit:
        pass
from models.openclip import open_text
for name in ("hf-hub:shop/tiny", "local-dir:home/models/shop-tiny"):
    print(json.dumps(open_text(name, "cpu").encode(["rotes Kleid"]).tolist()))
"""


def test_a_model_is_fetched_once(tmp_path: Path) -> None:
    """From a hub into the cache that HF_HOME names, where its name finds it from then on without asking; and
    into a folder of its own, with the same vectors. A repository that is not there is said not to be."""
    model = write_tiny(tmp_path / "hub" / "shop" / "tiny", "xlm-roberta")
    text = tmp_path / "hub" / "shop" / "text"
    text.mkdir()
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (model / file).rename(text / file)
    description = model / "open_clip_config.json"
    description.write_text(description.read_text().replace(str(model), "shop/text"))
    asked: list[str] = []
    handler = type("Handler", (Hub,), {"root": tmp_path / "hub", "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        done = subprocess.run(
            [sys.executable, "-c", PULL],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(VITRINE),
                "HF_HOME": str(tmp_path / "cache"),
                "HF_ENDPOINT": endpoint,
            },
            capture_output=True,
            check=True,
            text=True,
        )
        server.shutdown()
    printed, by_name, by_folder = done.stdout.splitlines()
    assert printed == f"local-dir:{tmp_path}/home/models/shop-tiny"
    assert by_name == by_folder
    assert "vitrine: open_clip:hf-hub:shop/none needs open_clip_config.json of shop/none" in done.stderr
    assert f"from {endpoint} (there is no such repository, or it is not open to all)" in done.stderr
    files = [line for line in asked if line.startswith("GET") and "/resolve/" in line]
    assert len(files) == len(set(files)) == 5
    assert asked[-1] == "GET /api/models/shop/none"
