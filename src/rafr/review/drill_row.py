"""The page's line about the drill: what `drill/guidance` says now, and never what it said before."""

from __future__ import annotations

from typing import Any

_FRESH = 0.5  # s


def drill_row(message: Any, age: float) -> str:
    """One line; "" where no guidance was ever heard.

    Args:
        message: diagnostic_msgs/DiagnosticArray, the last one; None: none yet.
        age: s since it was heard.
    """
    if message is None or not message.status:
        return ""
    return f"no guidance for {age:.0f} s" if age >= _FRESH else str(message.status[0].message)
