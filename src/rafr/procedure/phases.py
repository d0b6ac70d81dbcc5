"""The table of the operation: steps a-g of the case report (10.3389/fmed.2025.1710981), one row per phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from rafr.control.signals import ArmMode

HOLD = "hold"  # way back: stop, a person decides, `resume_from` continues
DONE = "done"
NEXT_BODY = "next body"


class Action(Enum):
    """What the machine asks the node to do; each is one call to another node."""

    HOLDING_DEVICE = "holding_device"
    ACQUIRE_CBCT = "acquire_cbct"
    REGISTER = "register"
    PLAN = "plan"
    APPROVE_AUTOMATICALLY = "approve_automatically"
    INSERT_PINS = "insert_pins"
    OPTIMISE_DOCKING = "optimise_docking"
    DOCK = "dock"
    OPTIMISE_APPROACH = "optimise_approach"
    APPROACH = "approach"
    CLAMP = "clamp"
    MEASURE_GRIP = "measure_grip"
    TRACTION_ON = "traction_on"
    OPTIMISE_REDUCTION = "optimise_reduction"
    REDUCE = "reduce"
    FIX_BODY = "fix_body"
    RELEASE = "release"
    TRACTION_OFF = "traction_off"
    OPTIMISE_RETREAT = "optimise_retreat"
    RETREAT = "retreat"
    RECORD_FIXATION = "record_fixation"
    MEASURE_RESIDUAL = "measure_residual"


@dataclass(slots=True)
class Facts:
    """What is known of the room and the plan; the node keeps it up to date.

    Attributes:
        safety_ok: the supervisor allows motion; stop_reason: why not, or why the arm holds.
        arm: the arm's state.   held_body: in the clamp, or "".
        tools_visible: every tracked tool was seen lately.   docked: the base stands at its goal.
        registered: an accepted registration is there.
        plan_hash: of the loaded plan, recomputed from its content; "" = none.
        plan_accepted: the planner's own assessment.   order: moving bodies in order of reduction.
        approved_hash: of the plan a person approved; "" = none.
        reduced: bodies that stand at their target.
    """

    safety_ok: bool = False
    stop_reason: str = ""
    arm: ArmMode | None = None
    held_body: str = ""
    tools_visible: bool = False
    docked: bool = False
    registered: bool = False
    plan_hash: str = ""
    plan_accepted: bool = False
    order: tuple[str, ...] = ()
    approved_hash: str = ""
    reduced: frozenset[str] = frozenset()

    @property
    def approved(self) -> bool:
        """A live approval of exactly the loaded plan."""
        return bool(self.plan_hash) and self.approved_hash == self.plan_hash


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must hold: a predicate of (facts, body) and what is waited for while it fails."""

    holds: Callable[[Facts, str], bool]
    waiting_for: str


SAFE = Condition(lambda f, _: f.safety_ok, "the safety supervisor to allow motion")
ARM_FREE = Condition(lambda f, _: f.arm == ArmMode.IDLE, "the arm to be idle and free")
ARM_HOLDS_BODY = Condition(
    lambda f, body: f.arm == ArmMode.CLAMPED and bool(body) and f.held_body == body, "the body to be clamped"
)
TOOLS_VISIBLE = Condition(lambda f, _: f.tools_visible, "every tracked tool to be seen")
REGISTERED = Condition(lambda f, _: f.registered, "an accepted registration")
PLANNED = Condition(lambda f, _: bool(f.plan_hash), "a plan")
APPROVED = Condition(lambda f, _: f.approved, "the approval of exactly the loaded plan")
DOCKED = Condition(lambda f, _: f.docked, "the base to be docked")
ALL_REDUCED = Condition(lambda f, _: set(f.order) <= f.reduced and bool(f.order), "every body to be reduced")


@dataclass(frozen=True, slots=True)
class Phase:
    """One row.

    Attributes:
        step: letter of the case report.
        entry: conditions that must hold before the first action.
        actions: done one after the other.
        timeout: s of wall time for the whole phase, waiting included.
        retries: how often it is tried again after a failure.
        on_failure: then: `HOLD` or the name of an earlier phase.
        next: the phase after success; `NEXT_BODY` = `pins` for the next body or `fixation`.
        awaits: a condition that ends the phase (a person's decision), after the actions.
        needs_approval: holds as soon as the loaded plan is not the approved one any more.
    """

    name: str
    step: str
    entry: tuple[Condition, ...]
    actions: tuple[Action, ...]
    timeout: float
    retries: int
    on_failure: str
    next: str
    awaits: Condition | None = None
    needs_approval: bool = False


_MINUTE = 60.0
_A = Action
_MOTION = (SAFE, APPROVED)

PHASES: tuple[Phase, ...] = (
    Phase("position", "a", (SAFE, ARM_FREE), (), 10 * _MINUTE, 0, HOLD, "holding_device"),
    Phase("holding_device", "b", (SAFE,), (_A.HOLDING_DEVICE,), 5 * _MINUTE, 2, HOLD, "registration"),
    Phase(
        "registration", "c", (SAFE, TOOLS_VISIBLE), (_A.ACQUIRE_CBCT, _A.REGISTER),
        60 * _MINUTE, 1, HOLD, "planning",
    ),
    Phase("planning", "c", (REGISTERED,), (_A.PLAN,), 60 * _MINUTE, 0, "registration", "approval"),
    Phase("approval", "c", (PLANNED,), (), 60 * _MINUTE, 0, "planning", "pins", awaits=APPROVED),
    Phase(
        "pins", "d", (SAFE, APPROVED), (_A.INSERT_PINS,), 10 * _MINUTE, 1, HOLD, "docking",
        needs_approval=True,
    ),
    Phase(
        "docking", "d", (*_MOTION, ARM_FREE), (_A.OPTIMISE_DOCKING, _A.DOCK),
        30 * _MINUTE, 1, HOLD, "approach", needs_approval=True,
    ),
    Phase(
        "approach", "d", (*_MOTION, ARM_FREE, DOCKED, TOOLS_VISIBLE),
        (_A.OPTIMISE_APPROACH, _A.APPROACH, _A.CLAMP),
        30 * _MINUTE, 1, "docking", "reduction", needs_approval=True,
    ),
    Phase(
        "reduction", "e", (*_MOTION, ARM_HOLDS_BODY, TOOLS_VISIBLE),
        (_A.MEASURE_GRIP, _A.TRACTION_ON, _A.OPTIMISE_REDUCTION, _A.REDUCE),
        60 * _MINUTE, 1, HOLD, "temporary_fixation", needs_approval=True,
    ),
    Phase(
        "temporary_fixation", "e", (SAFE, ARM_HOLDS_BODY), (_A.FIX_BODY, _A.RELEASE),
        30 * _MINUTE, 1, HOLD, "retreat",
    ),
    Phase(
        "retreat", "e", (SAFE, ARM_FREE), (_A.TRACTION_OFF, _A.OPTIMISE_RETREAT, _A.RETREAT),
        30 * _MINUTE, 1, HOLD, NEXT_BODY,
    ),
    Phase("fixation", "f", (ALL_REDUCED,), (_A.RECORD_FIXATION,), 30 * _MINUTE, 0, HOLD, "xray_check"),
    Phase(
        "xray_check", "g", (TOOLS_VISIBLE,), (_A.ACQUIRE_CBCT, _A.REGISTER, _A.MEASURE_RESIDUAL),
        60 * _MINUTE, 1, HOLD, DONE,
    ),
)  # fmt: skip
BY_NAME = {phase.name: phase for phase in PHASES}
