"""Whatever is said to the arm controller in whatever order, it moves nothing it may not move."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rafr.control.adjustment import Adjustment
from rafr.control.arm import ArmMode
from rafr.geometry import RigidTransform

EVENTS = (
    "tick", "ticks", "nan", "stale tracker", "unsafe", "unsafe, may yield", "pull", "late", "backwards",
    "approach", "clamp", "release", "reduce", "retrace", "adjust", "approve", "approve other", "withdraw",
    "other plan", "same plan", "hold", "reset", "no answer",
)  # fmt: skip


class Chaos:
    """A bench driven by arbitrary events; keeps every pair of commands with what was allowed."""

    def __init__(self, tools, seed):
        self.tools = tools
        self.bench = tools.bench(seed=seed).ready()
        self.reseeded = False

    def do(self, event):
        bench, controller = self.bench, self.bench.controller
        if event == "approach":
            t = np.linspace(0, 1, 11)
            q = bench.plant.q + (t**2 * (3 - 2 * t))[:, None] * 0.05
            controller.request_free(self.tools.joint_trajectory(t, q))
        elif event == "clamp":
            controller.request_clamp("left")
        elif event == "release":
            controller.request_release()
        elif event == "reduce":
            controller.request_reduction("left", bench.trajectory(duration=2.0), bench.approved)
        elif event == "retrace":
            controller.request_retrace("left", 0.0, bench.approved)
        elif event == "adjust":
            aside = np.array([[0.0] * 6, [2e-3, 0.0, 0.0, 0.0, 0.0, 0.0]])
            controller.adjust(
                bench.plan.hash, "left", Adjustment(np.array([bench.command.progress, 1.01]), aside)
            )
        elif event in ("approve", "approve other", "withdraw"):
            bench.approved = {"approve": bench.plan.hash, "approve other": "f" * 64, "withdraw": ""}[event]
        elif event in ("other plan", "same plan"):
            self.load(self.tools.plan(shift_mm=(1.0, 2.0, 3.0)) if event == "other plan" else bench.plan)
        elif event == "pull":  # the table is bumped: up to 60 N within the tissue's stiffness of 5 N/mm
            shift = RigidTransform.from_translation([0.0, 0.0, 0.012])
            bench.plant.start = shift @ bench.plant.start
        elif event == "hold":
            controller.hold("asked")
        elif event == "reset":
            controller.reset()
        elif event == "no answer":
            bench.answers = not bench.answers

    def load(self, plan):
        self.loaded = plan
        self.bench.controller.load_plan(plan)

    loaded = None
    moving_t = -np.inf
    gave_way = False

    def tick(self, event):
        bench = self.bench
        loaded = (self.loaded or bench.plan).hash
        changes = {
            "nan": {"q": np.full(6, np.nan)},
            "stale tracker": {"tracking": None},
            "unsafe": {"safety_ok": False, "may_yield": False},
            "unsafe, may yield": {"safety_ok": False},
            "late": {"t": bench.plant.t + 0.3},
            "backwards": {"t": bench.plant.t - 0.3},
        }.get(event, {})
        before = bench.command.q
        command = bench.tick(**changes)
        step = float(np.abs(command.q - before).max())
        assert np.isfinite(command.q).all()
        assert step <= bench.config.joint_speed * self.tools.dt * (1 + 1e-9)
        if step > 0.0 and not self.slowing(command, before) and not self.giving_way(command, changes):
            self.check_allowed(command, changes, loaded)

    def slowing(self, command, before):
        """Within 0.3 s of the last motion that was allowed, and never for longer."""
        t = self.bench.plant.t
        if command.state in (ArmMode.MOVING, ArmMode.REDUCING):
            return False
        return t - self.moving_t < 0.3

    def giving_way(self, command, changes):
        """Held, allowed, and pushed with more than the warning load, now or before it comes back."""
        config, held = self.bench.config, self.bench.plant.grip is not None
        share = 0.98 * config.warning_fraction
        loaded = command.force > share * config.force_limit or command.torque > share * config.torque_limit
        if not (command.state == ArmMode.HOLDING and held and changes.get("may_yield", True)):
            self.gave_way = False
            return False
        self.gave_way = self.gave_way or loaded
        return self.gave_way

    def check_allowed(self, command, changes, loaded):
        self.moving_t = self.bench.plant.t
        assert changes.get("safety_ok", True), "moved although safety forbade it"
        held = self.bench.plant.grip is not None
        reduced = command.state == ArmMode.REDUCING or (
            command.finished is not None and command.finished.success and held
        )
        if held or reduced:
            assert self.bench.approved == loaded, "moved a clamped fragment without approval of its plan"
        else:
            assert command.state == ArmMode.MOVING or command.finished is not None


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 60)), min_size=3, max_size=25),
    start=st.sampled_from(["free", "clamped", "reducing"]),
)
def test_no_sequence_of_events_moves_the_arm_without_safety_or_a_fragment_without_approval(
    tools, events, start
):
    chaos = Chaos(tools, seed=0)
    if start == "clamped":
        chaos.bench.clamped()
    if start == "reducing":
        chaos.bench.reducing(duration=2.0)
    for event, ticks in events:
        chaos.do(event)
        for _ in range(ticks):
            chaos.tick(event)
