"""The worker as a child process: started anew when it dies, and gone when its parent is."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

_logger = logging.getLogger("vitrine")

_SHORTEST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_TO_END_S = 2.5

# The modules are found where the parent finds them, whatever the working folder holds.
_COMMAND = "import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep); from app.cli import main; main()"


class Child:
    """Keeps `vitrine ARGUMENTS` running beside this process.

    The child's stdin is a pipe that nobody writes to: it ends when this process does, `kill -9` included.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._arguments = tuple(arguments)
        self._environment = dict(environment)
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="child", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks the child to end, and kills it when it has not within 2.5 s."""
        with self._starting:
            self._stopped.set()
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_TO_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join()

    def _keep(self) -> None:
        wait = _SHORTEST_WAIT_S
        while True:
            with self._starting:
                if self._stopped.is_set():
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _COMMAND, os.pathsep.join(sys.path), *self._arguments],
                    stdin=subprocess.PIPE,
                    process_group=0,  # Ctrl-C is for the parent, which asks the child to end
                    env=self._environment,
                )
            began = time.monotonic()
            with self._process as process:
                status = process.wait()
            if self._stopped.is_set():
                return
            if time.monotonic() - began > _LONGEST_WAIT_S:
                wait = _SHORTEST_WAIT_S
            _logger.error("the worker ended with %d; it is started again in %.0f s", status, wait)
            if self._stopped.wait(wait):
                return
            wait = min(2 * wait, _LONGEST_WAIT_S)


def end_with_parent(stop: Callable[[], None], within_s: float = 5.0) -> None:
    """Calls `stop` when stdin ends, which the parent holds; `within_s` later this process ends anyhow."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        stop()
        time.sleep(within_s)
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()
