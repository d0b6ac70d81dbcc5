"""What a browser sends may be anything: what cannot be done with it is a line in the log, no traceback."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rafr.errors import one_line

_LOG = logging.getLogger("rafr.review")
_SERVERS = ("websockets.server", "asyncio")  # who log the exceptions of what serves the page


def attempted(action: Callable[..., Any]) -> Callable[..., None]:
    """The same, but what it raises is logged in one line."""

    @functools.wraps(action)
    def attempt(*args: Any) -> None:
        try:
            action(*args)
        except Exception as error:
            say(error)

    return attempt


def say(error: BaseException) -> str:
    """Log an error that a browser's message led to; what was said."""
    said = one_line(f"{type(error).__name__}: {error}")
    _LOG.error("a message of a browser was not obeyed: %s", said)
    return said


def log_in_one_line() -> None:
    """Have the libraries that serve the page log what a browser made them raise in one line."""
    for name in _SERVERS:
        logger = logging.getLogger(name)
        if not any(isinstance(f, _OneLine) for f in logger.filters):
            logger.addFilter(_OneLine())


class _OneLine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _of_server(error):
            said = one_line(f"{record.getMessage()}: {type(error).__name__}: {error}")
            record.msg, record.args, record.exc_info = "review page: %s", (said,), None
        return True


def _of_server(error: BaseException) -> bool:
    """Whether it was raised in what serves the page, not in our own code."""
    places = [Path(frame.filename).parts for frame in traceback.extract_tb(error.__traceback__)]
    theirs = any("websockets" in parts or "viser" in parts for parts in places)
    return theirs and not any("rafr" in parts for parts in places)
