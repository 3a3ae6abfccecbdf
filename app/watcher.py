"""The thread that lets a running service take up what was published meanwhile."""

from __future__ import annotations

import logging
import threading

from app.engine import Engine

_logger = logging.getLogger("vitrine")
_SECONDS_TO_END = 1.0


class NotAlive(RuntimeError):
    """The thread has ended, and the service would serve the same version for ever."""


class Watcher(threading.Thread):
    """Looks at once, and then every `seconds`, whether another index version or tower became current, or the
    tower was calibrated."""

    def __init__(self, engine: Engine, seconds: float = 0.5) -> None:
        super().__init__(name="watcher", daemon=True)
        self._engine = engine
        self._seconds = seconds
        self._looked = threading.Event()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._engine.refresh_if_changed()
            except Exception:
                # A vanished mount must not end the thread: the service would go stale without a word.
                _logger.exception("looking for a new index version failed; it is tried again")
            self._looked.set()
            self._stopped.wait(self._seconds)

    def wait_for_first_look(self, seconds: float) -> None:
        """Returns once what is current was taken up, or could not be; `seconds` later anyhow."""
        self._looked.wait(seconds)

    def require_alive(self) -> None:
        """Raises NotAlive once the thread has ended."""
        if not self.is_alive():
            raise NotAlive("the thread that takes up new index versions has ended: restart the service")

    def stop(self) -> None:
        """Does not wait for a tower that is being opened: that may take a minute."""
        self._stopped.set()
        self.join(_SECONDS_TO_END)
