"""What commands share: JSON output, folders for pictures and a progress bar."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rafr.errors import InputError
from rafr.files import written_whole
from rafr.progress import Progress


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON ('-' = standard output)")


def made_folder(name: str) -> Path:
    """The folder of this name, made where absent; asked before long work.

    Raises:
        InputError: it cannot be made.
    """
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be made ({error.strerror})", "a folder to write to") from None
    return folder


def add_port_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="of the page (default: any free one)"
    )


def check_port(port: int) -> None:
    """Raise InputError unless it is one; 0: any free one."""
    if not 0 <= port <= 65535:
        raise InputError("--port", f"{port}", "0 to 65535")


def check_json_target(target: str | Path | None) -> None:
    """Raise InputError where `write_json` could not write; asked before long work."""
    if target is None or str(target) == "-":
        return
    path = Path(target)
    if not path.parent.is_dir():
        raise InputError(path, f"the folder {path.parent} does not exist", "a file in an existing folder")
    if path.is_dir():
        raise InputError(path, "is a folder", "the name of a file")


def write_json(target: str | Path, data: dict[str, Any]) -> None:
    """Write JSON to a file (atomically) or to standard output for '-'."""
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    if str(target) == "-":
        sys.stdout.write(text)
        return
    check_json_target(target)
    try:
        with written_whole(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(Path(target), f"cannot be written ({error.strerror})", "a writable file") from None


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A bar on stderr while the block runs; gone afterwards, silent when stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0, title=title)

        def report(fraction: float, text: str = "") -> None:
            bar.update(task, completed=fraction, description=text)

        yield report
