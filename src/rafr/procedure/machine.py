"""The procedure as a pure machine: facts and results in, requested actions out; time is passed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from rafr.assessment import ACCEPTED, Assessment
from rafr.control.signals import ArmMode
from rafr.procedure.phases import BY_NAME, DONE, HOLD, NEXT_BODY, PHASES, Action, Facts, Phase

STOP_PATIENCE = 5.0  # s: a stop that lasts longer is latched, and a person's to reset
MAX_LOOPS = 3  # how often one phase may be entered for one body before a person must look


class Status(IntEnum):
    """As in rafr_msgs/ProcedureState."""

    RUNNING = 0
    WAITING = 1
    HELD = 2
    DONE = 3
    ABORTED = 4


@dataclass(frozen=True, slots=True)
class Request:
    """Do this for this body and answer with `action_done(id, …)`."""

    id: int
    action: Action
    body: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved which plan; an empty hash is a withdrawal."""

    plan_hash: str
    approver: str
    automatic: bool


class ProcedureMachine:
    """Walks through `PHASES`.

    `tick` hands out at most one request at a time; whatever arrives for another request is ignored. A hold
    ends the run with outcome `held`; `start(resume_from=…)` continues, entry conditions and approval are
    checked again.
    """

    def __init__(self) -> None:
        self.facts = Facts()
        self.status = Status.HELD
        self.phase: Phase = PHASES[0]
        self.message = "not started"
        self.history: list[str] = []
        self.holds: list[str] = []
        self.approval = Approval("", "", False)
        self._body_index = 0
        self._auto_approve = False
        self._entered_at = 0.0
        self._entered = False
        self._next_action = 0
        self._pending: Request | None = None
        self._count = 0
        self._failures = 0
        self._stopped_since: float | None = None
        self._visits: dict[tuple[str, str], int] = {}

    # -- what can be asked and told ------------------------------------------------------------------

    @property
    def body(self) -> str:
        """The moving body the present phase is about; "" before a plan."""
        order = self.facts.order
        return order[self._body_index] if self._body_index < len(order) else ""

    @property
    def active(self) -> bool:
        return self.status in (Status.RUNNING, Status.WAITING)

    @property
    def outcome(self) -> str:
        """reduced | held | aborted, once not active."""
        return {Status.DONE: "reduced", Status.ABORTED: "aborted"}.get(self.status, "held")

    @property
    def pending(self) -> Request | None:
        """The request that has not been answered yet."""
        return self._pending

    def phase_seconds(self, t: float) -> float:
        return max(0.0, t - self._entered_at)

    def start(self, t: float, auto_approve: bool, resume_from: str = "") -> Assessment:
        """Begin, or continue at a phase after a hold; refused while running or for an unknown phase."""
        if self.active:
            return Assessment(False, ("the procedure is running",))
        if resume_from and resume_from not in BY_NAME:
            return Assessment(False, (f"no phase {resume_from!r}; one of {', '.join(BY_NAME)}",))
        self._auto_approve = auto_approve
        self._stopped_since = None
        self._visits.clear()
        if not resume_from:
            self.history, self.holds, self._body_index = [], [], 0
            self.facts = replace(self.facts, reduced=frozenset())
            self._withdraw()
        elif self.facts.held_body in self.facts.order:  # a procedure that was started again finds its place
            self._body_index = self.facts.order.index(self.facts.held_body)
        self._enter(resume_from or PHASES[0].name, t)
        return ACCEPTED

    def observe(self, **facts: Any) -> None:
        """Update facts (see `Facts`). Another plan than the approved one withdraws the approval."""
        facts.pop("approved_hash", None)  # only `approve` writes it
        self.facts = replace(self.facts, **facts)
        if self.facts.approved_hash and not self.facts.approved:
            self._withdraw()

    def approve(self, plan_hash: str, approver: str, automatic: bool = False) -> Assessment:
        """A person approves the plan with this hash; refused unless it is exactly the loaded one."""
        if not self.facts.plan_hash:
            return Assessment(False, ("no plan is loaded",))
        if plan_hash != self.facts.plan_hash:
            loaded = self.facts.plan_hash[:12]
            return Assessment(False, (f"hash {plan_hash[:12]!r} is not the loaded plan's ({loaded})",))
        if not approver.strip():
            return Assessment(False, ("an approval needs the approver's name",))
        if automatic and not self._auto_approve:
            return Assessment(False, ("automatic approval was not asked for",))
        if automatic and not self.facts.plan_accepted:
            return Assessment(False, ("a plan its own planner does not accept needs a person",))
        self.approval = Approval(plan_hash, approver.strip(), automatic)
        self.facts = replace(self.facts, approved_hash=plan_hash)
        return ACCEPTED

    def reject(self, reason: str, t: float) -> None:
        """A person rejects the plan: any approval is withdrawn, and it is planned again."""
        self._withdraw()
        if self.active and self.phase.name == "approval":
            self._leave(f"rejected ({reason or 'no reason given'})", self.phase.on_failure, t)

    def hold(self, reason: str) -> None:
        """Stop; a person decides how to go on."""
        if not self.active:
            return
        self.holds.append(f"{self.phase.name}: {reason}")
        self.history.append(f"{self.phase.name}: held")
        self.status, self.message, self._pending = Status.HELD, reason, None

    def abort(self, reason: str) -> None:
        """End for good; the approval is withdrawn."""
        self.history.append(f"{self.phase.name}: aborted")
        self.status, self.message, self._pending = Status.ABORTED, reason, None
        self._withdraw()

    def action_done(self, request_id: int, success: bool, message: str, t: float) -> None:
        """The answer to a request."""
        if not self.active or self._pending is None or self._pending.id != request_id:
            return
        action, self._pending = self._pending.action, None
        if not success:
            self._fail(f"{action.value} failed: {message}", t)
            return
        self._next_action += 1
        if action == Action.REDUCE:
            self.facts = replace(self.facts, reduced=self.facts.reduced | {self.body})

    def tick(self, t: float) -> list[Request]:
        """Go on: hand out the next request, pass to the next phase, or wait."""
        if not self.active:
            return []
        if self.phase.needs_approval and self._entered and not self.facts.approved:
            self.hold("the loaded plan is not the approved one")
            return []
        if self._stopped_for(t) > STOP_PATIENCE:
            self.hold(self.facts.stop_reason or "motion is stopped")
            return []
        if self.phase_seconds(t) > self.phase.timeout:
            self._give_up(f"timeout after {self.phase.timeout:.0f} s ({self.message})", t)
            return []
        if self._pending is not None or not self._may_go_on():
            return []
        if self._next_action < len(self.phase.actions):
            return [self._request(self.phase.actions[self._next_action])]
        return self._finish(t)

    # -- inside --------------------------------------------------------------------------------------

    def _stopped_for(self, t: float) -> float:
        """s since the supervisor or the arm stopped; while the system starts up, nothing counts."""
        starting = self.phase is PHASES[0]
        stopped = self.facts.arm == ArmMode.HOLDING or not (self.facts.safety_ok or starting)
        if not stopped:
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = t
        return 0.0 if self._stopped_since is None else t - self._stopped_since

    def _may_go_on(self) -> bool:
        missing = [] if self._entered else [c for c in self.phase.entry if not c.holds(self.facts, self.body)]
        if missing:
            self._wait(missing[0].waiting_for)
            return False
        self._entered = True
        self.status = Status.RUNNING
        return True

    def _wait(self, what: str) -> None:
        self.status, self.message = Status.WAITING, f"waiting for {what}"

    def _request(self, action: Action) -> Request:
        self._count += 1
        self._pending = Request(self._count, action, self.body)
        self.message = action.value.replace("_", " ")
        return self._pending

    def _finish(self, t: float) -> list[Request]:
        """All actions of the phase are done: wait for a decision, or go to the next phase."""
        awaits = self.phase.awaits
        if awaits is not None and not awaits.holds(self.facts, self.body):
            if self._auto_approve and self.facts.plan_accepted and self.phase.name == "approval":
                return [self._request(Action.APPROVE_AUTOMATICALLY)]
            self._wait(awaits.waiting_for)
            return []
        self._leave("done", self.phase.next, t)
        return []

    def _leave(self, outcome: str, target: str, t: float) -> None:
        self.history.append(f"{self.phase.name}: {outcome}")
        if target == NEXT_BODY:
            self._body_index += 1
            target = "pins" if self.body else "fixation"
        if target == DONE:
            self.status, self.message = Status.DONE, "every step is done"
            return
        self._enter(target, t)

    def _enter(self, name: str, t: float) -> None:
        self.phase, self.status, self.message = BY_NAME[name], Status.RUNNING, ""
        self._entered_at, self._entered, self._next_action, self._pending = t, False, 0, None
        self._failures = 0
        if name == "planning":
            self._withdraw()
        visit = (name, self.body)
        self._visits[visit] = self._visits.get(visit, 0) + 1
        if self._visits[visit] > MAX_LOOPS:
            self.hold(f"{name} was tried {MAX_LOOPS} times")

    def _fail(self, reason: str, t: float) -> None:
        if not self.facts.safety_ok or self.facts.arm == ArmMode.HOLDING:
            # a latched stop is a person's to reset: trying again cannot work
            self.hold(reason)
            return
        self._failures += 1
        if self._failures > self.phase.retries:
            self._give_up(reason, t)
            return
        self.history.append(f"{self.phase.name}: tried again ({reason})")
        self._entered, self._next_action = False, 0

    def _give_up(self, reason: str, t: float) -> None:
        if self.phase.on_failure == HOLD:
            self.hold(reason)
        else:
            self._leave(f"failed ({reason})", self.phase.on_failure, t)

    def _withdraw(self) -> None:
        self.approval = Approval("", "", False)
        self.facts = replace(self.facts, approved_hash="")
