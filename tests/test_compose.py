"""What the Dockerfile and the compose files promise: who runs, what is where, and who can write to it."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).parent.parent
BASE, GPU = "docker-compose.yml", "docker-compose.gpu.yml"
INSTALLER = re.compile(r"\b(apt|apt-get|apk|dnf|yum|conda|pip)\b")


class Step(NamedTuple):
    """An instruction of a Dockerfile, its lines joined."""

    word: str
    rest: str


class Stage(NamedTuple):
    parent: str
    steps: tuple[Step, ...]


def stages() -> dict[str, Stage]:
    """The stages by name, in their order."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    name = ""
    for line in filter(None, re.sub(r"\\\n\s*", "", text).splitlines()):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            parent, _, name = rest.split()
            found[name] = Stage(parent, ())
        elif name:
            found[name] = found[name]._replace(steps=(*found[name].steps, Step(word, rest.strip())))
    return found


def steps_of(target: str) -> list[Step]:
    """What makes a target, from its base image on."""
    stage = stages().get(target)
    return [] if stage is None else [*steps_of(stage.parent), *stage.steps]


def base_of(target: str) -> str:
    stage = stages().get(target)
    return target if stage is None else base_of(stage.parent)


def last(target: str, word: str) -> str:
    return [step.rest for step in steps_of(target) if step.word == word][-1]


def environment_of(target: str) -> dict[str, str]:
    return dict(
        pair.split("=", 1)
        for step in steps_of(target)
        if step.word == "ENV"
        for pair in shlex.split(step.rest)
    )


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return document


def mounts_of(service: Mapping[str, Any]) -> dict[str, Any]:
    """Path in the container → what is there."""
    return {
        mount["target"] if isinstance(mount, dict) else mount.split(":")[1]: mount
        for mount in service["volumes"]
    }


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = read(BASE)["services"]
    return found


targets = pytest.mark.parametrize("target", ["cpu", "gpu"])


def test_the_image_is_the_cpus_where_no_target_is_named() -> None:
    """Both targets are there, on a base image that the operator may choose; the last is built by default."""
    assert {"cpu", "gpu"} <= set(stages())
    assert list(stages())[-1] == "cpu"
    assert {base_of("cpu"), base_of("gpu")} == {"${BASE}"}
    assert re.search(r"^ARG BASE=\S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


@targets
def test_an_image_runs_as_an_ordinary_user(target: str) -> None:
    """By number, which an orchestrator can tell from root; the user is made with that number."""
    assert last(target, "USER") == "10001:10001"
    made = [step.rest for step in steps_of(target) if step.word == "RUN"]
    assert any("useradd --uid 10001 " in command for command in made)


@targets
def test_an_image_holds_no_compiler(target: str) -> None:
    """Its own stages install nothing at all: what is built comes ready from others."""
    assert not [step for step in steps_of(target) if step.word == "RUN" and INSTALLER.search(step.rest)]
    copied = [step.rest for step in steps_of(target) if step.word in ("COPY", "ADD")]
    assert all(source.startswith("--from=") for source in copied)


@targets
def test_an_image_writes_to_its_volume_alone(target: str) -> None:
    """The home with indexes, towers and jobs, and the models that come from a hub."""
    environment = environment_of(target)
    volume = last(target, "VOLUME")
    assert environment["VITRINE_HOME"] == volume
    assert Path(environment["HF_HOME"]).is_relative_to(volume)
    assert not Path(environment["VITRINE_DATA"]).is_relative_to(volume)


@targets
def test_an_image_says_how_it_is_and_how_it_ends(target: str) -> None:
    """It asks the address that says whether the process lives, at the port that it serves by default."""
    assert last(target, "STOPSIGNAL") == "SIGTERM"
    port = last(target, "EXPOSE")
    assert f"http://127.0.0.1:{port}/livez" in last(target, "HEALTHCHECK")
    assert json.loads(last(target, "ENTRYPOINT")) == ["vitrine"]
    assert json.loads(last(target, "CMD"))[0] == "serve"


@pytest.mark.parametrize(("target", "extras"), [("cpu", {"cpu", "onnx"}), ("gpu", {"gpu"})])
def test_a_target_installs_what_its_hardware_needs(target: str, extras: set[str]) -> None:
    """FAISS of its kind, which the project names as an extra; ONNX Runtime on a CPU."""
    installed = last(f"{target}-needs", "RUN")
    named = re.search(r"'\.\[([\w,]+)\]'", installed)
    assert named is not None
    assert set(named[1].split(",")) == extras
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras <= set(project["optional-dependencies"])


def test_the_context_holds_what_is_copied() -> None:
    """`.dockerignore` leaves out everything that it does not name, and names what the Dockerfile copies."""
    everything, *rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert everything == "*"
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for stage in stages().values()
        for step in stage.steps
        if step.word == "COPY" and not step.rest.startswith("--from=")
        for source in step.rest.split()[:-1]
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)
    assert any(fnmatch.fnmatch("app/__pycache__", rule) for rule in rules)


def test_both_services_see_the_same_files(services: dict[str, Any]) -> None:
    """One home, and the catalogue at one path, which neither can write to; both where the image says."""
    assert services["api"]["volumes"] == services["worker"]["volumes"]
    environment = environment_of("cpu")
    mounts = mounts_of(services["api"])
    assert set(mounts) == {environment["VITRINE_HOME"], environment["VITRINE_DATA"]}
    assert mounts[environment["VITRINE_HOME"]].split(":")[0] in read(BASE)["volumes"]
    assert mounts[environment["VITRINE_DATA"]]["read_only"] is True


