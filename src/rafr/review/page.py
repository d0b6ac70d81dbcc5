"""The review page: bones, target and path of a plan in the browser; a person approves or rejects it.

It serves this machine only. It decides nothing itself: a decision names the hash of the plan that
was shown and goes to whoever made the page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.plan import ReductionPlan
from rafr.review.facts import path_facts, plan_facts
from rafr.review.picture import body_colours, bounds_of
from rafr.review.stage import (
    SIDE_BUTTONS,
    VIEW_BUTTONS,
    add_letters,
    serve,
    set_first_camera,
    turn_camera,
)
from rafr.units import METRES_PER_MM

_PATH, _CT, _TARGET, _LIVE = "along the path", "as in the CT", "target", "live"
_GHOST = (130, 255, 170)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about the plan with this hash."""

    plan_hash: str
    approver: str
    approve: bool


class ReviewPage:
    """One page for all browsers that look; every method may be called from any thread.

    Args:
        meshes: surface of every body, the reference first, LPS mm in the CT.
        on_decision: called in the page's thread; None = the page shows only.
        port: 0 = any free one.
    """

    def __init__(
        self,
        title: str,
        meshes: Mapping[str, TriangleMesh],
        on_decision: Callable[[Decision], None] | None = None,
        port: int = 0,
    ) -> None:
        self._meshes = dict(meshes)
        lower, upper = bounds_of(list(self._meshes.values()))
        self._centre, self._half = 0.5 * (lower + upper), 0.5 * (upper - lower)
        self._on_decision = on_decision
        self._lock = threading.RLock()
        self._plan: ReductionPlan | None = None
        self._live: dict[str, RigidTransform] = {}
        self._server = serve(title, port)
        set_first_camera(self._server, self._half)
        add_letters(self._server, self._half)
        self._bodies = self._add_bodies()
        self._targets: dict[str, Any] = {}
        self._build_panel(title)

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.get_port()}"

    def show_plan(self, plan: ReductionPlan) -> None:
        """Show a plan; what was decided about an earlier one no longer counts here."""
        with self._lock:
            self._plan = plan
            steps = sum(len(plan.body(name).path) for name in plan.order)
            self._slider.max = max(steps - 1, 1)
            self._slider.value = 0
            self._facts.content = plan_facts(plan)
            self._add_targets(plan)
            self._add_paths(plan)
            self._allow_decision(self._on_decision is not None)
            self._refresh()

    def show_poses(self, T_current_displaced: Mapping[str, RigidTransform]) -> None:
        """Show where the bodies are now (mm, reference body's CT frame), while `live` is chosen."""
        with self._lock:
            self._live = dict(T_current_displaced)
            if self._shown.value == _LIVE:
                self._refresh()

    def say(self, text: str) -> None:
        """Show a line about the state of the procedure or of the decision."""
        self._status.content = text

    def close_decision(self, text: str) -> None:
        """The plan shown has been decided upon; from now on what happens is of more interest."""
        self._allow_decision(False)
        with self._lock:
            self._shown.value = _LIVE
            self._refresh()
        self.say(text)

    def decide(self, *, approve: bool) -> None:
        """What the buttons do: hand on the decision about exactly the plan that is shown."""
        with self._lock:
            approver = self._name.value.strip()
            if self._plan is None or self._on_decision is None:
                return
            if not approver:
                self.say("**Please enter your name first.**")
                return
            decision = Decision(self._plan.hash, approver, approve)
        self.say("Handed on to the procedure …")
        self._on_decision(decision)

    def close(self) -> None:
        self._server.stop()

    # -- the scene -----------------------------------------------------------------------------------

    def _add_bodies(self) -> dict[str, Any]:
        colours = body_colours(list(self._meshes))
        return {name: self._add_mesh(name, mesh, colours[name]) for name, mesh in self._meshes.items()}

    def _add_mesh(
        self, name: str, mesh: TriangleMesh, colour: tuple[float, ...], opacity: float | None = None
    ) -> Any:
        return self._server.scene.add_mesh_simple(
            f"/{name}",
            ((mesh.vertices - self._centre) * METRES_PER_MM).astype(np.float32),
            mesh.faces.astype(np.uint32),
            color=tuple(round(255 * c) for c in colour),
            opacity=opacity,
            cast_shadow=False,
            receive_shadow=False,
        )

    def _add_targets(self, plan: ReductionPlan) -> None:
        ghost = tuple(c / 255 for c in _GHOST)
        for body in plan.bodies:
            handle = self._add_mesh(f"target/{body.name}", self._meshes[body.name], ghost, opacity=0.3)
            self._place(handle, body.T_reduced_displaced)
            self._targets[body.name] = handle

    def _add_paths(self, plan: ReductionPlan) -> None:
        """The way of each body's centroid."""
        for body in plan.bodies:
            centroid = self._meshes[body.name].centroid
            way = np.array([p.T_path_displaced.apply(centroid) for p in body.path])
            points = (way - self._centre) * METRES_PER_MM
            segments = np.stack([points[:-1], points[1:]], axis=1).astype(np.float32)
            if len(segments):
                self._server.scene.add_line_segments(f"/path/{body.name}", segments, _GHOST, thickness=0.0015)

    def _place(self, handle: Any, T: RigidTransform) -> None:
        x, y, z, w = T.quaternion_xyzw
        handle.wxyz = (w, x, y, z)
        handle.position = (T.apply(self._centre) - self._centre) * METRES_PER_MM

    def _refresh(self) -> None:
        """Place the bodies as chosen, and say where on the path that is."""
        for name, T in self._poses().items():
            self._place(self._bodies[name], T)
        shown = self._shown.value
        for handle in self._targets.values():
            handle.visible = self._ghosts.value and shown != _TARGET
        self._slider.disabled = shown != _PATH
        if self._plan is not None and shown == _PATH:
            self._where.content = path_facts(self._plan, int(self._slider.value))
        else:
            self._where.content = ""

    def _poses(self) -> dict[str, RigidTransform]:
        poses = {name: RigidTransform.identity() for name in self._meshes}
        shown = self._shown.value
        if shown == _LIVE:
            return poses | {n: T for n, T in self._live.items() if n in poses}
        if self._plan is None or shown == _CT:
            return poses
        if shown == _TARGET:
            return poses | {b.name: b.T_reduced_displaced for b in self._plan.bodies}
        return poses | poses_along(self._plan, int(self._slider.value))

    # -- the panel -----------------------------------------------------------------------------------

    def _build_panel(self, title: str) -> None:
        gui = self._server.gui
        gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False, control_width="large")
        gui.main_panel.dock_right()  # beside the bones, not over them
        gui.set_panel_label(title)
        self._status = gui.add_markdown("Waiting for a plan.")
        for label, buttons in (("view", VIEW_BUTTONS), ("", SIDE_BUTTONS)):
            gui.add_button_group(label, tuple(buttons)).on_click(self._turn)
        states = (_PATH, _CT, _TARGET, *((_LIVE,) if self._on_decision else ()))
        self._shown = gui.add_dropdown("show", states, initial_value=_PATH)
        self._slider = gui.add_slider("pose on the path", min=0, max=1, step=1, initial_value=0)
        self._ghosts = gui.add_checkbox("show the target", True)
        self._where = gui.add_markdown("")
        self._facts = gui.add_markdown("")
        with gui.add_folder("decision", visible=self._on_decision is not None):
            self._name = gui.add_text("your name", "")
            self._approve = gui.add_button("Approve exactly this plan", color="green", disabled=True)
            self._reject = gui.add_button("Reject", color="red", disabled=True)
        for handle in (self._shown, self._slider, self._ghosts):
            handle.on_update(lambda _: self._locked_refresh())
        self._approve.on_click(lambda _: self.decide(approve=True))
        self._reject.on_click(lambda _: self.decide(approve=False))

    def _turn(self, event: Any) -> None:
        if event.client is not None:
            turn_camera(event.client, {**VIEW_BUTTONS, **SIDE_BUTTONS}[event.target.value], self._half)

    def _locked_refresh(self) -> None:
        with self._lock:
            self._refresh()

    def _allow_decision(self, allowed: bool) -> None:
        self._approve.disabled = self._reject.disabled = not allowed


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
