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


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--home` is meant when it is given."""
    monkeypatch.setenv("VITRINE_HOME", "/srv/vitrine")
    assert Settings(home=Path("here")).home == Path("here")


def test_every_setting_says_what_it_is_for() -> None:
    """Each has a description for the operator."""
    assert all(field.description for field in Settings.model_fields.values())
