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
    """A phase of the procedure; `outcome` is empty while it runs."""

    name: str
    seconds: float = 0.0
    outcome: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "seconds": round(self.seconds, 3), "outcome": self.outcome}


@dataclass(slots=True)
class RunRecord:
    """Everything a run leaves; only the console writes.

    Attributes:
        nodes: every started node and whether it said it is ready.
        lost: why nodes died, one sentence each.
        phase, status, message: of the procedure now.   stage: of the action that works now.
        registration: as the report shows it.   wall_seconds: from start to end.
        approver: who approved the plan; `automatic` when nobody did.
    """

    nodes: dict[str, bool] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    status: str = ""
    message: str = ""
    holds: list[str] = field(default_factory=list)
    safety: str = ""
    safety_reasons: list[str] = field(default_factory=list)
    base_state: str = ""
    plan: ReductionPlan | None = None
    registration: dict[str, Any] = field(default_factory=dict)
    approver: str = ""
    automatic: bool = False
    samples: list[Sample] = field(default_factory=list)
    truth: list[TrueSample] = field(default_factory=list)
    outcome: str = ""
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
        return self.safety == "STOPPED" or bool(self.samples and self.samples[-1].state == "HOLDING")

    @property
    def duration(self) -> float:
        """s on the procedure's clock."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def reduction_samples(self) -> list[Sample]:
        """The samples in which the robot held a fragment."""
        return [s for s in self.samples if s.state in REDUCTION_STATES]

    def enter(self, phase: str, seconds: float, history: list[str]) -> None:
        """Note which phase runs, for how long, and how those before it ended ("phase: outcome")."""
        if phase and phase != self.phase:
            self.phases.append(Phase(phase))
        if self.phases:
            self.phases[-1].seconds = max(self.phases[-1].seconds, seconds)
        ended = [line.partition(":")[::2] for line in history]
        for record, (name, outcome) in zip(reversed(self._left(phase)), reversed(ended), strict=False):
            if record.name == name.strip():
                record.outcome = outcome.strip()

    def _left(self, phase: str) -> list[Phase]:
        return self.phases[:-1] if self.phases and self.phase == phase else self.phases
