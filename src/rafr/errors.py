"""The one error family of rafr: what is wrong, with which value, and what is expected."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

_LONGEST = 600  # characters of each part of a message


class RafrError(Exception):
    """Base of every error rafr raises on purpose."""


class InputError(RafrError):
    """Input from outside (a file, an option, a message) that cannot be used.

    The command line prints it as one line on stderr and exits with code 2.

    Args:
        source: the file, option or topic that holds the bad value.
        problem: what is wrong, naming the value.
        expected: what would be right.
    """

    def __init__(self, source: str | Path, problem: str, expected: str) -> None:
        self.source = one_line(str(source))
        self.problem = one_line(problem)
        self.expected = one_line(expected)
        super().__init__(f"{self.source}: {self.problem}; expected {self.expected}")


def one_line(text: str, longest: int = _LONGEST) -> str:
    """Part of one line, whatever a foreign file or message put into it: no control characters, and an end."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text[: 4 * longest].split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


class Cause(StrEnum):
    """What makes a request infeasible, in one word for programmes; people read the reasons."""

    OUT_OF_REACH = "out of reach"
    TOO_MUCH_FORCE = "too much force"
    BOXED_IN = "boxed in"
    COLLISION = "collision"
    SINGULAR = "singular"
    OTHER = "other"


class InfeasibleError(RafrError):
    """A well-posed request that has no acceptable answer; `reasons` say why, `cause` sums them up."""

    def __init__(self, reasons: tuple[str, ...], cause: Cause = Cause.OTHER) -> None:
        self.reasons = tuple(map(one_line, reasons))
        self.cause = cause
        super().__init__("; ".join(self.reasons))
