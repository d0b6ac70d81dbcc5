"""The supervisor stops for every cause it watches, keeps the stop, frees it only when the cause is gone."""

import numpy as np
import pytest

from rafr.control.safety import SafetyConfig, SafetyLevel, SafetySupervisor
from rafr.control.signals import ArmMode

NODES = ("arm_controller", "tracker")


def wrench(force, torque):
    """(6,) of these sizes."""
    return np.array([0.0, force, 0.0, torque, 0.0, 0.0])


class Room:
    """Everything alive and well, unless a test says otherwise."""

    def __init__(self, **options):
        self.core = SafetySupervisor(NODES, SafetyConfig(**options), t_start=0.0)
        self.t = 0.0
        self.silent = set()
        self.mode = ArmMode.REDUCING
        self.path_error = 1e-3
        self.traction = ""
        self.wrench = (50.0, 2.0)

    def run(self, seconds=1.0):
        for _ in range(round(seconds / 0.05)):
            self.t += 0.05
            for node in NODES:
                if node not in self.silent:
                    self.core.heard_heartbeat(node, self.t, ready=True)
            if "arm state" not in self.silent:
                self.core.heard_arm(self.mode, "", self.path_error, self.t)
            if "tools" not in self.silent:
                self.core.heard_tools({"reference": 1e-4}, self.t)
            self.core.heard_wrench(wrench(*self.wrench))
            self.core.heard_traction(self.traction)
            decision = self.core.update(self.t)
        return decision


def test_motion_is_not_allowed_before_every_node_is_ready_and_then_is():
    room = Room()
    room.core.heard_heartbeat("tracker", 0.0, ready=False)
    assert not room.core.update(0.1).motion_allowed
    assert room.run().level == SafetyLevel.OK


def test_heartbeats_heard_before_the_arms_first_state_are_waited_for_not_latched():
    room = Room()
    room.silent.add("arm state")
    assert room.run().reasons == ("waiting for the arm controller's state",)
    room.silent.clear()
    assert room.run().level == SafetyLevel.OK


def test_a_start_that_takes_too_long_is_latched():
    core = SafetySupervisor(NODES, SafetyConfig(startup_time=5.0), t_start=0.0)
    assert "waiting" in core.update(4.0).reasons[0]
    assert any("did not start" in r for r in core.update(6.0).reasons)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda r: r.silent.add("tracker"), "heartbeat of tracker"),
        (lambda r: r.silent.add("arm state"), "stale"),
        (lambda r: r.silent.add("tools"), "silent"),
        (lambda r: setattr(r, "wrench", (500.0, 2.0)), "wrench"),
        (lambda r: setattr(r, "wrench", (50.0, 100.0)), "wrench"),
        (lambda r: setattr(r, "path_error", 0.03), "off its path"),
        (lambda r: setattr(r, "traction", "the traction pulls 0 N where 80 N were asked for"), "traction"),
    ],
    ids=["dead node", "stale arm", "silent tracker", "force", "torque", "path error", "traction"],
)
def test_every_cause_stops_latches_and_can_be_reset_only_when_it_is_gone(break_it, said):
    room = Room()
    assert room.run().level == SafetyLevel.OK
    break_it(room)
    decision = room.run(5.0)
    assert decision.level == SafetyLevel.STOPPED
    assert any(said in reason for reason in decision.reasons)
    assert not room.core.reset(room.t).accepted
    room.silent.clear()
    room.wrench, room.path_error, room.traction = (50.0, 2.0), 1e-3, ""
    assert room.run(5.0).level == SafetyLevel.STOPPED, "the stop outlives its cause"
    assert room.core.reset(room.t).accepted
    assert room.run().level == SafetyLevel.OK


def test_a_single_wrench_spike_is_left_to_the_controller():
    room = Room()
    room.run()
    room.core.heard_wrench(wrench(900.0, 50.0))
    assert room.run().level == SafetyLevel.OK


def test_a_silent_tracker_matters_only_while_a_fragment_is_moved():
    room = Room()
    room.mode = ArmMode.IDLE
    room.silent.add("tools")
    assert room.run(5.0).level == SafetyLevel.OK


def test_a_persons_stop_holds_until_reset():
    room = Room()
    room.run()
    room.core.stop("stop requested")
    assert not room.run().motion_allowed
    assert room.core.reset(room.t).accepted
    assert room.run().motion_allowed


