"""Fetching remote pictures, from a real server on this machine."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from indexer.remote import RemotePictures, RemoteRefused, host_of, is_public

PICTURE = b"\xff\xd8 not really a picture"


class Shop(BaseHTTPRequestHandler):
    """Serves pictures, redirects and misbehaviour by path; remembers each request."""

    server: "ShopServer"

    def do_GET(self) -> None:
        self.server.seen.append((self.headers["Host"], self.path))
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, "_" + self.path.split("/")[1].partition("?")[0].partition(".")[0], self._missing)()

    def _missing(self) -> None:
        self.send_error(404)

    def _a(self) -> None:
        self._send(PICTURE)

    def _send(self, body: bytes, announced: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.wfile.write(body)

    def _to(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.path.removeprefix("/to/"))
        self.end_headers()

    def _loop(self) -> None:
        self.send_response(301)
        self.send_header("Location", "/loop")
        self.end_headers()

    def _announced(self) -> None:
        self._send(b"", announced=10**12)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(b"x" * 1000)

    def _broken(self) -> None:
        self._send(PICTURE, announced=1000)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _headers(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def log_message(self, *_: Any) -> None:
        pass


class ShopServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shop)
        self.seen: list[tuple[str, str]] = []


@contextmanager
def running(server: ShopServer) -> Iterator[ShopServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def shop() -> Iterator[ShopServer]:
    with running(ShopServer()) as server:
        yield server


DNS = {
    "shop.example": ["127.0.0.1"],
    "cdn.example": ["127.0.0.1"],
    "mixed.example": ["127.0.0.1", "10.0.0.1"],
}


def remote(shop: ShopServer, folder: Path, **changes: Any) -> RemotePictures:
    """Allows shop.example and mixed.example on the server's port; 127.0.0.1 stands for a public address."""
    port = shop.server_address[1]
    settings: dict[str, Any] = {
        "hosts": frozenset({f"shop.example:{port}", f"mixed.example:{port}"}),
        "folder": folder / "remote",
        "resolve": lambda host, port: DNS[host],
        "is_allowed_address": lambda address: address == "127.0.0.1",
    }
    return RemotePictures(**(settings | changes))


def url(shop: ShopServer, path: str, host: str = "shop.example") -> str:
    return f"http://{host}:{shop.server_address[1]}/{path}"


def test_a_picture_of_an_allowed_host_is_fetched_once(shop: ShopServer, tmp_path: Path) -> None:
    """It lies whole in the folder, the server saw its host's name, and a second fetch asks nobody."""
    pictures = remote(shop, tmp_path)
    source = pictures.fetch(url(shop, "a.jpg"))
    assert source.read(1000) == PICTURE
    assert pictures.fetch(url(shop, "a.jpg")) == source
    assert shop.seen == [(f"shop.example:{shop.server_address[1]}", "/a.jpg")]
    assert [file.name for file in (tmp_path / "remote").iterdir()] == [source.name]


def test_umlauts_and_blanks_in_an_address_are_escaped(shop: ShopServer, tmp_path: Path) -> None:
    """Addresses as people write them reach the server as HTTP wants them."""
    remote(shop, tmp_path).fetch(url(shop, "a/Kleid ä.jpg?größe=%C3%A4 1"))
    assert shop.seen[0][1] == "/a/Kleid%20%C3%A4.jpg?gr%C3%B6%C3%9Fe=%C3%A4%201"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://other.example/a.jpg", "allow its host with --allow-host other.example"),
        ("http://shop.example/a.jpg", "--allow-host shop.example"),
        ("http://shop.example:22/a.jpg", "--allow-host shop.example:22"),
        ("http://sub.shop.example/a.jpg", "--allow-host sub.shop.example"),
        ("http://me:secret@shop.example/a.jpg", "user name or password"),
        ("ftp://shop.example/a.jpg", "not an http or https address"),
        ("file:///etc/passwd", "not an http or https address"),
        ("http:///a.jpg", "not an http or https address"),
        ("http://shop.example:99999/a.jpg", "not an address"),
        ("http://[::1/a.jpg", "not an address"),
    ],
)
def test_other_hosts_ports_and_schemes_are_refused(
    shop: ShopServer, tmp_path: Path, address: str, reason: str
) -> None:
    """Only the exact host and port that were allowed; nobody is asked."""
    with pytest.raises(RemoteRefused, match=reason):
        remote(shop, tmp_path).fetch(address)
    assert shop.seen == []


def test_a_host_without_a_port_allows_the_two_usual_ones_only(shop: ShopServer, tmp_path: Path) -> None:
    """ "shop.example" is port 80 and 443, not a service that listens elsewhere on that host."""
    asked: list[int] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(port)
        return []

    pictures = remote(shop, tmp_path, hosts=frozenset({"shop.example"}), resolve=resolve)
    for address in ("http://shop.example/", "https://SHOP.example./", url(shop, "a")):
        with pytest.raises(RemoteRefused):
            pictures.fetch(address)
    assert asked == [80, 443]


def test_one_private_address_among_public_ones_refuses_the_host(shop: ShopServer, tmp_path: Path) -> None:
    """DNS that answers with both is an attack, or a mistake; no address of it is connected to."""
    with pytest.raises(RemoteRefused, match=r"10\.0\.0\.1, which is no public address"):
        remote(shop, tmp_path).fetch(url(shop, "a.jpg", "mixed.example"))
    assert shop.seen == []


def test_by_default_this_machine_is_refused(shop: ShopServer, tmp_path: Path) -> None:
    """Without a test's own rule, a host that leads to 127.0.0.1 is not fetched from."""
    with pytest.raises(RemoteRefused, match="no public address"):
        remote(shop, tmp_path, is_allowed_address=is_public).fetch(url(shop, "a.jpg"))
    assert shop.seen == []


