"""The procedure: its table has a way back from everywhere, and no way to a reduction around the approval."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.control.signals import ArmMode
from rafr.procedure.fixation import fixation_note
from rafr.procedure.machine import MAX_LOOPS, ProcedureMachine, Status
from rafr.procedure.phases import BY_NAME, DONE, HOLD, NEXT_BODY, PHASES, Action

HASHES = ("a" * 64, "b" * 64)
MOVES = {Action.DOCK, Action.APPROACH, Action.REDUCE}


class Theatre:
    """Answers every request as asked and keeps what was requested, with the facts at that time."""

    def __init__(self, bodies=("left", "right"), auto_approve=True):
        self.machine = ProcedureMachine()
        self.bodies = bodies
        self.t = 0.0
        self.requested = []
        self.fail = {}
        self.machine.observe(safety_ok=True, arm=ArmMode.IDLE, tools_visible=True)
        assert self.machine.start(self.t, auto_approve).accepted

    def tick(self):
        self.t += 1.0
        for request in self.machine.tick(self.t):
            self.requested.append((self.machine.phase.name, request, self.machine.facts))
            self.answer(request)

    def answer(self, request):
        success = self.fail.get(request.action, 0) <= 0
        self.fail[request.action] = self.fail.get(request.action, 0) - 1
        if success:
            self.effect(request)
        self.machine.action_done(request.id, success, "" if success else "it broke", self.t)

    def effect(self, request):
        observe = self.machine.observe
        if request.action == Action.REGISTER:
            observe(registered=True)
        if request.action == Action.PLAN:
            observe(plan_hash=HASHES[0], plan_accepted=True, order=self.bodies)
        if request.action == Action.DOCK:
            observe(docked=True)
        if request.action == Action.CLAMP:
            observe(arm=ArmMode.CLAMPED, held_body=request.body)
        if request.action == Action.RELEASE:
            observe(arm=ArmMode.IDLE, held_body="")
        if request.action == Action.APPROVE_AUTOMATICALLY:
            self.machine.approve(self.machine.facts.plan_hash, "auto", automatic=True)

    def run(self, ticks=200):
        for _ in range(ticks):
            if not self.machine.active:
                break
            self.tick()
        return self.machine

    @property
    def actions(self):
        return [(r.action, r.body) for _, r, _ in self.requested]


def test_every_step_of_the_case_report_has_its_phases_in_order():
    steps = [phase.step for phase in PHASES]
    assert steps == sorted(steps)
    assert set(steps) == set("abcdefg")


@pytest.mark.parametrize("phase", PHASES, ids=lambda p: p.name)
def test_every_phase_has_a_timeout_a_next_phase_and_a_way_back_that_is_not_ahead(phase):
    names = [p.name for p in PHASES]
    assert phase.timeout > 0
    assert phase.next in {*names, DONE, NEXT_BODY}
    assert phase.on_failure in {*names, HOLD}
    if phase.on_failure != HOLD:
        assert names.index(phase.on_failure) < names.index(phase.name)
    moves = set(phase.actions) & MOVES
    assert phase.needs_approval or not moves, "what moves robot or bone needs the approval all along"


def test_a_run_in_which_all_goes_well_reduces_every_body_in_order_and_checks_it():
    theatre = Theatre()
    machine = theatre.run()
    assert machine.status == Status.DONE
    assert machine.outcome == "reduced"
    reduced = [body for action, body in theatre.actions if action == Action.REDUCE]
    assert reduced == ["left", "right"]
    for body in reduced:
        mine = [a for a, b in theatre.actions if b == body]
        order = [Action.INSERT_PINS, Action.DOCK, Action.APPROACH, Action.CLAMP, Action.REDUCE,
                 Action.FIX_BODY, Action.RELEASE, Action.RETREAT]  # fmt: skip
        assert [a for a in mine if a in order] == order
    assert [a for a, _ in theatre.actions][-1] == Action.MEASURE_RESIDUAL
    assert not machine.holds


def test_without_a_person_the_plan_waits_for_approval_and_a_wrong_hash_does_not_do():
    theatre = Theatre(auto_approve=False)
    machine = theatre.run(50)
    assert machine.status == Status.WAITING
    assert machine.phase.name == "approval"
    assert not machine.approve(HASHES[1], "surgeon").accepted
    assert not machine.approve(HASHES[0], "  ").accepted
    assert not machine.approve(HASHES[0], "robot", automatic=True).accepted
    theatre.run(5)
    assert machine.phase.name == "approval"
    assert machine.approve(HASHES[0], "surgeon").accepted
    assert theatre.run().outcome == "reduced"
    assert machine.approval.approver == "surgeon"


def test_a_plan_its_planner_does_not_accept_is_never_approved_automatically():
    theatre = Theatre()
    theatre.run(8)
    theatre.machine.observe(plan_hash=HASHES[0], plan_accepted=False)
    machine = ProcedureMachine()
    machine.observe(plan_hash=HASHES[0], plan_accepted=False, order=("left",))
    machine.start(0.0, auto_approve=True)
    machine.observe(plan_hash=HASHES[0], plan_accepted=False, order=("left",))
    assert not machine.approve(HASHES[0], "auto", automatic=True).accepted


def test_rejection_goes_back_to_planning():
    theatre = Theatre(auto_approve=False)
    theatre.run(50)
    theatre.machine.reject("wrong side", theatre.t)
    assert theatre.machine.phase.name == "planning"
    theatre.run(50)
    assert theatre.machine.phase.name == "approval"
    assert [a for a, _ in theatre.actions].count(Action.PLAN) == 2


@pytest.mark.parametrize(
    "action", [a for a in Action if a != Action.APPROVE_AUTOMATICALLY], ids=lambda a: a.value
)
def test_whatever_fails_once_is_tried_again_or_held_and_can_be_resumed(action):
    theatre = Theatre()
    theatre.fail[action] = 1
    machine = theatre.run(300)
    if machine.status == Status.HELD:
        assert machine.outcome == "held"
        assert action.value in machine.holds[0]
        assert machine.start(theatre.t, True, resume_from=machine.phase.name).accepted
        machine = theatre.run(300)
    assert machine.outcome == "reduced", machine.message


@pytest.mark.parametrize(
    "action", [Action.PLAN, Action.APPROACH, Action.REGISTER, Action.REDUCE], ids=lambda a: a.value
)
def test_what_always_fails_ends_in_a_hold_after_a_bounded_number_of_tries(action):
    theatre = Theatre()
    theatre.fail[action] = 10**6
    machine = theatre.run(500)
    assert machine.status == Status.HELD
    tries = [a for a, _ in theatre.actions].count(action)
    assert 1 <= tries <= 2 * MAX_LOOPS


@pytest.mark.parametrize("phase", [p for p in PHASES if p.entry], ids=lambda p: p.name)
def test_a_phase_whose_entry_never_holds_times_out_into_its_way_back(phase):
    machine = ProcedureMachine()
    machine.observe(safety_ok=True)
    machine.start(0.0, False, resume_from=phase.name)
    machine.tick(1.0)
    if machine.phase.name != phase.name or machine.status == Status.RUNNING:
        return  # its entry is met by nothing more than safety
    machine.tick(phase.timeout + 1.0)
    assert machine.status == Status.HELD or machine.phase.name == phase.on_failure


def test_a_latched_stop_or_a_holding_arm_ends_in_a_hold_and_not_in_another_try():
    for stop in ({"safety_ok": False, "stop_reason": "node died"}, {"arm": ArmMode.HOLDING}):
        theatre = Theatre()
        while theatre.machine.phase.name != "reduction":
            theatre.tick()
        theatre.machine.observe(**stop)
        theatre.fail[Action.REDUCE] = 1
        machine = theatre.run(60)
        assert machine.status == Status.HELD
        assert machine.holds
        assert not any(a == Action.FIX_BODY for a, _ in theatre.actions)


def test_answers_to_old_requests_and_after_the_end_change_nothing():
    theatre = Theatre()
    theatre.tick()
    machine = theatre.machine
    before = (machine.phase, machine.message, list(machine.history))
    machine.action_done(999, True, "", theatre.t)
    assert (machine.phase, machine.message, machine.history) == before
    machine.abort("enough")
    machine.action_done(1, True, "", theatre.t)
    assert machine.tick(theatre.t) == []
    assert machine.outcome == "aborted"


def test_start_is_refused_while_running_and_for_an_unknown_phase():
    machine = Theatre().machine
    assert not machine.start(0.0, True).accepted
    assert "reduction" in ProcedureMachine().start(0.0, True, resume_from="reductoin").reasons[0]


def test_the_fixation_is_left_to_the_surgeon():
    for kind in (None, "denis2", "something else"):
        assert "to be selected by the surgeon" in fixation_note(kind, ("left",))


EVENTS = st.one_of(
    st.tuples(st.just("tick"), st.integers(1, 30)),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("plan"), st.sampled_from(["", *HASHES])),
    st.tuples(st.just("approve"), st.sampled_from([*HASHES, "", "c" * 64])),
    st.tuples(st.just("auto"), st.sampled_from(HASHES)),
    st.tuples(st.just("forge"), st.sampled_from(HASHES)),
    st.tuples(st.just("reject"), st.just("")),
    st.tuples(st.just("hold"), st.just("")),
    st.tuples(st.just("start"), st.sampled_from(["", *BY_NAME])),
    st.tuples(st.just("facts"), st.sampled_from(list(ArmMode))),
    st.tuples(st.just("body"), st.sampled_from(["left", "right", ""])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=40), st.booleans())
def test_no_sequence_of_events_reaches_motion_without_approval_of_exactly_the_loaded_plan(events, auto):
    """A shadow of what a person approved and what is loaded decides; the machine's own flag is not asked."""
    machine, t = ProcedureMachine(), 0.0
    machine.observe(safety_ok=True, arm=ArmMode.IDLE, tools_visible=True, registered=True, docked=True)
    machine.start(t, auto)
    loaded, approved = "", set()
    for kind, value in events:
        if kind == "tick":
            for _ in range(value):
                t += 0.5
                for request in machine.tick(t):
                    if request.action in MOVES:
                        assert loaded
                        assert loaded in approved
        elif kind == "answer" and machine.pending is not None:
            if machine.pending.action == Action.APPROVE_AUTOMATICALLY:
                value = machine.approve(machine.facts.plan_hash, "auto", automatic=True).accepted
                approved |= {loaded} if value and auto else set()
            machine.action_done(machine.pending.id, value, "", t)
        elif kind == "plan":
            approved &= {value}
            loaded = value
            machine.observe(plan_hash=value, plan_accepted=True, order=("left", "right") if value else ())
        elif kind == "approve":
            accepted = machine.approve(value, "surgeon").accepted
            assert accepted == (bool(loaded) and value == loaded)
            approved |= {value} if accepted else set()
        elif kind == "auto":
            accepted = machine.approve(value, "auto", automatic=True).accepted
            assert not accepted or (auto and value == loaded)
            approved |= {value} if accepted else set()
        elif kind == "forge":
            machine.observe(approved_hash=value)
        elif kind == "reject":
            machine.reject("no", t)
            approved.clear()
        elif kind == "hold":
            machine.hold("asked")
        elif kind == "start":
            machine.start(t, auto, resume_from=value)
        elif kind == "facts":
            machine.observe(arm=value)
        elif kind == "body":
            machine.observe(held_body=value)


def test_facts_are_replaced_not_shared():
    machine = ProcedureMachine()
    before = machine.facts
    machine.observe(tools_visible=True)
    assert before == replace(machine.facts, tools_visible=False)
