"""Keys of a terminal, and what stands in where there is none."""

import os
import pty
import sys
import termios
import time
from pathlib import Path

import pytest

from rafr.review.keys import no_keys, terminal_keys


@pytest.mark.parametrize("stdin", ["null", "closed", "none"])
def test_without_a_terminal_nobody_presses_keys(monkeypatch, stdin):
    with Path(os.devnull).open() as file:
        if stdin == "closed":
            file.close()
        monkeypatch.setattr(sys, "stdin", None if stdin == "none" else file)
        with terminal_keys() as keys:
            assert keys is no_keys


def test_a_key_needs_no_enter_and_the_terminal_is_put_back(monkeypatch):
    try:
        keyboard, terminal = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")
    before = termios.tcgetattr(terminal)
    with os.fdopen(terminal, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with terminal_keys() as keys:
            assert keys() == ""
            os.write(keyboard, b"a")
            pressed = ""
            deadline = time.monotonic() + 5.0
            while not pressed and time.monotonic() < deadline:
                pressed = keys()
            assert pressed == "a"
        assert termios.tcgetattr(terminal) == before
    os.close(keyboard)
    os.close(terminal)
