"""Single keys from the terminal, without Enter."""

from __future__ import annotations

import contextlib
import select
import sys
from collections.abc import Iterator
from typing import Protocol


class Keys(Protocol):
    def __call__(self) -> str:
        """The key pressed since the last call, or nothing."""


def no_keys() -> str:
    """Nobody sits at the keyboard."""
    return ""


@contextlib.contextmanager
def terminal_keys() -> Iterator[Keys]:
    """Keys of the terminal while the block runs; its mode is put back afterwards. Ctrl-C still interrupts."""
    try:
        import termios
        import tty
    except ImportError:  # not a POSIX terminal
        yield no_keys
        return
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        yield no_keys
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield _pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _pressed() -> str:
    return sys.stdin.read(1) if select.select([sys.stdin], [], [], 0)[0] else ""
