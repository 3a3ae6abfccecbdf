"""Functions called in processes beside this one, whose interpreter has one lock for all its threads.

They need not load torch, so they start in a moment; and unlike those of `multiprocessing`, they do not run
the main module again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SERVE = "from indexer.processes import serve; serve()"
_NUMBER = struct.Struct("<Q")
_PIPE_BYTES = 1 << 20


class Processes:
    """Threads, each of which hands its work to a process of its own; to be used as a context."""

    def __init__(self, count: int) -> None:
        """A process is started when there is work for it."""
        self._threads = ThreadPoolExecutor(count, "process")
        self._own = threading.local()
        self._processes: list[_Process] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        """What has not begun is dropped."""
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.end()

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Runs in one of the threads, and may `call` from there."""
        return self._threads.submit(function, *args, **kwargs)

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What `function`, importable there as here, gives in this thread's process; raises the same."""
        process: _Process | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = _Process()
            self._processes.append(process)
        answer: _T = process.call(function, *args, **kwargs)
        return answer


class _Process:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for pipe in (self._process.stdin, self._process.stdout):
            # Faster where it is granted: of all its processes, a user may enlarge some dozens of pipes.
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # type: ignore[arg-type]

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, (function, args, kwargs))
            succeeded, answer = _receive(self._process.stdout)
        except (EOFError, BrokenPipeError):
            status = self._process.wait()
            raise RuntimeError(f"a process of this build ended with status {status}: build again") from None
        if not succeeded:
            raise answer
        return answer

    def end(self) -> None:
        self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:  # closes its pipes, and waits for it
            pass


def serve() -> None:
    """Answers the calls that come through standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the caller's to end this
    warnings.simplefilter("ignore")  # Pillow's, of odd files: what matters of them is a reason
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed must not come among the answers
    while True:
        try:
            function, args, kwargs = _receive(asked)
        except EOFError:
            return
        try:
            answer = True, function(*args, **kwargs)
        except Exception as error:
            answer = False, error
        _send(answers, answer)


def _send(file: IO[bytes], message: object) -> None:
    """Arrays follow the rest as they are, so that they are copied once."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    file.write(b"".join(_NUMBER.pack(number) for number in (len(parts), *(part.nbytes for part in parts))))
    for part in parts:
        file.write(part)
    file.flush()


def _receive(file: IO[bytes]) -> Any:
    """Raises EOFError where there is no whole message."""
    (count,) = _NUMBER.unpack(_exactly(file, _NUMBER.size))
    lengths = [length for (length,) in _NUMBER.iter_unpack(_exactly(file, count * _NUMBER.size))]
    head, *buffers = [_exactly(file, length) for length in lengths]
    return pickle.loads(head, buffers=buffers)


def _exactly(file: IO[bytes], length: int) -> bytearray:
    read = bytearray(length)
    if file.readinto(read) != length:  # type: ignore[attr-defined]
        raise EOFError
    return read
