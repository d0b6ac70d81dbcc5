"""Risk warns, slows, stops a reduction; what is not known is said where it was asked for."""

import dataclasses
import math

import pytest

from rafr.control.risks import RiskWatch
from rafr.control.safety import SafetyConfig, SafetyLevel, SafetySupervisor
from rafr.control.signals import ArmMode


class Room:
    """A supervisor that hears everything it needs every 0.1 s, and a risk."""

    def __init__(self, **options):
        self.core = SafetySupervisor(("arm_controller",), SafetyConfig(**options), t_start=0.0)
        self.t, self.mode, self.risks = 0.0, ArmMode.REDUCING, {}

    def run(self, seconds=1.0):
        for _ in range(round(seconds / 0.1)):
            self.t += 0.1
            self.core.heard_heartbeat("arm_controller", self.t, ready=True)
            self.core.heard_arm(self.mode, "", 1e-3, self.t)
            self.core.heard_tools({"reference": 1e-4}, self.t)
            for source, probability in self.risks.items():
                self.core.heard_risk(source, probability, "guarding", self.t)
            decision = self.core.update(self.t)
        return decision


def test_a_rising_risk_warns_then_slows_then_stops_and_latches_until_it_is_gone_and_reset():
    room = Room()
    slowing = []
    for probability in (0.3, 0.5, 0.6, 0.8, 0.89):
        room.risks["patient_emg"] = probability
        decision = room.run()
        assert decision.motion_allowed
        assert (decision.level == SafetyLevel.WARNING) == (probability >= 0.5)
        slowing.append(decision.slowing)
    assert slowing[:2] == [0.0, 0.0]
    assert 0.0 < slowing[2] < slowing[3] < slowing[4] <= 0.8
    room.risks["patient_emg"] = 0.95
    stopped = room.run()
    assert stopped.level == SafetyLevel.STOPPED
    assert stopped.reasons == ("risk patient_emg: guarding",)
    assert stopped.compliant, "the fragment may give way"
    room.mode = ArmMode.HOLDING
    room.run()
    assert not room.core.reset(room.t).accepted, "the muscles still work"
    room.risks["patient_emg"] = 0.1
    assert room.run().level == SafetyLevel.STOPPED
    assert room.core.reset(room.t).accepted
    room.mode = ArmMode.REDUCING
    assert room.run().motion_allowed


def test_a_single_high_word_does_not_stop_but_slows():
    room = Room()
    room.risks["patient_emg"] = 0.99
    decision = room.run(0.2)
    assert decision.motion_allowed
    assert decision.slowing == pytest.approx(0.8)
    room.risks["patient_emg"] = 0.2
    assert room.run(0.1).slowing == 0.0
    room.risks["patient_emg"] = 0.99
    assert room.run(0.2).motion_allowed, "the time counts from anew"


@pytest.mark.parametrize("mode", [ArmMode.IDLE, ArmMode.MOVING, ArmMode.CLAMPED])
def test_where_nothing_is_reduced_risk_only_warns(mode):
    room = Room()
    room.mode, room.risks["patient_emg"] = mode, 0.99
    decision = room.run(2.0)
    assert decision.level == SafetyLevel.WARNING
    assert decision.reasons == ("risk patient_emg: guarding",)


def test_an_assistants_risk_only_warns():
    room = Room()
    room.risks["assistant_emg"] = 0.99
    decision = room.run(2.0)
    assert decision.level == SafetyLevel.WARNING
    assert decision.slowing == 0.0


def test_what_must_be_known_and_is_not_is_said_while_a_fragment_is_held():
    room = Room(required_risks="patient_emg, assistant_emg")
    room.risks["patient_emg"] = 0.1
    assert room.run().reasons == ("risk assistant_emg is not known: nothing is heard",)
    room.risks |= {"assistant_emg": math.nan, "patient_emg/soleus": math.nan, "assistant_imu": math.nan}
    decision = room.run()
    assert decision.level == SafetyLevel.WARNING
    assert set(decision.reasons) == {
        "risk assistant_emg is not known: guarding",
        "risk patient_emg/soleus is not known: guarding",
    }
    room.mode = ArmMode.IDLE
    assert room.run().reasons == ()
    assert Room().run().reasons == (), "where nothing is asked for nothing is missed"


def test_silence_after_a_high_risk_is_not_taken_for_calm():
    room = Room(required_risks="patient_emg")
    room.risks["patient_emg"] = 0.7
    assert room.run().slowing > 0.0
    room.risks.clear()
    assert room.run(4.0).slowing > 0.0, "the last word counts for a while"
    decision = room.run(3.0)
    assert decision.reasons == ("risk patient_emg is not known: nothing is heard",)


CHANGES = {
    "risk_warning": 0.75, "risk_hold": 0.65, "risk_hold_time": 0.0, "risk_slowest": 0.9, "risk_age": 0.5,
    "risk_sources": "assistant_imu", "required_risks": "patient_emg,spy",
}  # fmt: skip


def story(config):
    watch, said = RiskWatch(config), []
    for k, probability in enumerate((0.6, 0.7, 0.7, 0.92)):
        t = 0.1 * k
        watch.heard("patient_emg", probability, "why", t)
        said.append((watch.warnings(t), watch.slowing(t), watch.stops(t), watch.missing(t)))
    return [*said, watch.slowing(1.0)]


def test_every_option_of_risk_changes_something():
    assert set(CHANGES) == {f.name for f in dataclasses.fields(SafetyConfig) if "risk" in f.name}
    usual = story(SafetyConfig())
    for name, value in CHANGES.items():
        assert story(dataclasses.replace(SafetyConfig(), **{name: value})) != usual, name
