"""A recorded operation on the review page: any moment of it, and its course in time."""

from __future__ import annotations

import contextlib
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress, silent
from rafr.review.events import EVENT_TOPICS, find_events
from rafr.review.messages import plan_from_message
from rafr.review.operation import Memory, Operation, approval_text
from rafr.review.page import ReviewPage
from rafr.review.planned_pins import pins_done
from rafr.review.recorded import Recorded
from rafr.review.timeline import Timeline
from rafr.review.whereabouts import Whereabouts

_OFTEN = ("joint_states", "odom", "tracker/tools", "traction/state", "drill/guidance")
_RATE = 20.0  # Hz, of these as many as an eye can follow
_PERIOD = 0.15  # s of wall time between two pictures, as of a live operation
_CLOCK = "joint_states"
_DESCRIPTION = "/robot_description"
TISSUE = "simulation/tissue"
TOPICS = tuple(dict.fromkeys((*_OFTEN, *EVENT_TOPICS, TISSUE, _DESCRIPTION)))


def robot_of(recorded: Recorded) -> str:
    """The robot's description (URDF) as it was recorded; "" where it was not."""
    description = recorded[_DESCRIPTION]
    return str(recorded.message(_DESCRIPTION, len(description) - 1).data) if len(description) else ""


def set_up(recorded: Recorded) -> None:
    """Let the recording's time be the operation's, and keep of it what can be seen."""
    recorded.set_clock(_CLOCK)
    for topic in _OFTEN:
        recorded.thin(topic, _RATE)


@contextlib.contextmanager
def _same_version(run: Path) -> Iterator[None]:
    """What a message of another version lacks is told as such."""
    try:
        yield
    except AttributeError as error:
        problem = f"its recording is not of this version ({error})"
        raise InputError(run, problem, "one that this version of rafr made") from None


def plans_of(recorded: Recorded, case: Case) -> list[tuple[float, ReductionPlan]]:
    """(s, plan) of every one that is what it says; others were not shown either.

    Raises:
        InputError: a plan of another case.
    """
    found: list[tuple[float, ReductionPlan]] = []
    moving = {body.name for body in case.moving}
    for i, t in enumerate(recorded["plan"].times):
        try:
            plan = plan_from_message(recorded.message("plan", i))
        except InputError:
            continue
        if plan.case_id != case.id or not set(plan.order) <= moving:
            problem = f"is the case {case.id!r}, moving {', '.join(sorted(moving))}"
            expected = f"that of the recording: {plan.case_id!r}, moving {', '.join(plan.order)}"
            raise InputError(case.folder, problem, expected)
        again = bool(found) and found[-1][1].hash == plan.hash
        found.append((float(t), found[-1][1] if again else plan))
    return found


