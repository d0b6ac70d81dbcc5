"""The loop behind `rafr sim` with tiny programs for nodes and a scripted console."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from rafr.cli.sim_faults import DoubleApproval, NodeHang, NodeKill, OperatorStop, PlanChanged
from rafr.cli.sim_loop import Follower, LoopConfig
from rafr.cli.sim_recovery import RecoveryConfig
from rafr.review.keys import no_keys
from rafr.review.run import RunRecord, Sample
from rafr.supervisor import Program, Supervisor, SupervisorConfig

SLEEP = "import time; time.sleep(60)"
RECOVERY = RecoveryConfig(silence=0.1, start=1.0, reset=0.3, again=0.05, spin=0.01)
CONFIG = LoopConfig(start=5.0, stop=0.5, settle=0.0, spin=0.01, recovery=RECOVERY)


def sample(progress=0.5, state="REDUCING"):
    return Sample(1.0, state, "wing", progress, 0.01, 0.1, 0.0, 50.0, 1.0, 200.0, 15.0, True)


class Script:
    """A console whose graph does what the test says, step by step."""

    def __init__(self, record, steps, ready=True):
        self.record, self.steps, self.is_ready = record, list(steps), ready
        self.refusal = ""
        self.silent_nodes = []
        self.started, self.decisions, self.cancelled = None, [], False
        self.stops = self.other_plans = self.resets = 0
        self.stays_stopped = False

    def spin(self, timeout):
        time.sleep(timeout)
        if self.started is not None and self.steps:
            self.steps.pop(0)(self.record)

    def ready(self):
        return self.is_ready

    def start(self, *, auto_approve, resume_from=""):
        self.started, self.resumed_from = auto_approve, resume_from

    def reset(self):
        self.resets += 1
        if not self.stays_stopped:
            self.record.safety = "OK"
            self.record.samples.append(sample(state="CLAMPED"))

    def silent(self, seconds):
        return self.silent_nodes

    def cancel(self):
        self.cancelled = not self.record.outcome  # as the real one: nothing is cancelled after the end

    def stop(self):
        self.stops += 1

    def publish_another_plan(self):
        self.other_plans += 1

    def decide(self, *, approve, approver, reason="", automatic=False):
        self.decisions.append((approve, approver))
        if approve:
            self.record.approver = approver


class Silent:
    def __init__(self):
        self.hints = []

    def show(self, record, hint=""):
        self.hints.append(hint)


@pytest.fixture
def make(tmp_path):
    """A follower over two sleeping nodes; the supervisor is stopped afterwards."""
    supervisors = []

    def build(steps, *, codes=(SLEEP, SLEEP), ready=True, **options):
        record = RunRecord(nodes={"arm_controller": True, "view": True})
        programs = [
            Program(name, (sys.executable, "-S", "-c", code))
            for name, code in zip(record.nodes, codes, strict=True)
        ]
        supervisor = Supervisor(programs, tmp_path / "logs", config=SupervisorConfig(0.5, 0.5))
        supervisors.append(supervisor)
        supervisor.start()
        options = {"keys": no_keys, "auto_approve": True, "config": CONFIG} | options
        return Follower(
            record=record,
            supervisor=supervisor,
            console=Script(record, steps, ready),
            screen=Silent(),
            essential=frozenset({"arm_controller"}),
            **options,
        )

    yield build
    for supervisor in supervisors:
        supervisor.stop()


def begin(record):
    record.enter("reduction", 1.0, [])
    record.status = "RUNNING"
    record.samples.append(sample())


def finish(outcome):
    def step(record):
        record.outcome = outcome

    return step


def nothing(record):
    pass


def test_a_run_ends_with_the_procedures_outcome(make):
    follower = make([begin, finish("reduced")])
    follower.run()
    assert follower.record.outcome == "reduced"
    assert follower.console.started is True
    assert follower.record.wall_seconds > 0


def test_a_killed_essential_node_is_named_and_what_stands_still_is_held(make):
    def stopped(record):
        record.safety = "STOPPED"

    follower = make([begin, nothing, nothing, stopped], faults={"it": NodeKill("arm_controller")})
    follower.run()
    assert follower.record.outcome == "held"
    assert follower.record.lost == ["arm_controller killed by SIGKILL"]


def test_a_lost_essential_node_without_a_stop_is_an_abort(make):
    follower = make([begin], faults={"it": NodeKill("arm_controller")})
    follower.run()
    assert follower.record.outcome == "aborted"


def test_a_lost_view_is_named_but_the_procedure_goes_on(make):
    follower = make([begin, *[nothing] * 10, finish("reduced")], faults={"it": NodeKill("view")})
    follower.run()
    assert follower.record.outcome == "reduced"
    assert follower.record.lost == ["view killed by SIGKILL"]


def test_the_kill_waits_for_the_middle_of_a_reduction():
    kill, record = NodeKill("tracker"), RunRecord()
    assert not kill.due(record)
    record.samples.append(sample(progress=0.9, state="MOVING"))
    assert not kill.due(record)
    record.samples.append(sample(progress=0.1))
    assert not kill.due(record)
    record.samples.append(sample(progress=0.4))
    assert kill.due(record)


def test_a_hung_node_does_nothing_more_is_no_death_and_still_ends_with_the_run(make):
    code = "import time\nwhile True:\n    print('alive', flush=True); time.sleep(0.01)"
    follower = make([begin, *[nothing] * 30, finish("held")], codes=(code, SLEEP), faults={"it": NodeHang()})
    pid = follower.supervisor.pid("arm_controller")
    follower.run()
    assert follower.record.lost == []
    state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    assert state == "T"
    follower.supervisor.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_what_is_written_after_the_disk_was_full_fails(make, tmp_path):
    notes = tmp_path / "notes"
    code = (
        f"import time\nwhile True:\n  with open({str(notes)!r}, 'a') as f: f.write('x')\n  time.sleep(0.01)"
    )
    follower = make([begin, *[nothing] * 300, finish("held")], codes=(SLEEP, code))
    while not notes.exists():
        time.sleep(0.01)
    follower.supervisor.forbid_writing("view")
    follower.run()
    # the last words go to a log that cannot be written either: the exit code alone tells (120: Python itself
    # could not write them)
    assert follower.record.lost in (["view ended with exit code 1"], ["view ended with exit code 120"])


def test_what_people_do_happens_once(make):
    faults = {"plan": PlanChanged(), "stop": OperatorStop(), "again": DoubleApproval()}
    follower = make([begin, *[nothing] * 10, finish("held")], faults=faults)
    follower.run()
    console = follower.console
    assert (console.stops, console.other_plans) == (1, 1)
    assert console.decisions == [(True, "a second person")]
    assert set(follower.record.injected) == set(faults)


def test_a_node_that_dies_at_start_ends_the_run_with_its_last_words(make):
    code = "raise SystemExit('rafr: /case/ct.nii.gz: no such file')"
    follower = make([], codes=(code, SLEEP), ready=False)
    follower.run()
    assert follower.record.outcome == "aborted"
    assert "no such file" in follower.record.lost[0]
    assert follower.console.started is None


def test_nodes_that_never_get_ready_are_named(make):
    follower = make([], ready=False, config=LoopConfig(start=0.2, stop=0.2, settle=0.0, spin=0.01))
    follower.record.nodes["arm_controller"] = False
    follower.run()
    assert follower.record.outcome == "aborted"
    assert "arm_controller" in follower.record.holds[0]


def waiting(record):
    record.enter("approval", 1.0, [])
    record.status = "WAITING"
    record.plan = type("Plan", (), {"hash": "abcdef0123456789"})()


def approved_then(outcome):
    def step(record):
        if record.approver:
            record.outcome = outcome

    return step


def test_the_key_a_approves_only_while_a_plan_waits(make):
    pressed = iter("a" * 100)  # also before there is anything to approve
    steps = [begin, nothing, waiting, *[approved_then("reduced")] * 20]
    follower = make(steps, keys=lambda: next(pressed, ""), auto_approve=False)
    follower.run()
    assert follower.record.outcome == "reduced"
    assert len(follower.console.decisions) == 1
    approve, approver = follower.console.decisions[0]
    assert approve
    assert approver


def test_the_hint_shows_the_hash_and_the_ways_to_approve(make):
    follower = make(
        [waiting, *[nothing] * 5, finish("held")],
        keys=lambda: "",
        auto_approve=False,
        page="http://localhost:8123",
    )
    follower.run()
    hint = next(h for h in follower.screen.hints if h)
    assert "abcdef012345" in hint
    assert "http://localhost:8123" in hint
    assert "press a" in hint


def test_the_hint_names_the_live_view_once_its_page_is_served(make):
    def serve(record):
        record.nodes["review"] = True

    follower = make([nothing, serve, *[nothing] * 3, finish("reduced")], page="http://localhost:8123")
    follower.run()
    assert follower.screen.hints[0] == ""
    assert "live view: http://localhost:8123" in follower.screen.hints


def test_an_interrupt_cancels_the_procedure_and_is_passed_on(make):
    def interrupt(record):
        raise KeyboardInterrupt

    follower = make([begin, interrupt])
    with pytest.raises(KeyboardInterrupt):
        follower.run()
    assert follower.record.outcome == "aborted"
    assert follower.record.holds == ["interrupted"]
    assert follower.console.cancelled


def test_a_silent_node_that_somebody_else_started_counts_as_lost(make):
    follower = make([begin], attached=True)
    follower.console.silent_nodes = ["arm_controller"]
    follower.record.safety = "STOPPED"
    follower.run()
    assert follower.record.lost == ["arm_controller fell silent"]
    assert follower.record.outcome == "held"


def hold(record):
    record.safety, record.outcome = "STOPPED", "held"
    record.samples.append(sample(state="HOLDING"))


def revive(record):
    """What the heartbeats of a node that was started again do."""
    record.nodes = dict.fromkeys(record.nodes, True)


def test_after_a_hold_the_dead_node_is_started_again_and_the_phase_resumed(make):
    steps = [begin, nothing, hold, *[nothing] * 20, revive, *[nothing] * 30, finish("reduced")]
    follower = make(steps, faults={"it": NodeKill("arm_controller")}, recover=True)
    first = follower.supervisor.pid("arm_controller")
    follower.run()
    assert follower.record.outcome == "reduced"
    assert follower.record.recovered == 1
    assert follower.console.resumed_from == "reduction"
    assert follower.console.resets == 1
    assert follower.supervisor.pid("arm_controller") != first
    assert follower.record.lost == ["arm_controller killed by SIGKILL"]


def test_a_second_hold_is_left_to_a_person(make):
    def hold_again(record):
        record.outcome = "held"

    follower = make([begin, hold, *[nothing] * 40, hold_again], recover=True)
    follower.run()
    assert (follower.record.outcome, follower.record.recovered) == ("held", 1)


def test_what_stays_stopped_stays_held_and_says_why(make):
    follower = make([begin, hold, *[nothing] * 100], recover=True)
    follower.console.stays_stopped = True
    follower.record.safety_reasons = ["raw wrench 400 N beyond its limit"]
    follower.run()
    assert follower.record.outcome == "held"
    assert follower.record.holds == ["not resumed: no reset: raw wrench 400 N beyond its limit"]


def test_a_procedure_that_was_started_again_is_given_the_approval_and_keeps_the_phases_before(make):
    def waits(record):
        record.enter("reduction", 0.1, [])
        record.status, record.approver = "WAITING", ""

    steps = [begin, hold, *[nothing] * 20, revive, *[nothing] * 20, waits, nothing, finish("reduced")]
    follower = make(steps, recover=True, faults={"it": NodeKill("view")})
    follower.record.nodes = {"procedure": True, "view": True}
    follower.record.nodes["arm_controller"] = True
    follower.supervisor._programs += (
        Program("procedure", (sys.executable, "-S", "-c", SLEEP)),
    )  # it has died: no process of this name runs
    follower.run()
    assert [p.outcome for p in follower.record.all_phases] == ["lost with its procedure", ""]
    assert follower.console.decisions == [(True, "automatic (demonstration)")]


def test_with_the_patients_simulator_everything_is_lost(make):
    follower = make([begin, hold, *[nothing] * 40], recover=True)
    follower.record.nodes["or_simulator"] = True
    follower.run()
    assert follower.record.outcome == "held"
    assert "the patient" in follower.record.holds[0]


def test_another_plan_than_the_approved_one_is_left_to_a_person(make):
    follower = make([begin, hold, *[nothing] * 40], recover=True)
    follower.record.plan = SimpleNamespace(hash="another")
    follower.record.approved_hash = "approved"
    follower.run()
    assert (follower.record.outcome, follower.record.recovered) == ("held", 0)
    assert "another plan" in follower.record.holds[0]
