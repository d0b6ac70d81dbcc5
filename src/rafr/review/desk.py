"""What the page works out about a case, each part when it is first asked for, in whatever thread asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cases.case import Case
from rafr.cases.load import load_ct
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.planning.metrics import matta, pose_error
from rafr.planning.pins import patient_axes
from rafr.planning.plan import ReductionPlan
from rafr.planning.target.given import given_targets_of
from rafr.progress import Progress, silent
from rafr.review.gap_map import GapPainter

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.planning.recheck import TargetRecheck
    from rafr.review.live_radiographs import LiveRadiographs
    from rafr.review.slices import SliceViewer

Targets = Mapping[str, RigidTransform]


class Desk:
    """Everything that needs the case itself.

    Args:
        meshes: every body, LPS mm in the CT.
        on_targets: asks for a plan with these targets (`T_reduced_displaced`, mm) in the name of somebody;
            the plan comes through `ReviewPage.show_plan`. None: targets cannot be changed here.

    Attributes:
        slices_or_none: None until they were made.
    """

    def __init__(
        self,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        on_targets: Callable[[Targets, str], None] | None = None,
    ) -> None:
        self.case, self.meshes, self.on_targets = case, meshes, on_targets
        # each part its own: what takes seconds must not keep the others waiting
        self._lock, self._reading, self._exposing = threading.RLock(), threading.Lock(), threading.Lock()
        self._registered: tuple[Path, dict[str, RigidTransform]] | None = None
        self._bare_slices: SliceViewer | None = None  # without a CBCT
        self.slices_or_none: SliceViewer | None = None
        self._radiographs: LiveRadiographs | None = None
        self._measured_plan: ReductionPlan | None = None
        self._plan: ReductionPlan | None = None
        self._found: ReductionPlan | None = None
        self._recheck: TargetRecheck | None = None

    @cached_property
    def gaps(self) -> GapPainter:
        return GapPainter(self.meshes)

    @cached_property
    def _ct(self) -> Volume:
        """Of slices and radiographs alike."""
        return load_ct(self.case)

    def take_registration(self, cbct: Path, T_cbct_ct: Targets) -> None:
        """A CBCT was registered: its image and where it shows every body, mm."""
        with self._reading:
            self._registered = cbct, dict(T_cbct_ct)
            self.slices_or_none = None

    def slices(self) -> SliceViewer:
        """Made when it is first asked for: images take seconds to read."""
        with self._reading:
            if self.slices_or_none is None:
                self.slices_or_none = self._slices()
            return self.slices_or_none

    def _slices(self) -> SliceViewer:
        from rafr.imaging.readers import read_volume
        from rafr.review.slices import SliceViewer

        if self._bare_slices is None:
            surfaces = {name: body.mesh for name, body in self.meshes.items()}
            self._bare_slices = SliceViewer(self._ct, surfaces)
        if self._registered is None:
            return self._bare_slices
        path, T_cbct_ct = self._registered
        return self._bare_slices.with_cbct(read_volume(path), T_cbct_ct)

    def radiographs(self, plan: ReductionPlan | None, progress: Progress = silent) -> LiveRadiographs:
        """Made when first asked for; displacement is measured from the plan's targets."""
        from rafr.review.live_radiographs import LiveRadiographs

        with self._exposing:
            if self._radiographs is None:
                self._radiographs = LiveRadiographs(self.case, ct=self._ct, pins=True)
            self._radiographs.prepare(progress)
            if plan is not self._measured_plan:
                reduced = {} if plan is None else {b.name: b.T_reduced_displaced for b in plan.bodies}
                self._radiographs.measure_from(reduced)
                self._measured_plan = plan
            return self._radiographs

    def take_plan(self, plan: ReductionPlan) -> None:
        """A plan is shown: changed targets are judged by the targets that were found, not by changed ones."""
        with self._lock:
            self._plan = plan
            if self._found is None or not given_targets_of(plan):
                self._found, self._recheck = plan, None

    def moved_before(self) -> dict[str, RigidTransform]:
        """Targets (mm, by body) that the plan shown has from a person, not from the evidence."""
        with self._lock:
            return {} if self._plan is None else given_targets_of(self._plan)

    def recheck(self) -> TargetRecheck:
        """Judges changed targets.

        Raises:
            InputError: no plan, or one that does not say how sure its targets are.
        """
        from rafr.errors import InputError
        from rafr.planning.recheck import TargetRecheck
        from rafr.planning.target.given import planned_targets

        with self._lock:
            if self._found is None:
                raise InputError("review page", "no plan", "a plan whose targets can be changed")
            if self._recheck is None:
                start = {b.name: b.path[0].T_path_displaced for b in self._found.bodies}
                found = planned_targets(self._found)
                self._recheck = TargetRecheck(self.case, self.meshes, found, start)
            return self._recheck

    def standing(self, plan: ReductionPlan, body: str, T: RigidTransform) -> dict[str, Any]:
        """How a body at `T_current_displaced` (mm) stands to its target: `pose_error` and `matta`."""
        mesh, goal = self.meshes[body].mesh, plan.body(body).T_reduced_displaced
        axes = patient_axes(self.case)
        return {**pose_error(T, goal, mesh), "matta": matta(mesh, T, goal, axes)}
