"""What happened in a recorded operation, to jump to: phases, holds, faults, plans, approvals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rafr.progress import Progress, silent
from rafr.review.messages import ARM_STATES, PROCEDURE_STATES, state_name
from rafr.review.operation import approval_text
from rafr.review.recorded import Recorded

_HASH = 8  # characters that tell plans apart


def find_events(
    recorded: Recorded, injected: Mapping[str, float], progress: Progress = silent
) -> tuple[tuple[float, str], ...]:
    """(s, what happened) in order of time.

    Args:
        injected: faults that were brought about on purpose: name -> s since 1970.
    """
    found = [(recorded.time_of(when), f"injected: {name}") for name, when in injected.items()]
    for k, (topic, told) in enumerate(_TELLERS.items()):
        progress(k / len(_TELLERS), "events")
        if topic in recorded:
            found += _changes(recorded, topic, told)
    return tuple(sorted(found, key=lambda event: event[0]))


def _changes(
    recorded: Recorded, topic: str, told: Callable[[Any, Any], list[str]]
) -> Iterator[tuple[float, str]]:
    """What each message says that the one before did not."""
    before = None
    for i, t in enumerate(recorded[topic].times):
        message = recorded.message(topic, i)
        yield from ((float(t), text) for text in told(before, message))
        before = message


def _of_procedure(before: Any, now: Any) -> list[str]:
    state = state_name(now, PROCEDURE_STATES, "status")
    texts = []
    if now.phase and (before is None or now.phase != before.phase):
        texts.append(f"phase {_words(now.phase)}")
    if before is not None and now.status != before.status and state != "RUNNING":
        texts.append(f"{_words(state)}: {now.message}" if now.message else _words(state))
    return texts


def _of_arm(before: Any, now: Any) -> list[str]:
    holds, held = (m is not None and state_name(m, ARM_STATES) == "HOLDING" for m in (now, before))
    if holds and not held:
        return [f"arm holds: {now.reason}"]
    return ["arm goes on"] if held and not holds else []


def _of_base(before: Any, now: Any) -> list[str]:
    holds, held = (m is not None and m.state == m.HOLDING for m in (now, before))
    return [f"base holds: {now.reason}"] if holds and not held else []


def _of_safety(before: Any, now: Any) -> list[str]:
    """At first it stops because nobody has reported yet: that is no event."""
    if before is None or (now.state == now.STOPPED) == (before.state == before.STOPPED):
        return []
    return [f"safety stop: {', '.join(now.reasons)}" if now.state == now.STOPPED else "safety stop over"]


def _of_registration(before: Any, now: Any) -> list[str]:
    """A recorder that was started again hears the last one once more."""
    if before is not None and before.header.stamp == now.header.stamp:
        return []
    return [f"registration {'accepted' if now.accepted else 'NOT accepted'}"]


def _of_plan(before: Any, now: Any) -> list[str]:
    return [] if before is not None and before.hash == now.hash else [f"plan {now.hash[:_HASH]}"]


def _of_approval(before: Any, now: Any) -> list[str]:
    if now.plan_hash:
        return [f"plan {now.plan_hash[:_HASH]}: {approval_text(now)}"]
    return ["approval withdrawn"] if before is not None and before.plan_hash else []


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


_TELLERS: dict[str, Callable[[Any, Any], list[str]]] = {
    "procedure/state": _of_procedure,
    "arm/state": _of_arm,
    "base/state": _of_base,
    "safety/state": _of_safety,
    "registration": _of_registration,
    "plan": _of_plan,
    "approval": _of_approval,
}
EVENT_TOPICS = tuple(_TELLERS)
