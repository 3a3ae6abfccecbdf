"""What the processes of the fixture `forks` have behind them when they start: imported by their server alone.

The towers are opened here and not used: a fork has none of its parent's threads.
"""

# ruff: noqa: F401 - imported for the forks

from __future__ import annotations

import faiss
import pyarrow.dataset

import app.progress
import app.settings
import indexer.build
import tests.app.test_worker
import tests.indexer.test_kill
from models import bundled
from models.towers import open_tower

OPENED = {
    "open_image": open_tower("bundled", "image", "cpu"),
    "open_text": open_tower("bundled", "text", "cpu"),
}

for name, opened in OPENED.items():
    vars(bundled)[name] = lambda *_, opened=opened, **__: opened
