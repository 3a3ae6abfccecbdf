"""Progress on stderr: lines in a log, a bar on a terminal; stdout stays free for the answer."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from app.progress import progress

STEPS = """
from app.progress import progress
with progress() as report:
    report("reading", 0, 0)
    for done in range(1, 4):
        report("embedding", done, 3)
print("answer")
"""


def test_a_log_gets_a_line_at_the_start_and_the_end_of_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """A thousand steps within a moment are two lines; thousands are separated."""
    with progress() as report:
        report("reading", 0, 0)
        for done in range(1, 2001):
            report("embedding", done, 2000)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["reading", "embedding 1/2,000", "embedding 2,000/2,000"]
    assert captured.out == ""


def test_a_stage_without_a_total_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be counted is not shown as 0 of 0."""
    with progress() as report:
        report("reading", 0, 0)
        report("reading", 0, 0)
    assert capsys.readouterr().err == "reading\n"


def test_an_error_passes_through(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress hides nothing that goes wrong within it."""

    def work() -> None:
        with progress() as report:
            report("reading", 0, 0)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert capsys.readouterr().err == "reading\n"


def test_a_terminal_gets_a_bar() -> None:
    """Drawn on stderr with the stages' names and counts; stdout holds the answer alone."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-c", STEPS], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says so where the other end is closed
                break
            if not part:
                break
            drawn += part
        answer = process.stdout.read() if process.stdout else b""
    os.close(ours)
    assert process.returncode == 0
    assert answer == b"answer\n"
    assert b"embedding" in drawn
    assert b"3/3" in drawn
    assert "━".encode() in drawn
