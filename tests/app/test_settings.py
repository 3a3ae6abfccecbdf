"""What an operator sets in the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


def test_nothing_needs_to_be_set() -> None:
    """The defaults are the design's."""
    settings = Settings()
    assert (settings.home, settings.keep_indexes, settings.towers_in_memory) == (Path("var"), 3, 3)
    assert settings.cors_origins == ()


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """VITRINE_ and the field's name in capitals."""
    monkeypatch.setenv("VITRINE_HOME", "/srv/vitrine")
    monkeypatch.setenv("VITRINE_KEEP_INDEXES", "5")
    monkeypatch.setenv("VITRINE_TOWERS_IN_MEMORY", "1")
    monkeypatch.setenv("VITRINE_MAX_REQUESTS", "7")
    settings = Settings()
    assert settings.home == Path("/srv/vitrine")
    assert (settings.keep_indexes, settings.towers_in_memory, settings.max_requests) == (5, 1, 7)


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("", ()),
        ("https://shop.example", ("https://shop.example",)),
        (" https://a.example , https://b.example,", ("https://a.example", "https://b.example")),
        ("*", ("*",)),
    ],
)
def test_origins_are_a_comma_list(
    monkeypatch: pytest.MonkeyPatch, value: str, origins: tuple[str, ...]
) -> None:
    """Space around them and a comma too many do no harm."""
    monkeypatch.setenv("VITRINE_CORS_ORIGINS", value)
    assert Settings().cors_origins == origins


@pytest.mark.parametrize("name", ["KEEP_INDEXES", "TOWERS_IN_MEMORY", "MAX_REQUESTS"])
@pytest.mark.parametrize("value", ["0", "-1", "many", ""])
def test_a_number_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """At least one of everything; the error names the field."""
    monkeypatch.setenv(f"VITRINE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize(("name", "choices"), [("RUNTIME", "'torch', 'onnx'"), ("DEVICE", "'auto', 'cpu'")])
def test_a_runtime_or_device_that_there_is_not_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, choices: str
) -> None:
    """The error names the field, and what there is."""
    monkeypatch.setenv(f"VITRINE_{name}", "tpu")
    with pytest.raises(ValidationError, match=choices) as refused:
        Settings()
    assert name.lower() in str(refused.value)


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--home` is meant when it is given."""
    monkeypatch.setenv("VITRINE_HOME", "/srv/vitrine")
    assert Settings(home=Path("here")).home == Path("here")


def test_every_setting_says_what_it_is_for() -> None:
    """Each has a description for the operator."""
    assert all(field.description for field in Settings.model_fields.values())


def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compose file hands on empty variables: no key opens /admin then, and no catalogue is read."""
    for name in ("ADMIN_KEY", "ADMIN_KEY_FILE", "CATALOGUE", "IMAGES", "IMAGE_TOWER", "DATABASE_URL"):
        monkeypatch.setenv(f"VITRINE_{name}", "")
    settings = Settings(home=Path("/srv/a home"))
    assert (settings.admin_key, settings.catalogue, settings.images) == (None, None, None)
    assert settings.image_tower is None
    assert settings.jobs_url == "sqlite:////srv/a%20home/jobs.sqlite"


def test_the_admin_key_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the line's end; an empty file, and a key beside it, are refused. No text shows the key."""
    monkeypatch.setenv("VITRINE_ADMIN_KEY_FILE", str(tmp_path / "key"))
    (tmp_path / "key").write_text("geheim\n")
    settings = Settings()
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == "geheim"
    assert "geheim" not in f"{settings!r} {settings}"
    monkeypatch.setenv("VITRINE_ADMIN_KEY", "another")
    with pytest.raises(ValidationError, match="both set") as refused:
        Settings()
    assert "another" not in str(refused.value)
    monkeypatch.delenv("VITRINE_ADMIN_KEY")
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ValidationError, match="holds no key"):
        Settings()


@pytest.mark.parametrize("spelled", ["postgres", "postgresql", "postgresql+psycopg"])
def test_jobs_may_be_kept_in_postgresql(monkeypatch: pytest.MonkeyPatch, spelled: str) -> None:
    """By its URL as its own tools spell it, with a password that needs quoting."""
    monkeypatch.setenv("VITRINE_DATABASE_URL", f"{spelled}://shop:a%2Fb@db:5433/vitrine")
    assert Settings().jobs_url == "postgresql+psycopg://shop:a%2Fb@db:5433/vitrine"


@pytest.mark.parametrize(
    "url", ["mysql://u:geheim@db/x", "geheim", "postgresql://u:geheim@db:port/x", "sqlite://"]
)
def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The error says what can be had instead, and does not repeat what may hold a password."""
    monkeypatch.setenv("VITRINE_DATABASE_URL", url)
    with pytest.raises(ValidationError, match="expected postgresql://") as refused:
        Settings()
    assert "geheim" not in str(refused.value)
