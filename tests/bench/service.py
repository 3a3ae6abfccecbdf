"""The service over 20,000 items: time inside it, and rate, with the load generator on the same machine."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote

import numpy as np

from indexer.items import Value
from tests.bench.phrases import distinct
from tests.shops import publish_shop

_ITEMS, _DIM = 20_000, 512
_CONNECTIONS = 16
_REQUESTS = 3_000


def measure() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _write_index(home)
        command = ["-c", "from app.cli import main; main()", "serve", "--port", "0", "--home", folder]
        with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as process:
            try:
                port = port_of(process)
                queries = distinct(2 * _REQUESTS + 300)
                asyncio.run(load(port, queries[:300], 4))
                alone = asyncio.run(load(port, queries[300 : 300 + _REQUESTS // 4], 1))
                started = time.perf_counter()
                together = asyncio.run(load(port, queries[-_REQUESTS:], _CONNECTIONS))
                seconds = time.perf_counter() - started
            finally:
                process.terminate()
    yield "one after the other, inside the service, median", f"{median(alone):.2f} ms"
    yield f"{_CONNECTIONS} connections, distinct queries", f"{len(together) / seconds:,.0f} queries/s"
    cuts = quantiles(together, n=100)
    yield (
        "inside the service meanwhile, median / p95 / p99",
        f"{cuts[49]:.1f} / {cuts[94]:.1f} / {cuts[98]:.1f} ms",
    )


def _write_index(home: Path) -> None:
    """20,000 items of random vectors: their values change nothing about the time."""
    vectors = np.random.default_rng(0).standard_normal((_ITEMS, _DIM)).astype(np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    types = {"title": "string", "price": "number", "colour": "string", "in_stock": "boolean"}
    fields: list[dict[str, Value]] = [
        {"title": f"Artikel {row}", "price": row / 100, "colour": "rot", "in_stock": True}
        for row in range(_ITEMS)
    ]
    publish_shop(home, vectors, range(_ITEMS), fields, types)


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the service ended before it listened")


async def load(port: int, queries: Sequence[str], connections: int) -> list[float]:
    """Asks each query once, over so many connections; the milliseconds that the service reports."""
    took: list[float] = []
    waiting = iter(queries)

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for query in waiting:
            writer.write(f"GET /search?q={quote(query)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 200")
            assert length is not None
            took.append(json.loads(await reader.readexactly(int(length[1])))["took_ms"]["total"])
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return took
