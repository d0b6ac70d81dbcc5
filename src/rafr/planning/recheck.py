"""What a target that a person moves would mean, at once: bone, load, evidence; the path is planned after."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.assessment import Assessment
from rafr.cases.case import Case
from rafr.geometry import RigidTransform
from rafr.planning.metrics import pose_error
from rafr.planning.path.chart import Chart
from rafr.planning.path.config import PathConfig
from rafr.planning.path.load import LoadModel
from rafr.planning.path.surroundings import Surroundings
from rafr.planning.reduction import bones_beside, plan_reduction, pull_on
from rafr.planning.target.given import judged, with_given
from rafr.planning.target.targets import TargetResult
from rafr.progress import Progress, silent

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.planning.plan import ReductionPlan


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """What a target would mean, with every other body at its own.

    Attributes:
        off_mm, off_deg: from the target that was found, mean over the surface, and turn.
        clearance_mm: to the next bone; negative: overlap.
        force_n, torque_nm: what soft tissue and traction would have the arm hold there, predicted.
        contact_n: with which bone would press on bone.
        assessment: as the planner will judge the target; its path is not judged.
    """

    off_mm: float
    off_deg: float
    clearance_mm: float
    force_n: float
    torque_nm: float
    contact_n: float
    assessment: Assessment


class TargetRecheck:
    """Judges targets in a fraction of a second, and plans the way to them; callable from any thread.

    Args:
        meshes: every body, LPS mm in the CT.
        found: the targets that the evidence speaks for; a moved one is always compared with these.
        start: where bodies were last measured, `T_current_displaced` in mm by name.
    """

    def __init__(
        self,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        found: TargetResult,
        start: Mapping[str, RigidTransform] | None = None,
    ) -> None:
        self._case, self._meshes, self._found, self._start = case, meshes, found, dict(start or {})
        self._models: dict[tuple[str, Any], tuple[LoadModel, Chart]] = {}
        self._lock = threading.Lock()

    def target(self, body: str) -> RigidTransform:
        """`T_reduced_displaced` (mm) as found."""
        return self._found.body(body).T_reduced_displaced

    def judge(self, body: str, given: Mapping[str, RigidTransform]) -> TargetVerdict:
        """The verdict on `body`'s target where all of `given` (`T_reduced_displaced`, mm) are taken."""
        T = given[body]
        result = judged(self._found, self._case, self._meshes, given)
        off = pose_error(T, self.target(body), self._meshes[body].mesh)
        model, chart = self._model(body, {t.name: t.T_reduced_displaced for t in result.bodies})
        x = chart.coordinates(T)[None]
        loads = model(x)
        pull = (loads.tissue + loads.traction)[0]
        return TargetVerdict(
            off["mean_mm"],
            off["deg"],
            float(model.around.exact_clearance(x)[0]),
            float(np.linalg.norm(pull[:3])),
            float(np.linalg.norm(pull[3:])),
            float(np.linalg.norm(loads.contact[0, :3])),
            result.body(body).assessment,
        )

    def plan(self, given: Mapping[str, RigidTransform], progress: Progress = silent) -> ReductionPlan:
        """The plan with these targets (mm) taken as they are."""
        targets = with_given(self._found, self._case, self._meshes, given)
        return plan_reduction(self._case, start=self._start, targets=targets, progress=progress)

    def _model(self, body: str, goals: Mapping[str, RigidTransform]) -> tuple[LoadModel, Chart]:
        """What pulls and stands in the way near a body's target; costs seconds the first time."""
        others = tuple((n, T.matrix.tobytes()) for n, T in goals.items() if n != body)
        with self._lock:
            if (body, others) not in self._models:
                self._models[body, others] = self._modelled(body, goals)
            return self._models[body, others]

    def _modelled(self, body: str, goals: Mapping[str, RigidTransform]) -> tuple[LoadModel, Chart]:
        mesh = self._meshes[body].mesh
        chart = Chart.of(mesh, self.target(body))
        at = np.stack([chart.coordinates(self.target(body))] * 2)
        standing = dict.fromkeys(self._meshes, RigidTransform.identity()) | dict(goals)
        obstacles = bones_beside(self._meshes, body, standing)
        around = Surroundings.of(mesh, obstacles, chart, at, PathConfig())
        lying = self._start.get(body)
        return LoadModel.of(pull_on(self._case, self._meshes, body, goals, lying), around, at), chart
