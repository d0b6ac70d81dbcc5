"""One browser that looks at the page: its scene, its panel, its keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rafr.review.adjust_tab import AdjustTab
from rafr.review.attempts import attempted, say
from rafr.review.bones import BoneScene
from rafr.review.decision_tab import DecisionTab
from rafr.review.gap_map import gap_legend_html, palette_strip
from rafr.review.image_tabs import RadiographTab, SliceTab
from rafr.review.known import BEFORE, LIVE, PATH, TARGET, WORDS, Known, steps_of
from rafr.review.latest import Latest
from rafr.review.plan_tab import PlanTab
from rafr.review.player import Player
from rafr.review.readout import framed, readout_html
from rafr.review.stage import (
    ASPECT,
    SIDE_BUTTONS,
    VIEW_BUTTONS,
    Viewpoint,
    add_letters,
    clinical,
    on_person,
    turn_camera,
)
from rafr.review.theatre import ROOM_BUTTONS, Surroundings, Theatre
from rafr.review.timeline import Timeline, TimelineControls

_WIDTH, _WIDE = 430, 720  # px of the panel
_NARROW = 0.68  # width by height of what the wide one leaves of a small window
_FIELD, _AP = "field", "AP"  # where one looks from at first: at the operation, at a plan
PLAN, SLICES, XRAY, ADJUST, NOW, DECIDE = "plan", "slices", "X-ray", "adjust", "now", "decide"
_KEYS = {"B": BEFORE, "P": PATH, "T": TARGET, "L": LIVE}
_VIEW_KEYS = "123456789"


class Visit:
    """Everything one browser sees; what it changes is its own, but for plans and decisions.

    Called under the lock of what is known.
    """

    def __init__(self, client: Any, known: Known, surroundings: Surroundings | None) -> None:
        self._client, self._known = client, known
        self.scene = BoneScene(client.scene, known.meshes)
        add_letters(client.scene, self.scene.half)
        self.theatre: Theatre | None = None
        if surroundings is not None:
            self.theatre = Theatre(client.scene, self.scene.centre, surroundings)
        self._failed = ""  # the last failure that was logged
        self._work, self._slow = Latest(self._broke), Latest(self._broke)
        self._shown = LIVE if known.watching else (PATH if known.plan else BEFORE)
        self._tab = NOW if known.watching else PLAN
        self._player = Player(self._step)
        self._width, self._view = _WIDTH, _AP
        self._timeline: TimelineControls | None = None
        if known.timeline is not None:
            self.add_timeline(known.timeline)
        self._build(client.gui)
        self._draw_plan()
        self.told()
        self.said()
        self.refresh()
        self.turn(_FIELD if self._shown == LIVE and self.theatre is not None else _AP)

    # -- what the page tells -------------------------------------------------------------------------

    def plan_changed(self) -> None:
        """Turn from the operation to a plan that has come; who adjusts a target goes on with it."""
        self._draw_plan()
        self.said()
        self.show(PATH, PLAN if self._tab == NOW else None)

    def _draw_plan(self) -> None:
        plan = self._known.plan
        if plan is not None:
            self.slider.max = max(steps_of(plan), 2)
            self.slider.value = 1
            self.scene.show_plan(plan)

    def moved(self) -> None:
        """Bodies were measured anew."""
        if self._shown == LIVE:
            self._refresh_bodies()
            if self._tab == PLAN:
                self.plan.refresh_now(self._poses())

    def told(self) -> None:
        self.readout.content = readout_html(self._known.numbers)
        self.legend.content = framed(self._known.legend) if self._known.legend else ""

    def said(self) -> None:
        self.status.content = self._known.status
        if DECIDE in self._folders:
            self.decision.refresh()

    def add_timeline(self, timeline: Timeline) -> None:
        """Above everything else: the controls of a replay."""
        self._timeline = TimelineControls(self._client.gui, timeline)

    def set_time(self, t: float, playing: bool) -> None:
        if self._timeline is not None:
            self._timeline.set_time(t, playing)

    def show(self, state: str, tab: str | None = None) -> None:
        """Choose what is shown, and look at it from where it is seen best."""
        was_live = self._shown == LIVE
        self._shown = state
        if tab is not None:
            self._tab = tab
        self.refresh()
        if self.theatre is not None and was_live != (state == LIVE):
            self.turn(_FIELD if state == LIVE else _AP)

    def close(self) -> None:
        self._player.close()
        self._work.close()
        self._slow.close()

    # -- what a person does --------------------------------------------------------------------------

    def turn(self, view: str) -> None:
        self._view = view
        turn_camera(self._client, self.viewpoint(view))

    def viewpoint(self, button: str) -> Viewpoint:
        if button in ROOM_BUTTONS and self.theatre is not None:
            return self.theatre.viewpoint(button)
        aspect = ASPECT if self._width == _WIDTH else _NARROW
        return clinical({**VIEW_BUTTONS, **SIDE_BUTTONS}[button], self.scene.half, aspect)

    def refresh(self) -> None:
        """Place the bodies as chosen, and show what belongs to that."""
        poses, state = self._poses(), self._shown
        self.scene.move(poses)
        self.heading.content = f"**{WORDS[state]}**"
        for handle in self.scene.targets.values():
            handle.visible = self.ghosts.value and state != TARGET
        if self.theatre is not None:
            self.theatre.show(state == LIVE)
            self.theatre.want_cords(self.cords.value)
        self.cords.visible = state == LIVE and self.theatre is not None
        self.slider.visible = self.play.visible = state == PATH
        for name, folder in self._folders.items():
            folder.visible = name == self._tab
        self._widen(_WIDE if self._tab in (SLICES, XRAY) else _WIDTH)
        if ADJUST in self._folders:
            self.adjust.refresh(active=self._tab == ADJUST)
        if self._tab == PLAN:
            self.plan.refresh(state, self.step, poses)
        self._refresh_pictures()

    def _widen(self, width: int) -> None:
        """The panel, for two pictures side by side; not again, for a person may have set it since."""
        if width != self._width:
            self._width = width
            self._client.gui.main_panel.set_width(width)
            self.turn(self._view)

    def _refresh_bodies(self) -> None:
        self.scene.move(self._poses())
        self._refresh_pictures()

    def _refresh_pictures(self) -> None:
        """What takes longer, in the background and only where it is looked at."""
        poses = self._poses()
        if self._tab == SLICES and SLICES in self._folders:
            self.slices.refresh(poses)
        if self._tab == XRAY and XRAY in self._folders:
            self.radiographs.refresh(
                poses,
                self._shown,
                moving=self._player.playing,
                planned=self._shown == TARGET and not self._draft,
            )
        if self._known.desk is not None:
            self._refresh_gaps(poses)

    def _refresh_gaps(self, poses: dict[str, Any]) -> None:
        desk, scene = self._known.desk, self.scene
        self.gap_legend.visible = self.gaps.value
        if self.gaps.value and not self.gap_legend.content:
            self.gap_legend.content = framed(gap_legend_html())
        if desk is None or not self.gaps.value:
            scene.uncolour()
            return
        moving = [b.name for b in desk.case.moving]

        def paint() -> None:
            shares = {name: desk.gaps.shares(name, poses) for name in moving}
            strip = palette_strip()
            with self._known.lock:
                if self.gaps.value:
                    scene.colour(shares, strip)

        self._work.ask("gaps", paint)

    def _poses(self) -> dict[str, Any]:
        poses = self._known.poses(self._shown, self.step)
        return poses | self._draft if self._shown == TARGET else poses

    @property
    def _draft(self) -> dict[str, Any]:
        """The target that is being moved in this browser, if it is."""
        return self.adjust.draft if ADJUST in self._folders else {}

    @property
    def step(self) -> int:
        """Of the path, counted from 0 through all bodies."""
        return int(self.slider.value) - 1

    def _step(self) -> bool:
        """One pose further along the path; whether there is more."""
        with self._known.lock:
            if self._shown != PATH:
                return False
            self._by(1)
            return self.step + 1 < steps_of(self._known.plan)

    def _toggle_play(self) -> None:
        with self._known.lock:
            if self._known.plan is None:
                return
            if self._shown != PATH:
                self.show(PATH)
            if self.step + 1 >= steps_of(self._known.plan):
                self.slider.value = 1
        self._player.toggle()

    def _broke(self, error: Exception) -> None:
        self.status.content = f"**A picture could not be made: {error}**"

    # -- the panel -----------------------------------------------------------------------------------

    def _build(self, gui: Any) -> None:
        gui.main_panel.dock_right()  # beside the bones, not over them
        gui.main_panel.set_width(self._width)
        self.status = gui.add_markdown("")
        views = [tuple(VIEW_BUTTONS), tuple(SIDE_BUTTONS)]
        views += [ROOM_BUTTONS] if self.theatre is not None else []
        for row, buttons in enumerate(views):
            group = gui.add_button_group("" if row else "view", buttons)
            group.on_click(lambda event: self._locked(self.turn, event.target.value))
        states = (BEFORE, PATH, TARGET, *((LIVE,) if self._is_operation else ()))
        gui.add_button_group("show", states).on_click(
            lambda event: self._locked(self.show, event.target.value)
        )
        self.heading = gui.add_markdown("")
        self.slider = gui.add_slider("pose on the path", min=1, max=2, step=1, initial_value=1)
        self.play = gui.add_button("play / pause")
        self.ghosts = gui.add_checkbox("target", True)
        self.cords = gui.add_checkbox("soft tissue", True)
        self.gaps = gui.add_checkbox("gaps", False, visible=self._known.desk is not None)
        self.gap_legend = gui.add_html("", visible=False)
        self._build_tabs(gui)
        for handle in (self.slider, self.ghosts, self.cords, self.gaps):
            on_person(handle, lambda: self._locked(self.refresh))
        self.play.on_click(attempted(lambda _: self._toggle_play()))
        self._build_keys(gui, [button for row in views for button in row])

    @property
    def _is_operation(self) -> bool:
        return self.theatre is not None

    def _build_tabs(self, gui: Any) -> None:
        known, desk = self._known, self._known.desk
        names = [PLAN, *((SLICES, XRAY, ADJUST) if desk is not None else ())]
        names += [NOW] if self._is_operation else []
        names += [DECIDE] if known.on_decision is not None else []
        gui.add_button_group("look at", names).on_click(
            lambda event: self._locked(self._choose, event.target.value)
        )
        self._folders: dict[str, Any] = {}

        def folder(name: str) -> Any:
            self._folders[name] = gui.add_folder(name, visible=name == self._tab)
            return self._folders[name]

        def again() -> None:
            self._locked(self._refresh_bodies)

        with folder(PLAN):
            self.plan = PlanTab(gui, known)
        if desk is not None:
            with folder(SLICES):
                self.slices = SliceTab(gui, desk, self._work, again)
            with folder(XRAY):
                self.radiographs = RadiographTab(gui, known, desk, self._slow, again)
            with folder(ADJUST):
                self.adjust = AdjustTab(gui, known, desk, self.scene, self._work, again)
        self._build_now(gui, folder if self._is_operation else None)
        if known.on_decision is not None:
            with folder(DECIDE):
                self.decision = DecisionTab(gui, known)

    def _build_now(self, gui: Any, folder: Callable[[str], Any] | None) -> None:
        with folder(NOW) if folder is not None else gui.add_folder(NOW, visible=False):
            self.readout = gui.add_html("")
            self.legend = gui.add_html("")

    def _build_keys(self, gui: Any, views: list[str]) -> None:
        """Every state and view has a key; all are listed by viser's own command palette."""

        def key(label: str, hotkey: str, action: Callable[..., None], *args: Any) -> None:
            gui.add_command(label, hotkey=hotkey).on_trigger(lambda _: self._locked(action, *args))

        for hotkey, state in _KEYS.items():
            if state != LIVE or self._is_operation:
                key(f"show {WORDS[state]}", hotkey, self.show, state)
        for hotkey, view in zip(_VIEW_KEYS, views, strict=False):
            key(f"view {view}", hotkey, self.turn, view)
        key("next pose on the path", "N", self._by, 1)
        key("pose before on the path", "V", self._by, -1)
        gui.add_command("play or pause the path", hotkey="K").on_trigger(
            attempted(lambda _: self._toggle_play())
        )

    def _by(self, steps: int) -> None:
        self._shown = PATH
        last = max(steps_of(self._known.plan), 1)
        self.slider.value = min(max(int(self.slider.value) + steps, 1), last)
        self.refresh()

    def _choose(self, tab: str) -> None:
        self._tab = tab
        if tab == NOW:
            self.show(LIVE)
        elif tab == ADJUST and self._known.plan is not None:
            self.show(TARGET)
        elif self._shown == LIVE and tab == PLAN and self._known.plan is not None:
            self.show(PATH)
        else:
            self.refresh()

    def _locked(self, action: Callable[..., None], *args: Any) -> None:
        with self._known.lock:
            self.attempt(action, *args)

    def attempt(self, action: Callable[..., None], *args: Any) -> None:
        """Whatever a browser has sent stops nobody: what cannot be done is said on its page and logged."""
        try:
            action(*args)
        except Exception as error:
            if repr(error) != self._failed:
                say(error)
            self._failed = repr(error)
            self.status.content = "**What this browser asks for cannot be shown: load the page again.**"
