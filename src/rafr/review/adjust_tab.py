"""Moving a target: by the handles in the scene or by numbers, judged at once, planned again when wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import ReductionPlan
from rafr.review.attempts import attempted
from rafr.review.bones import BoneScene
from rafr.review.desk import Desk
from rafr.review.known import Known
from rafr.review.latest import Latest
from rafr.review.stage import on_person, wxyz
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.planning.recheck import TargetVerdict

_HANDLE = 0.09  # m
_FARTHEST_MM, _FARTHEST_DEG = 40.0, 30.0
_SAME = 1e-6
_PRESSING_N = 1.0  # less is rounding


class AdjustTab:
    """Of one browser: a draft of one body's target, which nobody else sees until it is planned."""

    def __init__(
        self, gui: Any, known: Known, desk: Desk, scene: BoneScene, work: Latest, changed: Callable[[], None]
    ) -> None:
        """`changed`: called when the draft has, for whatever else shows it."""
        self._known, self._desk = known, desk
        self._scene, self._work, self._changed = scene, work, changed
        self._names = names = [b.name for b in desk.case.moving]
        gui.add_markdown(
            "Drag the arrows and rings at the target, or type. Every change is judged at once; the way "
            "there is planned only when you ask for it, and the new plan needs a new approval."
        )
        self.body = gui.add_dropdown("body", names, initial_value=names[0])
        self.shift = gui.add_vector3("shift: L, P, H (mm)", (0.0, 0.0, 0.0), step=0.1)
        self.turn = gui.add_vector3("turn about L, P, H (°)", (0.0, 0.0, 0.0), step=0.1)
        self.verdict = gui.add_markdown("")
        self.name = gui.add_text("your name", "")
        self.plan = gui.add_button("Plan the way to this target", color="blue", disabled=True)
        self.back = gui.add_button("Back to the planned target")
        for handle in (self.shift, self.turn):
            on_person(handle, self._typed)
        on_person(self.body, self._again)
        self.plan.on_click(attempted(lambda _: self._ask_for_plan()))
        self.back.on_click(attempted(lambda _: self._again()))
        self._gizmo: Any = None
        self._plan: ReductionPlan | None = None
        self._draft: RigidTransform | None = None

    def refresh(self, active: bool) -> None:
        """Whether the tab is in front; a new plan ends a draft."""
        with self._known.lock:
            if self._known.plan is not self._plan:
                self._plan = self._known.plan
                self._begin()
            if active and self._gizmo is None and self._plan is not None:
                self._add_gizmo()
            if self._gizmo is not None:
                self._gizmo.visible = active

    @property
    def draft(self) -> dict[str, RigidTransform]:
        """The target that is being moved, mm by body; empty where it is the planned one."""
        return {} if self._draft is None else {self._name: self._draft}

    @property
    def _name(self) -> str:
        """Of the body that is moved; a browser may have sent any text."""
        return self.body.value if self.body.value in self._names else self._names[0]

    # -- the draft -----------------------------------------------------------------------------------

    def _planned(self) -> RigidTransform:
        assert self._plan is not None
        return self._plan.body(self._name).T_reduced_displaced

    def _centre(self) -> FloatArray:
        """(3,) LPS mm: the middle of the body at its planned target, about which it turns."""
        mesh = self._scene.meshes[self._name]
        return self._planned().apply(mesh.centroid)

    def _begin(self) -> None:
        """From the planned target again."""
        self._draft = None
        self.shift.value = self.turn.value = (0.0, 0.0, 0.0)
        self.verdict.content, self.plan.disabled = "", True
        if self._plan is not None:
            self._show(RigidTransform.identity())

    def _again(self) -> None:
        with self._known.lock:
            self._begin()
            self._changed()

    def _typed(self) -> None:
        with self._known.lock:
            if self._plan is None:
                return
            self._take(np.array(self.shift.value), np.array(self.turn.value))

    def _dragged(self) -> None:
        with self._known.lock:
            w, x, y, z = self._gizmo.wxyz
            centre = self._scene.on_stage(self._centre())
            shift = (np.array(self._gizmo.position) - centre) / METRES_PER_MM
            turn = RigidTransform.from_quaternion_xyzw((x, y, z, w), (0.0, 0.0, 0.0)).rotvec
            self._take(shift, np.degrees(turn), dragged=True)

    def _take(self, shift: FloatArray, turn: FloatArray, dragged: bool = False) -> None:
        """A change (mm, °; about the middle of the body at its planned target) becomes the draft."""
        # NaN is not near, either
        near = np.linalg.norm(shift) <= _FARTHEST_MM and np.linalg.norm(turn) <= _FARTHEST_DEG
        if not near:
            self._begin()
            limits = f"{_FARTHEST_MM:.0f} mm or {_FARTHEST_DEG:.0f}°"
            self.verdict.content = f"**Farther than {limits}: not taken.**"
            self._changed()
            return
        change = RigidTransform.from_rotvec(np.radians(turn), shift)
        if dragged:
            self.shift.value, self.turn.value = tuple(np.round(shift, 2)), tuple(np.round(turn, 2))
        if np.linalg.norm(shift) < _SAME and np.linalg.norm(turn) < _SAME:
            self._draft = None
        else:
            centre = self._centre()
            about = RigidTransform.from_translation(centre)
            self._draft = about @ change @ about.inverse() @ self._planned()
        self._show(change, move_gizmo=not dragged)
        self._judge()
        self._changed()

    def _show(self, change: RigidTransform, move_gizmo: bool = True) -> None:
        name = self._name
        self._scene.move_target(name, self._draft or self._planned())
        if move_gizmo and self._gizmo is not None:
            centre = self._centre() + change.translation
            self._gizmo.position = tuple(self._scene.on_stage(centre))
            self._gizmo.wxyz = wxyz(change)

    def _add_gizmo(self) -> None:
        self._gizmo = self._scene.scene.add_transform_controls(
            "/adjust", _HANDLE, depth_test=False, disable_sliders=True, line_width=4.0
        )
        self._gizmo.position = tuple(self._scene.on_stage(self._centre()))
        self._gizmo.on_update(attempted(lambda _: self._dragged()))

    # -- verdict and plan ----------------------------------------------------------------------------

    def _judge(self) -> None:
        draft, body = self.draft, self._name
        wanted = self._desk.moved_before() | draft
        self.plan.disabled = True
        if not draft:
            self.verdict.content = ""
            return
        self.verdict.content = "judging …"

        def judge() -> None:
            try:
                text = verdict_text(self._desk.recheck().judge(body, wanted))
            except RafrError as error:
                text = f"**{error}**"
            with self._known.lock:
                if self.draft == draft:
                    self.verdict.content = text
                    self.plan.disabled = self._desk.on_targets is None

        self._work.ask("judge", judge)

    def _ask_for_plan(self) -> None:
        with self._known.lock:
            name = self.name.value.strip()
            if not self.draft or self._desk.on_targets is None:
                return
            if not name:
                self.verdict.content = "**Please enter your name first.**"
                return
            self.plan.disabled = True
            self.verdict.content = "Planning the way to it …"
            wanted = self._desk.moved_before() | self.draft
        self._desk.on_targets(wanted, name)


def verdict_text(verdict: TargetVerdict) -> str:
    """A verdict in words."""
    head = "The planner would accept it" if verdict.assessment.accepted else "**The planner would refuse it**"
    gap = verdict.clearance_mm
    bone = f"gap {gap:.1f} mm" if gap >= 0.0 else f"overlap {-gap:.1f} mm"
    pressing = []
    if verdict.contact_n > _PRESSING_N:
        pressing = [f"- **bone would press on bone with {verdict.contact_n:.0f} N**"]
    lines = [
        f"{head} (its path apart).",
        "",
        f"- {verdict.off_mm:.1f} mm and {verdict.off_deg:.1f}° from the target that was found",
        f"- {bone} at the nearest place to other bone",
        f"- {verdict.force_n:.0f} N and {verdict.torque_nm:.1f} N m to hold there, predicted",
        *pressing,
        *(f"- {reason}" for reason in verdict.assessment.reasons),
    ]
    return "\n".join(lines)
