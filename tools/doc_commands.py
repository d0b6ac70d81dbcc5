"""The commands that README and docs tell, as a reader would type them.

A block is fenced (without a language, or `bash`) or indented by four spaces; a command is a line in it that
begins with a program. What follows two spaces or ` #` is a comment. A block after the line `<!-- run -->` is
run by the tests, in order, in one folder per page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN_MARK = "<!-- run -->"
PROGRAMS = (
    *(
        "rafr",
        "make",
        "python",
        "ros2",
        "colcon",
        "rosdep",
        "cd",
        "source",
        "sudo",
        "pip",
        "git",
        "pre-commit",
    ),
    *(".venv/bin/rafr", ".venv/bin/python", ".venv/bin/pre-commit"),
)
_SHELLS = ("", "bash", "sh")
_FENCE = re.compile(r"^\s*```(\w*)\s*$")
_COMMENT = re.compile(r"\s{2,}|\s#\s")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page.

    Attributes:
        page: file, relative to the repository.   line: counted from 1.
        text: as typed, one program with its arguments, without a comment and without `.venv/bin/`.
        run: whether its block is marked to be run by the tests.
    """

    page: str
    line: int
    text: str
    run: bool

    @property
    def program(self) -> str:
        return self.text.split()[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pages() -> list[Path]:
    """README, CONTRIBUTING and every page of docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> list[Command]:
    """All of them, page by page."""
    return [command for page in pages() for command in commands_of(page)]


def commands_of(page: Path) -> list[Command]:
    """The commands of one page, in order."""
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    found = []
    for number, line, run in _block_lines(page.read_text(encoding="utf-8").splitlines()):
        if line.split(" ", 1)[0] not in PROGRAMS:
            continue
        typed = _COMMENT.split(line)[0]
        found += [
            Command(name, number, part.strip().removeprefix(".venv/bin/"), run) for part in typed.split("&&")
        ]
    return found


def _block_lines(lines: list[str]) -> Iterator[tuple[int, str, bool]]:
    """Number, text and mark of every line in a block of shell commands."""
    language: str | None = None
    marked, before = False, ""
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if fence:
            language = fence[1] if language is None else None
            marked = language is not None and before == RUN_MARK
        elif language in _SHELLS:
            yield number, line.strip(), marked
        elif language is None and line.startswith("    "):
            yield number, line.strip(), False
        if line.strip():
            before = line.strip()
