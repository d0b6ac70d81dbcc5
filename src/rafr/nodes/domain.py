"""A ROS domain of one's own, so that two runs on one machine never hear each other."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

_DOMAINS = range(1, 102)  # above 101, DDS's ports fall among Linux's ephemeral ones


def stay_on_this_machine() -> None:
    """Nodes of other machines are not found, unless the user has said how far discovery goes."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


@contextlib.contextmanager
def own_domain() -> Iterator[int]:
    """Sets ROS_DOMAIN_ID and keeps discovery on this machine, unless the user has set them.

    The domain is locked until the block ends; processes started inside inherit it.
    """
    stay_on_this_machine()
    given = os.environ.get("ROS_DOMAIN_ID")
    if given:
        yield int(given)
        return
    with contextlib.ExitStack() as stack:
        domain = _free_domain(stack)
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        try:
            yield domain
        finally:
            del os.environ["ROS_DOMAIN_ID"]


def _free_domain(stack: contextlib.ExitStack) -> int:
    folder = Path(tempfile.gettempdir())
    for domain in random.sample(_DOMAINS, len(_DOMAINS)):
        try:
            lock = stack.enter_context((folder / f"rafr-domain-{domain}.lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # in use, or another user's file
            continue
        return domain
    return random.choice(_DOMAINS)  # every one is taken: share
