"""`make bench`: each part prints what it measured; nothing here passes or fails.

Machines differ and are shared, so the ratios of one run say more than its times.
"""

from __future__ import annotations

import platform

from tests.bench import encoding, indexing, neighbours, service, tuning


def main() -> None:
    print(f"{platform.machine()}, {platform.python_version()}")
    for part in (encoding, neighbours, indexing, service, tuning):
        print(f"\n{(part.__doc__ or '').splitlines()[0]}")
        for name, value in part.measure():
            print(f"  {name:<58} {value}")


if __name__ == "__main__":
    main()