@pytest.mark.parametrize("name", ["api", "worker"])
def test_every_setting_reaches_both_services(services: dict[str, Any], name: str) -> None:
    """Except the paths, which are the image's, and the key itself, whose file is mounted instead."""
    theirs = {"home", "data", "admin_key"}
    expected = {f"VITRINE_{field.upper()}" for field in set(Settings.model_fields) - theirs}
    assert set(services[name]["environment"]) == expected


def test_jobs_run_beside_the_search(services: dict[str, Any]) -> None:
    """The service leaves them to the worker. Either starts again when it dies, and neither gains rights."""
    assert "--no-worker" in services["api"]["command"]
    assert services["worker"]["command"] == ["worker"]
    for name in ("api", "worker"):
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["init"] is True
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]


def test_health_is_asked_where_something_answers(services: dict[str, Any]) -> None:
    """Of the service by its image, of PostgreSQL by its own tool; the worker serves nothing."""
    assert "healthcheck" not in services["api"]
    assert services["worker"]["healthcheck"] == {"disable": True}
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"]


def test_postgresql_starts_only_where_it_is_asked_for(services: dict[str, Any]) -> None:
    """It has a profile; the others wait for it if it is there."""
    assert services["postgres"]["profiles"] == ["postgres"]
    assert not any("profiles" in services[name] for name in ("api", "worker"))
    for name in ("api", "worker"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy", "required": False}
        }


def test_targets_that_compose_builds_exist(services: dict[str, Any]) -> None:
    """The image is built once, and the worker's is the same; so with the file for GPUs laid over."""
    laid_over = read(GPU)["services"]
    assert services["api"]["build"]["target"] in stages()
    assert laid_over["api"]["build"]["target"] in stages()
    assert services["api"]["image"] == services["worker"]["image"] != laid_over["api"]["image"]
    assert laid_over["api"]["image"] == laid_over["worker"]["image"]


def test_the_gpus_are_given_to_both_services() -> None:
    """The one embeds queries, the other pictures. Nothing else is another than on a CPU."""
    laid_over = read(GPU)["services"]
    assert set(laid_over) == {"api", "worker"}
    for service in laid_over.values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
        assert set(service) <= {"image", "build", "deploy"}


def compose() -> list[str] | None:
    """The command of Docker Compose 2.20 or later, without which an optional dependency is unknown."""
    beside = Path(sys.executable).parent
    for command in (["docker-compose"], ["docker", "compose"]):
        program = shutil.which(command[0], path=f"{beside}{os.pathsep}{os.environ['PATH']}")
        if program is None:
            continue
        asked = subprocess.run(
            [program, *command[1:], "version", "--short"], capture_output=True, text=True, check=False
        )
        version = re.match(r"v?(\d+)\.(\d+)", asked.stdout)
        if asked.returncode == 0 and version and (int(version[1]), int(version[2])) >= (2, 20):
            return [program, *command[1:]]
    return None


@pytest.fixture(scope="module")
def docker_compose() -> list[str]:
    command = compose()
    if command is None:
        pytest.skip("Docker Compose 2.20 or later is not installed: nobody but us has read the compose files")
    return command


def merged(command: list[str], files: tuple[str, ...], **environment: str) -> dict[str, Any]:
    """What Docker Compose makes of the files, in an environment of its own; it warns of nothing."""
    chosen = [word for name in files for word in ("--file", str(ROOT / name))]
    ran = subprocess.run(
        [*command, "--env-file", os.devnull, *chosen, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def test_docker_compose_accepts_the_files(docker_compose: list[str]) -> None:
    """With nothing set there is no admin key and no PostgreSQL; Vitrine's own defaults stay."""
    read_so = merged(docker_compose, (BASE,))
    assert set(read_so["services"]) == {"api", "worker"}
    environment = read_so["services"]["api"]["environment"]
    assert {name: value for name, value in environment.items() if value} == {
        "VITRINE_CATALOGUE": "catalogue.csv"
    }
    assert [port["host_ip"] for port in read_so["services"]["api"]["ports"]] == ["127.0.0.1"]


def test_what_an_operator_sets_arrives(docker_compose: list[str], tmp_path: Path) -> None:
    """A tower for the first index, a key in a file, PostgreSQL by its profile, ports for three services."""
    key = tmp_path / "key"
    read_so = merged(
        docker_compose,
        (BASE,),
        VITRINE_IMAGE_TOWER="open_clip:ViT-B-32/openai",
        ADMIN_KEY_FILE=str(key),
        ADDRESS="127.0.0.1:8000-8002",
        COMPOSE_PROFILES="postgres",
        CATALOGUE_DIR=str(tmp_path),
    )
    assert set(read_so["services"]) == {"api", "worker", "postgres"}
    for name in ("api", "worker"):
        service = read_so["services"][name]
        assert service["environment"]["VITRINE_IMAGE_TOWER"] == "open_clip:ViT-B-32/openai"
        assert service["environment"]["VITRINE_ADMIN_KEY_FILE"] == "/run/secrets/admin-key"
        assert mounts_of(service)["/data"]["source"] == str(tmp_path)
        assert service["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert read_so["secrets"]["admin-key"]["file"] == str(key)
    assert read_so["services"]["api"]["ports"][0]["published"] == "8000-8002"


def test_the_file_for_gpus_is_laid_over_the_other(docker_compose: list[str]) -> None:
    """Image, target and devices are its; everything else is the other's."""
    cpu = merged(docker_compose, (BASE,))["services"]
    gpu = merged(docker_compose, (BASE, GPU))["services"]
    assert gpu["api"]["build"] == cpu["api"]["build"] | {"target": "gpu"}
    for name in ("api", "worker"):
        assert gpu[name].pop("image") != cpu[name].pop("image")
        assert gpu[name].pop("deploy")["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
        gpu[name].pop("build", None)
        cpu[name].pop("build", None)
        assert gpu[name] == cpu[name]
