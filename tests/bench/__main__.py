"""`make bench` and `make bench-search`: each part prints what it measured; nothing here passes or fails.

Machines differ and are shared, so the ratios of one run say more than its times.
"""

from __future__ import annotations

import platform
import sys

from tests.bench import (
    encoding,
    exclusion,
    filters,
    hybrid,
    indexing,
    neighbours,
    relevance,
    robustness,
    service,
    tuning,
    variants,
)

_SPEED = (encoding, neighbours, indexing, service, tuning)
_SEARCH = (filters, variants, hybrid, exclusion, relevance, robustness)


def main() -> None:
    print(f"{platform.machine()}, {platform.python_version()}")
    for part in _SEARCH if sys.argv[1:] == ["search"] else _SPEED:
        print(f"\n{(part.__doc__ or '').splitlines()[0]}")
        for name, value in part.measure():
            print(f"  {name:<58} {value}")


if __name__ == "__main__":
    main()
