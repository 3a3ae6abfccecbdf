"""Functions called in other processes: their answers and errors come back, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from indexer.processes import Processes


def call(processes: Processes, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return processes.submit(lambda: processes.call(function, *args, **kwargs)).result()


def ended(process: int) -> bool:
    """Whether no such process is there any more."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_an_answer_comes_back() -> None:
    """From another process, with keywords, arrays of any size and their kind."""
    numbers = np.arange(1_000_000, dtype=np.uint16)
    with Processes(1) as processes:
        assert processes.submit(processes.call, os.getpid).result() != os.getpid()
        shifted = call(processes, np.roll, numbers, shift=5)
        empty = call(processes, np.roll, numbers[:0], shift=5)
    assert np.array_equal(shifted, np.roll(numbers, 5))
    assert (shifted.dtype, empty.dtype, empty.shape) == (numbers.dtype, numbers.dtype, (0,))


def test_what_a_function_raises_is_raised() -> None:
    """As if it had been called here; the process goes on."""
    with Processes(1) as processes:
        with pytest.raises(FileNotFoundError, match="no such folder"):
            processes.submit(processes.call, os.listdir, "/no such folder").result()
        assert processes.submit(processes.call, abs, -1).result() == 1


def test_what_is_printed_does_not_come_among_the_answers(capfd: pytest.CaptureFixture[str]) -> None:
    """It goes to standard error."""
    with Processes(1) as processes:
        call(processes, print, "hello")
        assert call(processes, abs, -1) == 1
    assert "hello" not in capfd.readouterr().out


def test_each_thread_has_a_process_of_its_own() -> None:
    """Three at work, three processes; a fourth call finds one of them."""
    with Processes(3) as processes:
        asleep = [processes.submit(processes.call, time.sleep, 0.5) for _ in range(3)]
        for one in asleep:
            one.result()
        assert len({processes.submit(processes.call, os.getpid).result() for _ in range(6)}) <= 3
        assert len(processes._processes) == 3


def test_a_process_that_is_killed_is_heard_of() -> None:
    """The call that it was to answer fails, with the status; it does not wait for ever."""
    with Processes(1) as processes:
        process = processes.submit(processes.call, os.getpid).result()
        answer = processes.submit(processes.call, time.sleep, 60)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="ended with status -9"):
            answer.result()


def test_no_process_stays_behind() -> None:
    """Whatever they are at when the context is left; what had not begun is dropped."""
    with Processes(2) as processes:
        started = [processes.submit(processes.call, os.getpid).result() for _ in range(4)]
        late = [processes.submit(processes.call, time.sleep, 0.05) for _ in range(100)]
    assert all(map(ended, started))
    assert any(one.cancelled() for one in late)


def test_a_process_ends_with_the_one_that_it_works_for() -> None:
    """When its standard input ends, as it does when that one is killed."""
    with Processes(1) as processes:
        process = processes.submit(processes.call, os.getpid).result()
        (own,) = processes._processes
        assert own._process.stdin is not None
        own._process.stdin.close()
        assert own._process.wait(timeout=10) == 0
        assert ended(process)


def test_many_threads_may_ask_at_once() -> None:
    """Each gets its own answer."""
    with Processes(2) as processes, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: call(processes, abs, -n), range(200))) == list(range(200))
