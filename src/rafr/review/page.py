"""The page in the browser: a plan's bones, targets and paths, which a person approves or rejects, and the
operation as it goes: robot, bones, pins and cords, with the numbers beside.

It serves this machine only. It decides nothing itself: a decision names the hash of the plan that
was shown and goes to whoever made the page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.plan import ReductionPlan
from rafr.review.bones import BoneScene
from rafr.review.facts import path_facts, plan_facts
from rafr.review.readout import Numbers, framed, readout_html
from rafr.review.stage import (
    SIDE_BUTTONS,
    VIEW_BUTTONS,
    Viewpoint,
    add_letters,
    clinical,
    serve,
    set_first_camera,
    turn_camera,
)
from rafr.review.tension import legend_html
from rafr.review.theatre import ROOM_BUTTONS, Surroundings, Theatre
from rafr.review.timeline import Timeline, TimelineControls

_PATH, _CT, _TARGET, _LIVE = "along the path", "as in the CT", "target", "live"
_FIELD, _AP = "field", "AP"  # where one looks from at first: at the operation, at a plan


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
        surroundings: what to draw round the bones during the operation; None = bones alone.
    """

    def __init__(
        self,
        title: str,
        meshes: Mapping[str, TriangleMesh],
        on_decision: Callable[[Decision], None] | None = None,
        port: int = 0,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._on_decision = on_decision
        self._has_live = on_decision is not None or surroundings is not None
        self._timeline: TimelineControls | None = None
        self._lock = threading.RLock()
        self._plan: ReductionPlan | None = None
        self._live: dict[str, RigidTransform] = {}
        self._names = tuple(meshes)
        self._server = serve(title, port)
        self._scene = BoneScene(self._server, meshes)
        add_letters(self._server, self._scene.half)
        self.theatre: Theatre | None = None
        if surroundings is not None:
            self.theatre = Theatre(self._server, self._scene.centre, surroundings)
        self._build_panel(title)
        self._show(_LIVE if self._has_live else _PATH)

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
            self._scene.show_plan(plan)
            self._allow_decision(self._on_decision is not None)
            self._show(_PATH)

    def show_poses(self, T_current_displaced: Mapping[str, RigidTransform]) -> None:
        """Show where the bodies are now (mm, reference body's CT frame), while `live` is chosen."""
        with self._lock:
            self._live = dict(T_current_displaced)
            if self._shown.value == _LIVE:
                self._scene.move(self._poses())

    def tell(self, numbers: Numbers) -> None:
        """Show what is measured now."""
        self._readout.content = readout_html(numbers)

    def explain_cords(self) -> None:
        """Show what the cords' colours mean, and that they are no measurement."""
        self._legend.content = framed(legend_html())

    @property
    def watched(self) -> bool:
        """Whether any browser looks."""
        return bool(self._server.get_clients())

    def say(self, text: str) -> None:
        """Show a line about the state of the procedure or of the decision."""
        self._status.content = text

    def close_decision(self, text: str) -> None:
        """The plan shown has been decided upon; from now on what happens is of more interest."""
        self._allow_decision(False)
        with self._lock:
            self._show(_LIVE)
        self.say(text)

    def add_timeline(self, timeline: Timeline) -> None:
        """Offer the controls of a replay."""
        self._timeline = TimelineControls(self._server.gui, timeline)

    def set_time(self, t: float, playing: bool) -> None:
        """Show where the replay is (s) and whether it goes on."""
        if self._timeline is not None:
            self._timeline.set_time(t, playing)

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

    # -- what is shown -------------------------------------------------------------------------------

    def _show(self, state: str) -> None:
        """Choose what is shown, and look at it from where it is seen best."""
        self._shown.value = state
        self._refresh()
        viewpoint = self._viewpoint(_FIELD if state == _LIVE and self.theatre else _AP)
        set_first_camera(self._server, viewpoint)
        for client in self._server.get_clients().values():
            turn_camera(client, viewpoint)

    def _viewpoint(self, button: str) -> Viewpoint:
        if button in ROOM_BUTTONS and self.theatre is not None:
            return self.theatre.viewpoint(button)
        return clinical({**VIEW_BUTTONS, **SIDE_BUTTONS}[button], self._scene.half)

    def _refresh(self) -> None:
        """Place the bodies as chosen, and show what belongs to that."""
        self._scene.move(self._poses())
        shown = self._shown.value
        live = shown == _LIVE
        for handle in self._scene.targets.values():
            handle.visible = self._ghosts.value and shown != _TARGET
        if self.theatre is not None:
            self.theatre.show(live)
            self.theatre.want_cords(self._cords.value)
        self._now.visible = live
        self._cords.visible = live and self.theatre is not None
        self._facts.visible = not live
        self._decision.visible = not live and self._on_decision is not None
        self._slider.visible = shown == _PATH
        if self._plan is not None and shown == _PATH:
            self._where.content = path_facts(self._plan, int(self._slider.value))
        else:
            self._where.content = ""

    def _poses(self) -> dict[str, RigidTransform]:
        poses = {name: RigidTransform.identity() for name in self._names}
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
        room = [ROOM_BUTTONS] if self.theatre is not None else []
        for row, buttons in enumerate([tuple(VIEW_BUTTONS), tuple(SIDE_BUTTONS), *room]):
            gui.add_button_group("" if row else "view", buttons).on_click(self._turn)
        states = (_PATH, _CT, _TARGET, *((_LIVE,) if self._has_live else ()))
        self._shown = gui.add_dropdown("show", states, initial_value=_PATH)
        self._slider = gui.add_slider("pose on the path", min=0, max=1, step=1, initial_value=0)
        self._ghosts = gui.add_checkbox("target", True)
        self._cords = gui.add_checkbox("soft tissue", True)
        with gui.add_folder("now") as self._now:
            self._readout = gui.add_html(readout_html(Numbers()))
            self._legend = gui.add_html("")
        self._where = gui.add_markdown("")
        self._facts = gui.add_markdown("")
        with gui.add_folder("decision") as self._decision:
            self._name = gui.add_text("your name", "")
            self._approve = gui.add_button("Approve exactly this plan", color="green", disabled=True)
            self._reject = gui.add_button("Reject", color="red", disabled=True)
        for handle in (self._shown, self._slider, self._ghosts, self._cords):
            handle.on_update(lambda _: self._locked_refresh())
        self._approve.on_click(lambda _: self.decide(approve=True))
        self._reject.on_click(lambda _: self.decide(approve=False))

    def _turn(self, event: Any) -> None:
        if event.client is not None:
            turn_camera(event.client, self._viewpoint(event.target.value))

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
