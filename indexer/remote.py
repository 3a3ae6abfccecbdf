"""Remote pictures: fetched only from hosts that the operator names, never from a private address."""

import hashlib
import http.client
import ipaddress
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from indexer.source import Source

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}


class RemoteRefused(ValueError):
    """A remote picture was not fetched; one line that says why."""


def host_of(url: str) -> str:
    """The host of an address as an operator would allow it; "" where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = _plain_host(parts.hostname or "")
    return host if port in (None, *_PORTS.values()) else f"{host}:{port}"


def _plain_host(host: str) -> str:
    """Lower case, without a final dot, non-ASCII letters as DNS spells them."""
    try:
        return host.rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        return ""


def resolve(host: str, port: int) -> list[str]:
    """Every address that DNS gives for a host."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # leaves out mapped and translated IPv4, link- and site-local


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet, and hides no other address inside it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # e.g. with a zone, which only a local address has
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (
        parsed not in _GLOBAL_IPV6 or parsed.sixtofour is not None or parsed.teredo is not None
    ):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


@dataclass(frozen=True)
class _Place:
    scheme: str
    host: str
    port: int
    target: str  # path and query, as a request line has them


@dataclass(frozen=True)
class RemotePictures:
    """Fetches pictures into `folder`, one file for each address; one that is there is not fetched again.

    `hosts` are exact names, with the ports 80 and 443, or one port each as in "shop.example:8080".
    May be used by several threads."""

    hosts: frozenset[str]
    folder: Path
    max_bytes: int = 10_000_000
    seconds: float = 20.0  # for one picture, from connecting to its last byte
    redirects: int = 3
    resolve: Callable[[str, int], list[str]] = resolve
    is_allowed_address: Callable[[str], bool] = is_public
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def fetch(self, url: str) -> Source:
        """The picture's file, complete; RemoteRefused says why there is none."""
        place = self._place(url)
        file = (
            Path(os.path.realpath(self.folder)) / hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
        )
        if not file.exists():
            _write(file, self._download(url, place))
        return Source(str(file))

    def _download(self, url: str, place: _Place) -> bytes:
        deadline = time.monotonic() + self.seconds
        for _ in range(self.redirects + 1):
            answer = self._get(place, deadline)
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
            place = self._place(url)
        raise RemoteRefused(f"more than {self.redirects} redirects: name the picture's final address")

    def _place(self, url: str) -> _Place:
        """An address taken apart, if its host and port are allowed."""
        try:
            parts = urlsplit(url.strip())
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise RemoteRefused(f"not an address: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise RemoteRefused("not an http or https address")
        if parts.username is not None or parts.password is not None:
            raise RemoteRefused("an address with a user name or password is not fetched")
        host = _plain_host(parts.hostname)
        allowed = {_plain_host(one) for one in self.hosts}
        if f"{host}:{port}" not in allowed and not (host in allowed and port in _PORTS.values()):
            raise RemoteRefused(f"remote picture: allow its host with --allow-host {host_of(url)}")
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
            "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?") if parts.query else ""
        )
        return _Place(parts.scheme, host, port, target)

    def _get(self, place: _Place, deadline: float) -> bytes | str:
        """The body, or the address that it is at instead."""
        try:
            raw = self._connect(place, deadline)
            with raw, _cut_off(raw, deadline):
                if place.scheme == "http":
                    return self._exchange(raw, place, deadline)
                with self.tls.wrap_socket(raw, server_hostname=place.host) as encrypted:
                    return self._exchange(encrypted, place, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._check_time(deadline)
            reason = str(error) or type(error).__name__
            raise RemoteRefused(f"{place.host} did not deliver it: {reason}") from error

    def _connect(self, place: _Place, deadline: float) -> socket.socket:
        """Resolves once, checks every answer, and connects to an address that was checked."""
        addresses = self.resolve(place.host, place.port)
        for address in addresses:
            if not self.is_allowed_address(address):
                raise RemoteRefused(
                    f"{place.host} leads to {address}, which is no public address: not fetched"
                )
        failure = OSError("its name has no address")
        for address in addresses:
            self._check_time(deadline)
            try:
                return socket.create_connection((address, place.port), timeout=deadline - time.monotonic())
            except OSError as error:
                failure = error
        raise failure

    def _exchange(self, stream: socket.socket, place: _Place, deadline: float) -> bytes | str:
        connection = http.client.HTTPConnection(place.host, place.port)
        connection.sock = stream  # it would resolve the name once more by itself
        usual = place.port == _PORTS[place.scheme]
        headers = {
            "Host": place.host if usual else f"{place.host}:{place.port}",
            "User-Agent": "Vitrine",
            "Accept": "image/*",
            "Connection": "close",
        }
        connection.request("GET", place.target, headers=headers)
        with connection.getresponse() as response:
            if response.status in _REDIRECTS and (location := response.getheader("Location")):
                return location
            if response.status != http.client.OK:
                raise RemoteRefused(f"{place.host} answered {response.status} {response.reason}".rstrip())
            return self._body(response, deadline)

    def _body(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        expected = response.length
        content = bytearray()
        if expected is not None and expected > self.max_bytes:
            raise RemoteRefused(f"it has {expected:,} bytes, at most {self.max_bytes:,} are fetched")
        while chunk := response.read1(1 << 16):
            content += chunk
            if len(content) > self.max_bytes:
                raise RemoteRefused(f"it has more than the {self.max_bytes:,} bytes that are fetched")
        self._check_time(deadline)  # a body that was cut off ends like a whole one
        if expected is not None and len(content) < expected:
            raise RemoteRefused(f"it broke off after {len(content):,} of {expected:,} bytes")
        return bytes(content)

    def _check_time(self, deadline: float) -> None:
        if time.monotonic() >= deadline:
            raise RemoteRefused(f"it took longer than {self.seconds:g} seconds")


@contextmanager
def _cut_off(connection: socket.socket, deadline: float) -> Iterator[None]:
    """Shuts the connection down at the deadline, whatever it is waiting for.

    A socket's own time-out starts anew with every byte, which a server may send one at a time."""
    watched = connection.dup()  # TLS takes the first one over

    def shut() -> None:
        with suppress(OSError):
            watched.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        watched.close()


def _write(file: Path, content: bytes) -> None:
    """The whole file or none, also when two threads write it at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as partial:
        try:
            partial.write(content)
            partial.flush()
            os.replace(partial.name, file)
        except BaseException:
            os.unlink(partial.name)
            raise
