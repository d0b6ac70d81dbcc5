"""What every browser that looks at the page shares: the plan, where things are, what may be decided."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.plan import ReductionPlan
from rafr.review.desk import Desk
from rafr.review.readout import Numbers
from rafr.review.timeline import Timeline

BEFORE, PATH, TARGET, LIVE = "before", "path", "target", "now"
WORDS = {
    BEFORE: "before: as in the CT",
    PATH: "along the path",
    TARGET: "at the target",
    LIVE: "now: as tracked",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about the plan with this hash, and why."""

    plan_hash: str
    approver: str
    approve: bool
    reason: str = ""


@dataclass(slots=True, eq=False)
class Known:
    """Read and written under `lock` only.

    Attributes:
        meshes: surface of every body, the reference first, LPS mm in the CT.
        on_decision: takes what a person decided; None = the page shows only.
        desk: what the page can work out about the case; None = it shows the plan only.
        live: `T_current_displaced` (mm) by body, as measured last.
        decidable: the plan waits for a decision.   status: one line.   legend: of the cords, HTML.
        timeline: of a replay; None: this is none.
    """

    title: str
    meshes: Mapping[str, TriangleMesh]
    on_decision: Callable[[Decision], None] | None
    desk: Desk | None
    plan: ReductionPlan | None = None
    live: dict[str, RigidTransform] = field(default_factory=dict)
    watching: bool = False
    numbers: Numbers = field(default_factory=Numbers)
    decidable: bool = False
    status: str = "Waiting for a plan."
    legend: str = ""
    timeline: Timeline | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def poses(self, state: str, step: int) -> dict[str, RigidTransform]:
        """Where every body is (mm, from where the CT shows it) in a state; `step` counts along the path."""
        poses = dict.fromkeys(self.meshes, RigidTransform.identity())
        if state == LIVE:
            return poses | {n: T for n, T in self.live.items() if n in poses}
        if self.plan is None or state == BEFORE:
            return poses
        if state == TARGET:
            return poses | {b.name: b.T_reduced_displaced for b in self.plan.bodies}
        return poses | poses_along(self.plan, step)


def poses_along(plan: ReductionPlan, step: int) -> dict[str, RigidTransform]:
    """Pose of every body at a step counted through all paths in the order of reduction.

    Bodies before the one that moves stand at the end of their path, those after it at the beginning.
    """
    poses = {}
    for name in plan.order:
        path = plan.body(name).path
        poses[name] = path[min(max(step, 0), len(path) - 1)].T_path_displaced
        step -= len(path)
    return poses


def steps_of(plan: ReductionPlan | None) -> int:
    """How many poses all paths of a plan have together."""
    return 0 if plan is None else sum(len(plan.body(name).path) for name in plan.order)