def test_redirects_are_followed_on_allowed_hosts(shop: ShopServer, tmp_path: Path) -> None:
    """Three redirects lead to the picture, relative ones too."""
    chain = "to/" + url(shop, "to//to//a.jpg")
    assert remote(shop, tmp_path).fetch(url(shop, chain)).read(100) == PICTURE
    assert len(shop.seen) == 4


def test_a_fourth_redirect_is_refused(shop: ShopServer, tmp_path: Path) -> None:
    """A loop ends."""
    with pytest.raises(RemoteRefused, match="more than 3 redirects"):
        remote(shop, tmp_path).fetch(url(shop, "loop"))


@pytest.mark.parametrize("target", ["cdn.example", "127.0.0.1", "mixed.example"])
def test_a_redirect_is_checked_like_a_first_address(shop: ShopServer, tmp_path: Path, target: str) -> None:
    """A host that is not allowed, and an allowed one with a private address, end the fetch."""
    with pytest.raises(RemoteRefused, match=r"--allow-host|no public address"):
        remote(shop, tmp_path).fetch(url(shop, "to/" + url(shop, "a.jpg", target)))
    assert len(shop.seen) == 1


def test_the_name_is_resolved_once_for_each_request(shop: ShopServer, tmp_path: Path) -> None:
    """The connection goes to the address that was checked: a second, different answer is never asked for."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    pictures = remote(shop, tmp_path, resolve=lambda host, port: next(answers))
    assert pictures.fetch(url(shop, "a.jpg")).read(100) == PICTURE
    assert next(answers) == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("announced", "1,000,000,000,000 bytes, at most 5,000"),
        ("endless", "more than the 5,000 bytes"),
        ("broken", "broke off after 23 of 1,000 bytes"),
        ("missing", "answered 404"),
    ],
)
def test_a_bad_answer_leaves_no_file(shop: ShopServer, tmp_path: Path, path: str, reason: str) -> None:
    """Too large, by word or by deed, cut short, or absent: refused, and nothing is kept."""
    with pytest.raises(RemoteRefused, match=reason):
        remote(shop, tmp_path, max_bytes=5000).fetch(url(shop, path))
    assert not (tmp_path / "remote").exists()


@pytest.mark.parametrize("path", ["drip", "headers"])
def test_a_server_that_drips_is_cut_off(shop: ShopServer, tmp_path: Path, path: str) -> None:
    """The clock runs for the whole picture, in its headers as in its body, not anew for each byte."""
    start = time.monotonic()
    with pytest.raises(RemoteRefused, match=r"longer than 0\.3 seconds"):
        remote(shop, tmp_path, seconds=0.3).fetch(url(shop, path))
    assert time.monotonic() - start < 2


def test_a_host_that_does_not_answer_is_refused(shop: ShopServer, tmp_path: Path) -> None:
    """Nothing listens on port 1 here: a reason, not a traceback."""
    pictures = remote(shop, tmp_path, hosts=frozenset({"shop.example:1"}))
    with pytest.raises(RemoteRefused, match=r"shop\.example did not deliver it"):
        pictures.fetch("http://shop.example:1/a.jpg")


def test_https_is_verified_by_the_hosts_name(tmp_path: Path) -> None:
    """A certificate for shop.example is good for that name alone, though both lead to one address."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=shop.example "
        f"-addext subjectAltName=DNS:shop.example -keyout {key.name} -out {certificate.name}".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    server = ShopServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server) as shop:
        trusting = ssl.create_default_context(cafile=str(certificate))
        pictures = remote(shop, tmp_path, tls=trusting)
        good, other = (
            url(shop, "a.jpg", host).replace("http", "https") for host in ("shop.example", "mixed.example")
        )
        assert pictures.fetch(good).read(100) == PICTURE
        with pytest.raises(RemoteRefused, match="CERTIFICATE_VERIFY_FAILED"):
            remote(shop, tmp_path, tls=trusting, resolve=lambda *_: ["127.0.0.1"]).fetch(other)


NOT_PUBLIC = """
127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.1.1 240.0.0.1 192.0.2.1
255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fec0::1 ff0e::1 ::ffff:127.0.0.1 ::ffff:93.184.215.14
64:ff9b::7f00:1 2002:7f00:1:: 2001:0:1::1 2001:db8::1 nonsense
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_public(address: str) -> None:
    """Private, local, shared, reserved, multicast, documentation, and IPv6 that hides an IPv4 address."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_addresses_that_are_public(address: str) -> None:
    """The open internet, in both families."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://Shop.Example/a.jpg", "shop.example"),
        ("https://shop.example:8443/a.jpg", "shop.example:8443"),
        ("http://müller.example/a.jpg", "xn--mller-kva.example"),
        ("http://shop.example:x/", ""),
    ],
)
def test_the_host_to_allow_is_spelled_as_the_option_wants_it(address: str, host: str) -> None:
    """What the quarantine line suggests can be pasted behind --allow-host."""
    assert host_of(address) == host


def test_an_allowed_host_may_be_written_with_umlauts(shop: ShopServer, tmp_path: Path) -> None:
    """ "Müller.example" allows what DNS knows as xn--mller-kva.example."""
    port = shop.server_address[1]
    hosts = frozenset({f"Müller.example:{port}"})
    pictures = remote(shop, tmp_path, hosts=hosts, resolve=lambda *_: ["127.0.0.1"])
    assert pictures.fetch(url(shop, "a.jpg", "müller.example")).read(100) == PICTURE
    assert shop.seen[0][0] == f"xn--mller-kva.example:{port}"
