"""What is known of a running or finished procedure: filled by the console, read by views and report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan

OUTCOMES = ("reduced", "held", "aborted")
REDUCTION_STATES = ("REDUCING", "HOLDING", "CLAMPED")


@dataclass(frozen=True, slots=True)
class Sample:
    """One state of the arm (SI).

    Attributes:
        t: s, on the procedure's clock.   state: name of the ArmState constant.
        distance: m, mean over the fragment's surface to the target.   angle: rad, to the target.
        path_error: m.   force, torque: at the clamp, N and N m.   progress: 0..1 along the path.
        warnings: of the controller.   stiffness: of the tissue, in parts of the plan's; NaN: not learnt.
        expected_force: N, still to come by it.   adjustment: m.   adjustment_reason: what it answers.
    """

    t: float
    state: str
    body: str
    progress: float
    distance: float
    angle: float
    path_error: float
    force: float
    torque: float
    force_limit: float
    torque_limit: float
    tracked: bool
    warnings: tuple[str, ...] = ()
    stiffness: float = float("nan")
    expected_force: float = float("nan")
    adjustment: float = 0.0
    adjustment_reason: str = ""


@dataclass(frozen=True, slots=True)
class TrueSample:
    """What the simulator says really is; used by the final measurement only.

    Attributes:
        t: s.   T_current_displaced: mm, by body.   force, torque: at the clamp, N and N m.
        traction, contact: N.
    """

    t: float
    T_current_displaced: dict[str, RigidTransform]
    force: float
    torque: float
    traction: float
    contact: float


@dataclass(slots=True)
class Phase:
    """A phase of the procedure; `outcome` is empty while it runs.

    Attributes:
        seconds: of wall time.   started, ended: s on the simulation's clock.
    """

    name: str
    seconds: float = 0.0
    outcome: str = ""
    started: float = 0.0
    ended: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "outcome": self.outcome,
            "duration_s": round(self.ended - self.started, 3),
            "wall_s": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration as its node published it, and where the bodies really were then.

    Attributes:
        T_cbct_ct: mm, by body, the reference first.   true_poses: `T_current_displaced`, mm.
    """

    accepted: bool
    reasons: tuple[str, ...]
    fiducial_error_mm: float
    T_cbct_ct: dict[str, RigidTransform]
    tre_estimate_mm: dict[str, float]
    overlap: dict[str, float]
    true_poses: dict[str, RigidTransform]


@dataclass(slots=True)
class RunRecord:
    """Everything a run leaves; only the console writes.

    Attributes:
        nodes: every started node and whether it said it is ready.
        lost: why nodes died, one sentence each.
        phase, status, message: of the procedure now.   stage: of the action that works now.
        earlier: phases of a procedure that died and was started again.
        recovered: how often the run went on after a hold.
        registrations: in their order; the first is that of the plan, the last that of the X-ray check.
        wall_seconds: from start to end.
        approver: who approved the plan; `automatic` when nobody did.
        approved_hash: of the plan that was approved last.
        injected: faults that `rafr sim` itself brought about, and when (s since 1970, as in the recording).
    """

    nodes: dict[str, bool] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    earlier: list[Phase] = field(default_factory=list)
    status: str = ""
    message: str = ""
    holds: list[str] = field(default_factory=list)
    safety: str = ""
    safety_reasons: list[str] = field(default_factory=list)
    base_state: str = ""
    plan: ReductionPlan | None = None
    registrations: list[Registered] = field(default_factory=list)
    approver: str = ""
    automatic: bool = False
    approved_hash: str = ""
    injected: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    truth: list[TrueSample] = field(default_factory=list)
    outcome: str = ""
    recovered: int = 0
    wall_seconds: float = 0.0

    @property
    def phase(self) -> str:
        return self.phases[-1].name if self.phases else ""

    @property
    def missing(self) -> list[str]:
        """Nodes that have not said they are ready."""
        return [name for name, ready in self.nodes.items() if not ready]

    @property
    def standing_still(self) -> bool:
        """Whether safety or the arm controller says that motion has been stopped."""
        return self.safety == "STOPPED" or self.arm_holds

    @property
    def arm_holds(self) -> bool:
        """Whether the arm controller says that it holds, until it is reset."""
        return bool(self.samples and self.samples[-1].state == "HOLDING")

    @property
    def all_phases(self) -> list[Phase]:
        """Those of a procedure that died, too."""
        return [*self.earlier, *self.phases]

    @property
    def clock(self) -> float:
        """s, the latest time heard of the simulation's clock."""
        return self.samples[-1].t if self.samples else 0.0

    @property
    def duration(self) -> float:
        """s on the simulation's clock, from the first phase to the last."""
        phases = self.all_phases
        return phases[-1].ended - phases[0].started if phases else 0.0

    @property
    def reduction_samples(self) -> list[Sample]:
        """The samples in which the robot held a fragment."""
        return [s for s in self.samples if s.state in REDUCTION_STATES]

    @property
    def adjustments(self) -> list[str]:
        """What the path was adjusted to, or why it was not, in order."""
        return list(dict.fromkeys(s.adjustment_reason for s in self.samples if s.adjustment_reason))

    def begin_anew(self) -> None:
        """Another procedure takes over, which knows nothing of the phases before."""
        for phase in self.phases:
            if not phase.outcome:
                phase.outcome, phase.ended = "lost with its procedure", self.clock
        self.earlier.extend(self.phases)
        self.phases = []

    def enter(self, phase: str, seconds: float, history: list[str]) -> None:
        """Note the phases already left ("name: outcome", oldest first) and the one that runs now.

        Args:
            phase: that runs, or "" when none does.   seconds: since it began.
        """
        ended = [line.partition(": ")[::2] for line in history]
        left = [(name, outcome) for name, outcome in ended if not outcome.startswith("tried again")]
        old = iter(self.phases)
        following = next(old, None)
        phases: list[Phase] = []
        for name, outcome in [*left, *([(phase, "")] if phase else [])]:
            if following is not None and following.name == name:
                entry, following = following, next(old, None)
            else:  # it may have passed between two messages
                entry = Phase(name, started=self.clock, ended=self.clock)
            if not entry.outcome:
                entry.outcome, entry.ended = outcome, self.clock
            phases.append(entry)
        self.phases = phases
        if phase and phases:
            phases[-1].seconds = seconds