class Replay:
    """Shows any moment on the page; what is shown depends on the moment alone, not on what was shown before.

    Attributes:
        events: (s, what happened) in order of time.   duration: s.
    """

    def __init__(
        self,
        recorded: Recorded,
        page: ReviewPage,
        operation: Operation,
        case: Case,
        injected: Mapping[str, float],
        progress: Progress = silent,
    ) -> None:
        """`injected`: faults that were brought about on purpose: name -> s since 1970.

        Raises:
            InputError: the recording is of another case or another version of rafr.
        """
        self._recorded, self._page, self._operation = recorded, page, operation
        self._looking = Whereabouts()  # looks back while `operation` shows now
        self._taken: dict[str, int] = {}
        self._t = 0.0
        operation.clock = lambda: self._t
        self._registered = -1
        self._recalled: tuple[int, Memory] = (-1, Memory())
        self._plan: ReductionPlan | None = None
        self._said = ""
        self.duration = recorded.duration
        with _same_version(self._recorded.run):
            self.events = find_events(recorded, injected, progress)
            self._plans = plans_of(recorded, case)
            self._pinned = self._find_pins()

    def show(self, t: float) -> None:
        """Bring the page to a moment (s)."""
        operation, self._t = self._operation, t
        with _same_version(self._recorded.run):
            self._show_plan(t)
            self._take("joint_states", t, operation.where.take_joints, early=True)
            self._take("odom", t, operation.where.take_odometry, early=True)
            self._take("arm/state", t, operation.take_arm)
            self._take("procedure/state", t, operation.take_procedure)
            self._take("traction/state", t, operation.take_traction)
            self._take("drill/guidance", t, self._take_guidance)
            if len(self._recorded[TISSUE]):
                self._take(TISSUE, t, operation.take_tissue, early=True)
            operation.memory = self._memory(t)
            operation.show()

    def prepare(self) -> None:
        """What takes seconds, before the replay comes there."""
        self._operation.prepare_pins(self._plans[-1][1].order[: self._pinned[-1]] if self._plans else ())

    def _take(self, topic: str, t: float, take: Callable[[Any], None], early: bool = False) -> None:
        """Hand on the last message until t, if it is another; `early`: the first already before its time."""
        found = self._recorded[topic]
        i = found.last(t)
        if early and len(found):
            i = max(i, 0)
        if self._taken.get(topic) != i:
            self._taken[topic] = i
            take(self._recorded.message(topic, i) if i >= 0 else None)

    def _take_guidance(self, message: Any) -> None:
        guidance = self._recorded["drill/guidance"]
        i = guidance.last(self._t)
        self._operation.take_guidance(message, float(guidance.times[i]) if i >= 0 else None)

    # -- what was learnt until a moment ------------------------------------------------------------------

    def _memory(self, t: float) -> Memory:
        """Where bones and patient were seen last, by looking back only as far as needed."""
        pinned = self._pinned[self._recorded["procedure/state"].last(t) + 1]
        registered = self._recorded["registration"]
        if registered.last(t) < 0:
            return Memory(pinned=pinned)
        tools = self._recorded["tracker/tools"]
        last, first = tools.last(t), max(tools.last(registered.times[0]), 0)
        known_at, known = self._recalled
        if known_at > last:  # the replay went back
            known_at, known = -1, Memory()
        found, bodies = Memory(), len(self._operation.moving)
        for i in range(last, max(known_at, first - 1), -1):
            all_seen = len(found.T_current_displaced) == bodies
            if all_seen and found.T_world_pelvis is not None:
                break
            found = self._seen_at(i, float(tools.times[i]), all_seen).then(found)
        memory = known.then(found)
        self._recalled = last, memory
        return memory.then(Memory(pinned=pinned))

    def _seen_at(self, i: int, t: float, patient_only: bool) -> Memory:
        """What a frame of the tracker (number, s) says; nothing of the patient while the base moves."""
        self._looking.take_odometry(self._recorded.last("odom", t))
        if patient_only and not self._looking.base_stands:
            return Memory()
        self._looking.take_tools(self._recorded.message("tracker/tools", i))
        now = self._recorded["registration"].last(t)
        if now != self._registered:
            self._registered = now
            self._looking.take_registration(self._recorded.last("registration", t))
        return self._operation.seen(self._looking)

    def _find_pins(self) -> list[int]:
        """How many bodies had their pins after so many messages; a procedure started anew forgets them."""
        states = self._recorded["procedure/state"]
        counts = [pins_done(self._recorded.message("procedure/state", i)) for i in range(len(states))]
        return [0, *np.maximum.accumulate(counts).tolist()] if counts else [0]

    # -- the plan ------------------------------------------------------------------------------------------

    def _show_plan(self, t: float) -> None:
        i = bisect_right([when for when, _ in self._plans], t) - 1
        plan = self._plans[i][1] if i >= 0 else None
        text = self._decided(plan, t)
        if plan is not None and plan is not self._plan:
            self._page.show_plan(plan)
            self._page.close_decision(text)
        elif text != self._said:
            self._page.say(text)
        self._plan, self._said = plan or self._plan, text
        self._operation.order = () if plan is None else plan.order

    def _decided(self, plan: ReductionPlan | None, t: float) -> str:
        """In words what had been decided about the plan."""
        if plan is None:
            return "Replay: there is no plan yet."
        approval = self._recorded.last("approval", t)
        if approval is not None and approval.plan_hash == plan.hash:
            return f"Replay: {approval_text(approval)}"
        return "Replay: this plan has not been approved yet."


class Playback:
    """The course of a replay in time; its methods may be called from any thread, `run` from one.

    Attributes:
        t: s, what is shown.   playing: whether it goes on.   speed: times as fast as it was.
    """

    def __init__(self, replay: Replay, page: ReviewPage, speed: float = 1.0) -> None:
        self.t, self.playing, self.speed = 0.0, False, speed
        self._replay, self._page = replay, page
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._ended = False
        page.add_timeline(
            Timeline(replay.duration, replay.events, self.seek, self.play, self.set_speed, speed)
        )

    def seek(self, t: float) -> None:
        """Go to a time, s."""
        with self._lock:
            self.t = min(max(t, 0.0), self._replay.duration)
        self._asked.set()

    def play(self, on: bool) -> None:
        """Go on, from the beginning if at the end; or stand."""
        with self._lock:
            if on and self.t >= self._replay.duration:
                self.t = 0.0
            self.playing = on
        self._asked.set()

    def set_speed(self, speed: float) -> None:
        with self._lock:
            self.speed = speed

    def end(self) -> None:
        """Let `run` return."""
        self._ended = True
        self._asked.set()

    def run(self, period: float = _PERIOD) -> None:
        """Show what is asked for, and while it plays the next moment every `period` (s of wall time)."""
        self._replay.show(self.t)
        self._replay.prepare()
        shown = -1.0, False
        before = time.monotonic()
        while not self._ended:
            now = time.monotonic()
            state = self._advance(now - before)
            before = now
            if state != shown:
                self._replay.show(state[0])
                self._page.set_time(*state)
                shown = state
            self._asked.wait(max(period - (time.monotonic() - now), 0.0))
            self._asked.clear()

    def _advance(self, passed: float) -> tuple[float, bool]:
        """The time to show and whether it plays, `passed` s of wall time later."""
        with self._lock:
            if self.playing and self._page.watched:
                self.t = min(self.t + passed * self.speed, self._replay.duration)
                self.playing = self.t < self._replay.duration
            return self.t, self.playing
