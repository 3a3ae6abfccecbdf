"""Folders and tars of pictures, friendly and hostile."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.album import Album, FolderAlbum, Missing, NoPicture, TarAlbum, open_album
from indexer.items import CatalogueError
from indexer.source import Source


def tar_of(file: Path, *members: tuple[str, bytes | tarfile.TarInfo]) -> Path:
    """A tar of files by name and content, or of whatever header a test makes."""
    with tarfile.open(file, "w") as tar:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                tar.addfile(info)
    return file


def header(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def listing(album: Album) -> dict[str, str]:
    """Each entry's content, or why it has none."""
    return {
        name: place.read(1000).decode() if isinstance(place, Source) else str(place)
        for name, place in album.entries()
    }


def test_a_folder_is_listed_in_order_without_hidden_files(tmp_path: Path) -> None:
    """Recursive, sorted by relative name; names that start with a dot are not looked at."""
    for name in ("b.jpg", "a/2.jpg", "a/1.jpg", ".hidden.jpg", ".git/x.jpg", "a/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    album = FolderAlbum(tmp_path)
    assert list(listing(album).items()) == [(name, name) for name in ("a/1.jpg", "a/2.jpg", "b.jpg")]
    assert album.find("a/../b.jpg") == album.find("b.jpg") == Source(str(tmp_path.resolve() / "b.jpg"))


def test_links_out_of_a_folder_are_refused_and_links_within_followed(tmp_path: Path) -> None:
    """A link to a picture beside it is that picture; one that leaves, and one to a folder, are not."""
    shop, secret = tmp_path / "shop", tmp_path / "shopsecret"
    (shop / "sub").mkdir(parents=True)
    secret.mkdir()
    (secret / "s.jpg").write_text("secret")
    (shop / "sub" / "a.jpg").write_text("a")
    (shop / "in.jpg").symlink_to("sub/a.jpg")
    (shop / "out.jpg").symlink_to(secret / "s.jpg")
    (shop / "dangling.jpg").symlink_to("nothing.jpg")
    (shop / "outside").symlink_to(secret)
    (shop / "loop").symlink_to(".")
    os.mkfifo(shop / "pipe.jpg")
    album = FolderAlbum(shop)
    links = "it is a link to a folder: links to folders are not followed"
    assert listing(album) == {
        "dangling.jpg": "no such file in shop",
        "in.jpg": "a",
        "loop": links,
        "out.jpg": "its path leaves shop: move the picture into it",
        "outside": links,
        "pipe.jpg": "it is not a file",
        "sub/a.jpg": "a",
    }
    for name in ("../shopsecret/s.jpg", "outside/s.jpg", str(secret / "s.jpg"), "../shop", "/etc/passwd"):
        with pytest.raises(NoPicture, match="leaves shop"):
            album.find(name)
    for name in ("none.jpg", "none/none.jpg", "a\0.jpg", "x" * 5000, "sub/a.jpg/b", "\ud800"):
        with pytest.raises(Missing):
            album.find(name)
    for name in (".", "", "sub", "sub/"):
        with pytest.raises(NoPicture):
            album.find(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """Its pictures are lost, and not in silence."""
    (tmp_path / "closed").mkdir(mode=0)
    album = FolderAlbum(tmp_path)
    assert listing(album) == {}
    assert album.broken == "the folder 'closed' cannot be read: Permission denied"


def test_an_absolute_path_inside_the_folder_is_fine(tmp_path: Path) -> None:
    """What counts is where a path leads."""
    (tmp_path / "a.jpg").write_text("a")
    assert FolderAlbum(tmp_path).find(str(tmp_path / "a.jpg")).read(10) == b"a"


def test_a_tars_members_are_found_by_their_normal_names(tmp_path: Path) -> None:
    """`./a//b.jpg` is `a/b.jpg` on both sides; folders and hidden files are no entries."""
    tar = tar_of(
        tmp_path / "t.tar",
        ("./", header(tarfile.DIRTYPE)),
        ("./a//b.jpg", b"b"),
        ("a/._b.jpg", b"resource fork"),
        ("ä" * 200 + ".jpg", b"long"),
    )
    album = open_album(tar)
    assert listing(album) == {"a/b.jpg": "b", "ä" * 200 + ".jpg": "long"}
    assert album.find("./a/b.jpg").read(10) == b"b"
    with pytest.raises(Missing, match=r"no such member in t\.tar"):
        album.find("b.jpg")


def test_what_is_hostile_in_a_tar_is_refused_with_a_reason(tmp_path: Path) -> None:
    """Links, devices, absolute names and `..` are named, and the rest is read."""
    tar = tar_of(
        tmp_path / "t.tar",
        ("hard.jpg", header(tarfile.LNKTYPE, "good.jpg")),
        ("soft.jpg", header(tarfile.SYMTYPE, "/etc/passwd")),
        ("device.jpg", header(tarfile.CHRTYPE)),
        ("pipe.jpg", header(tarfile.FIFOTYPE)),
        ("/etc/passwd.jpg", b"x"),
        ("a/../../b.jpg", b"x"),
        ("", b"x"),
        ("good.jpg", b"good"),
        ("good.jpg", b"again"),
    )
    album = TarAlbum(tar)
    link = "it is a link, and links in a tar are not followed"
    device = "it is a device or a pipe, not a file"
    leaves = "its name leaves the tar: absolute names and .. are refused"
    assert [(name, str(place)) for name, place in album.entries() if isinstance(place, NoPicture)] == [
        ("hard.jpg", link),
        ("soft.jpg", link),
        ("device.jpg", device),
        ("pipe.jpg", device),
        ("/etc/passwd.jpg", leaves),
        ("a/../../b.jpg", leaves),
        (".", "it has no name"),
    ]
    assert album.find("good.jpg").read(10) == b"good"
    for name in ("/etc/passwd.jpg", "a/../../b.jpg", "soft.jpg"):
        with pytest.raises(NoPicture):
            album.find(name)


@pytest.mark.parametrize(("cut", "whole"), [(3 * 1024 + 600, 3), (3 * 1024 + 100, 3), (2 * 1024 + 512, 2)])
def test_a_cut_tar_is_read_up_to_the_cut(tmp_path: Path, cut: int, whole: int) -> None:
    """Inside a picture, inside a header or right behind one: what came before is there, the loss told."""
    tar = tar_of(tmp_path / "t.tar", *((f"{n}.jpg", b"x" * 400) for n in range(6)))
    os.truncate(tar, cut)
    album = TarAlbum(tar)
    places = [place for _, place in album.entries()]
    assert [isinstance(place, Source) for place in places] in ([True] * whole, [True] * whole + [False])
    assert "breaks off" in album.broken or "breaks off" in str(places[-1])


def test_a_damaged_header_is_told(tmp_path: Path) -> None:
    """The standard library takes it for the end of the archive; we do not."""
    tar = tar_of(tmp_path / "t.tar", *((f"{n}.jpg", b"x" * 400) for n in range(6)))
    content = bytearray(tar.read_bytes())
    content[2048:2100] = b"!" * 52
    tar.write_bytes(content)
    album = TarAlbum(tar)
    assert len(list(album.entries())) == 2
    assert album.broken == "the tar breaks off after 2 members: a header is damaged"


def test_a_whole_tar_is_not_called_broken(tmp_path: Path) -> None:
    """With its end marker, and without it as some programs write it."""
    tar = tar_of(tmp_path / "t.tar", ("a.jpg", b"a"), ("b.jpg", b"b"))
    assert TarAlbum(tar).broken == ""
    os.truncate(tar, 2048)
    assert TarAlbum(tar).broken == ""
    assert len(list(TarAlbum(tar).entries())) == 2


def test_a_compressed_tar_is_refused_with_the_cure(tmp_path: Path) -> None:
    """Pictures are read from the middle of a tar, which compression does not allow."""
    tar = tar_of(tmp_path / "t.tar", ("a.jpg", b"a"))
    (tmp_path / "t.tar.gz").write_bytes(gzip.compress(tar.read_bytes()))
    with pytest.raises(CatalogueError, match=r"t\.tar\.gz is compressed.*gunzip t\.tar\.gz"):
        open_album(tmp_path / "t.tar.gz")


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    """A wrong file for --images is one line."""
    (tmp_path / "t.tar").write_bytes(b"nothing" * 1000)
    with pytest.raises(CatalogueError, match=r"t\.tar is not a tar"):
        open_album(tmp_path / "t.tar")


@settings(deadline=None)
@given(st.data())
def test_no_damage_to_a_tar_escapes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever bytes are changed, a tar is read as far as it goes, or refused as a whole."""
    folder = tmp_path_factory.getbasetemp()
    tar = tar_of(folder / "fuzz.tar", ("ä" * 120, b"a"), ("b.jpg", b"b" * 700), ("c.jpg", b"c"))
    content = bytearray(tar.read_bytes()[:6000])
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + 8] = data.draw(st.binary(max_size=8))
    tar.write_bytes(content)
    try:
        album = TarAlbum(tar)
    except CatalogueError:
        return
    for _, place in album.entries():
        if isinstance(place, Source):
            assert len(place.read(10_000)) == place.length
