"""How models of open_clip are called: every spelling of a name, and the errors for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cards import is_id
from models.openclip_names import BuiltIn, Folder, Name, Repository, parse, path_in, slug, with_path
from models.towers import TowerError, open_tower

LAION = BuiltIn("xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", LAION),
        ("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", LAION),
        ("xlm-roberta-base-ViT-B-32::laion5b_s13b_b90k", LAION),
        ("open_clip:xlm-roberta-base-ViT-B-32::laion5b_s13b_b90k", LAION),
        ("open_clip:ViT-B-32//x/weights.pt", BuiltIn("ViT-B-32", "/x/weights.pt")),
        ("ViT-B-32::./weights.pt", BuiltIn("ViT-B-32", "./weights.pt")),
        ("hf-hub:timm/ViT-B-16-SigLIP2", Repository("timm/ViT-B-16-SigLIP2")),
        ("open_clip:hf-hub:timm/ViT-B-16-SigLIP2", Repository("timm/ViT-B-16-SigLIP2")),
        ("local-dir:m", Folder(Path("m"))),
        ("open_clip:local-dir:/x/m", Folder(Path("/x/m"))),
        ("./m", Folder(Path("m"))),
        ("/x/m", Folder(Path("/x/m"))),
        ("bundled", None),
        ("", None),
    ],
)
def test_a_name_has_several_spellings(text: str, name: Name | None) -> None:
    """With or without the scheme, with :: or /; an architecture has no /, so what follows the first is the
    weights."""
    assert parse(text) == name


@pytest.mark.parametrize(
    "name", [LAION, BuiltIn("ViT-B-32", "/x/w.pt"), Repository("a/b"), Folder(Path("/x"))]
)
def test_a_name_is_read_as_it_is_written(name: Name) -> None:
    """The spelling in a manifest opens the same tower again."""
    assert parse(str(name)) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("open_clip:", "names no weights"),
        ("open_clip:ViT-B-32", "names no weights"),
        ("open_clip:ViT-B-32/", "names no weights"),
        ("open_clip:/openai", "there is no folder '/openai'"),
        ("hf-hub:", "names no repository"),
        ("hf-hub:a", "names no repository"),
        ("hf-hub:a/b/c", "names no repository"),
        ("hf-hub:../b", "names no repository"),
        ("hf-hub:a b/c", "names no repository"),
        ("local-dir:", "names no folder"),
        ("local-dir:/there/is/none", "there is no folder '/there/is/none'"),
        ("ViT-B-32::/there/is/none.pt", r"there is no checkpoint '/there/is/none\.pt'"),
        ("a\x00b/c", "cannot be the name of a tower"),
        ("a\nb/c", "cannot be the name of a tower"),
        ("x" * 5_000, "cannot be the name of a tower"),
        ("x" * 900, "there is no tower called"),
        ("\ud800/x", "cannot be the name of a tower"),
    ],
)
def test_what_is_no_name_is_refused(text: str, told: str) -> None:
    """Hostile, cut or unfinished: one line, which shows the beginning of what was given, and the forms."""
    with pytest.raises(TowerError, match=told) as refused:
        open_tower(text, "image")
    assert len(str(refused.value)) < 400
    assert str(refused.value).isprintable()


def test_near_architectures_are_named() -> None:
    """Whoever mistyped one sees what it was to be, whatever its case."""
    with pytest.raises(TowerError, match=r"no architecture 'vit-b32': near are ViT-B-32,"):
        open_tower("open_clip:vit-b32/openai", "text")
    with pytest.raises(
        TowerError, match=r"no tower called 'bundeld': near are bundled; give bundled, open_clip:"
    ):
        open_tower("bundeld", "text")


def test_the_weights_of_an_architecture_are_named() -> None:
    """There are a few for each, so all are."""
    with pytest.raises(TowerError, match=r"has no weights 'laion': there are laion5b_s13b_b90k, or give"):
        open_tower("open_clip:xlm-roberta-base-ViT-B-32/laion", "image")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (LAION, "xlm-roberta-base-vit-b-32-laion5b_s13b_b90k"),
        (Repository("timm/ViT-B-16-SigLIP2"), "timm-vit-b-16-siglip2"),
        (Folder(Path("/x/Mein Modell")), "mein-modell"),
        (BuiltIn("ViT-B-32", "/x/Epoch_3.pt"), "vit-b-32-epoch_3"),
        (Folder(Path("/x/...")), "open-clip"),
        (Folder(Path("/x/" + "y" * 100)), "y" * 64),
    ],
)
def test_a_text_side_gets_an_id_that_reads_like_the_name(name: Name, expected: str) -> None:
    """In the letters that ids have, 64 at most."""
    assert slug(name) == expected
    assert is_id(slug(name))


def test_a_path_in_a_name_can_be_exchanged() -> None:
    """A folder, or a checkpoint; a tag is no path."""
    there = Path("/data/m")
    for text, moved in [("local-dir:m", "open_clip:local-dir:/data/m"), ("A::./m", "open_clip:A//data/m")]:
        name = parse(text)
        assert name is not None
        assert path_in(name) == Path("m")
        assert str(with_path(name, there)) == moved
    assert path_in(LAION) is None
    assert path_in(Repository("a/b")) is None