def test_risk_poor_tools_and_a_holding_arm_warn_and_still_allow_motion():
    room = Room()
    room.run()
    room.core.heard_risk("patient_emg", 0.9, "reflex", room.t)
    decision = room.core.update(room.t)
    assert decision.level == SafetyLevel.WARNING
    assert decision.motion_allowed
    room.run(6.0)
    assert room.core.update(room.t).level == SafetyLevel.OK, "an old risk is forgotten"
    room.core.heard_tools({"reference": 5e-3}, room.t)
    assert room.core.update(room.t).level == SafetyLevel.WARNING
    room.mode = ArmMode.HOLDING
    assert room.run().level == SafetyLevel.WARNING


@pytest.mark.parametrize(
    ("before", "to", "stops"),
    # beyond 35 N, and under a large load beyond 40 % of it
    [(50.0, 20.0, False), (50.0, 90.0, True), (50.0, 10.0, True), (120.0, 80.0, False), (120.0, 65.0, True)],
)
def test_a_load_that_changes_at_once_stops_a_reduction_and_is_named(before, to, stops):
    room = Room()
    room.wrench = (before, 2.0)
    room.run()
    at_once = [room.core.heard_wrench(wrench(to, 2.0)) for _ in range(3)]
    assert any(at_once) == stops
    decision = room.core.update(room.t)
    assert decision.motion_allowed != stops
    if stops:
        assert "gave way or caught" in decision.reasons[0]
        room.run()
        assert room.core.reset(room.t).accepted, "what happened once does not last"


def test_a_load_that_rises_slowly_or_while_nothing_is_reduced_does_not_stop():
    room = Room()
    room.run()
    for force in np.arange(50.0, 250.0, 10.0):  # 1000 N/s
        room.core.heard_wrench(wrench(force, 2.0))
    assert room.core.update(room.t).motion_allowed
    room.mode = ArmMode.CLAMPED
    room.run()
    for _ in range(6):
        room.core.heard_wrench(wrench(0.0, 0.0))
    assert room.core.update(room.t).motion_allowed


def test_a_base_that_moves_while_a_fragment_is_held_stops():
    room = Room()
    room.mode = ArmMode.IDLE
    room.core.heard_base(np.array([0.0, 0.0]))
    room.run()
    room.core.heard_base(np.array([0.5, 0.0]))
    assert room.run().motion_allowed, "driving is what a base is for"
    room.mode = ArmMode.CLAMPED
    room.run()
    room.core.heard_base(np.array([0.5, 0.0]))
    room.core.heard_base(np.array([0.5, 0.0005]))
    assert room.run().motion_allowed, "floor and sensor give by half a millimetre"
    room.core.heard_base(np.array([0.5, 0.002]))
    decision = room.run()
    assert any("base moved 2.0 mm" in reason for reason in decision.reasons)


def test_a_held_fragment_may_give_way_after_a_fault_but_not_after_a_persons_stop():
    room = Room()
    assert room.run().compliant
    room.silent.add("tracker")
    decision = room.run(5.0)
    assert decision.level == SafetyLevel.STOPPED
    assert decision.compliant
    room.core.stop("a person")
    assert not room.run().compliant
    assert not Room().core.update(0.1).compliant, "nothing is known yet"


def test_a_required_node_that_ends_stops_until_it_is_back():
    room = Room()
    room.run()
    assert room.core.heard_end("tracker")
    decision = room.core.update(room.t)
    assert decision.level == SafetyLevel.STOPPED
    assert decision.reasons == ("tracker has ended",)
    assert not room.core.reset(room.t).accepted
    assert room.run().level == SafetyLevel.STOPPED  # it is back, but nobody has reset
    assert room.core.reset(room.t).accepted
    assert room.run().level == SafetyLevel.OK


@pytest.mark.parametrize("mode", [ArmMode.MOVING, ArmMode.REDUCING])
def test_any_node_that_ends_stops_a_motion_but_one_may_go_on_without_it(mode):
    room = Room()
    room.mode = mode
    room.run()
    assert room.core.heard_end("view")
    assert room.core.update(room.t).reasons == ("view has ended",)
    assert room.core.reset(room.t).accepted
    assert room.run().level == SafetyLevel.OK


def test_a_view_that_ends_while_nothing_moves_stops_nothing():
    room = Room()
    room.mode = ArmMode.CLAMPED
    room.run()
    assert not room.core.heard_end("view")
    assert room.run().level == SafetyLevel.OK
