"""The terminal's views of a run."""

import io
from dataclasses import replace

import pytest

from rafr.procedure.phases import PHASES
from rafr.review.run import RunRecord, Sample
from rafr.review.screen import open_screen
from rafr.review.terminal import PlainLines, bar, panel, summary


def sample(progress=0.4, force=60.0):
    return Sample(2.0, "REDUCING", "wing", progress, 8.1e-3, 0.035, 1e-4, force, 3.0, 200.0, 15.0, True)


def running() -> RunRecord:
    record = RunRecord(nodes={"tracker": True, "safety": False}, message="moving", status="RUNNING")
    record.enter("reduction", 3.0, ["approach: done"])
    record.samples = [sample()]
    return record


def drawn(renderable, width=120) -> str:
    from rich.console import Console

    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


def test_the_panel_shows_phase_progress_error_force_and_nodes():
    text = drawn(panel(running(), hint="press a"))
    for piece in ("reduction", "approach", "40 %", "8.10 mm", "2.01°", "60 of 200 N", "1/2 nodes", "press a"):
        assert piece in text
    assert "waiting for safety" in text


def test_the_panel_shows_what_was_learnt_adjusted_and_is_near_a_limit():
    record = running()
    record.samples = [
        replace(
            sample(),
            warnings=("force 150 N (limit 200)",),
            stiffness=1.4,
            expected_force=170.0,
            adjustment=1.2e-3,
            adjustment_reason="target moved by 1.2 mm [1]",
        )
    ]
    text = drawn(panel(record))
    for piece in ("1.4 times as stiff", "170 N to come", "adjusted  by 1.2 mm", "target moved", "limit 200"):
        assert piece in text
    assert "  path: target moved by 1.2 mm [1]" in PlainLines().news(record)


def test_the_panel_shows_what_went_wrong_and_what_is_still_to_come():
    record = running()
    record.enter("reduction", 3.0, ["registration: failed: too little overlap", "approach: done"])
    text = drawn(panel(record))
    assert "registration: failed: too little overlap" in text
    assert "· xray check" in text
    assert "· planning" not in text


def test_the_panel_of_a_run_waiting_for_approval_fits_a_small_terminal():
    record = running()
    record.enter("retreat", 3.0, [f"{phase.name}: done" for phase in PHASES[:10]])
    record.nodes = dict.fromkeys((f"some_node_{i}" for i in range(13)), True)
    page = "http://localhost:40123/?token=AbCdEfGhIjKl"
    hint = f"plan 0e22c86 waits for approval: open {page}, or press a to approve, r to reject"
    lines = drawn(panel(record, hint), width=80).splitlines()
    assert len(lines) <= 23  # one is left for the cursor
    assert any(page in line for line in lines)
    assert any("to target 8.10 mm  2.01°" in line and "planning" in line for line in lines)
    assert any("60 of 200 N" in line for line in lines)


def test_while_nodes_start_the_panel_says_for_which_it_waits_once():
    record = RunRecord(nodes={"tracker": True, "safety": False}, message="not started")
    record.safety_reasons = ["waiting for tracker"]
    text = drawn(panel(record))
    assert text.count("waiting for") == 1
    assert "waiting for safety" in text


def test_a_lost_node_is_shown():
    record = running()
    record.lost.append("tracker killed by SIGKILL")
    assert "tracker killed by SIGKILL" in drawn(panel(record))


@pytest.mark.parametrize(("share", "filled"), [(0.0, 0), (0.5, 5), (1.7, 10), (-1.0, 0), (float("nan"), 0)])
def test_a_bar_is_filled_by_its_share_and_never_overflows(share, filled):
    assert bar(share, 10) == "█" * filled + "░" * (10 - filled)


def test_plain_lines_say_everything_once():
    lines, record = PlainLines(), running()
    assert lines.news(record) == ["phase: reduction", "  moving", "  wing: 40 % of the path"]
    assert lines.news(record) == []
    record.samples.append(sample(progress=0.44))
    assert lines.news(record) == []
    record.samples.append(sample(progress=0.51))
    record.lost.append("tracker killed by SIGKILL")
    assert lines.news(record) == ["node lost: tracker killed by SIGKILL", "  wing: 50 % of the path"]


def test_without_a_terminal_lines_are_printed():
    stream = io.StringIO()
    with open_screen(stream, plain=False) as screen:
        screen.show(running())
        for hint in ("live view: here", "plan abc waits for approval", "live view: here"):
            screen.show(running(), hint=hint)
    assert "phase: reduction" in stream.getvalue()
    assert stream.getvalue().count("plan abc waits") == 1
    assert stream.getvalue().count("live view") == 1


def test_the_summary_names_outcome_reference_and_automatic_approval():
    body = {
        "residual_mm": {"mean": 1.234, "p95": 1.5, "max": 2.0},
        "residual_deg": 0.5,
        "residual_to_plan_mm": {"mean": 0.3, "p95": 0.4, "max": 0.5},
        "residual_to_plan_deg": 0.1,
        "matta": {"grade": "excellent", "max_mm": 2.0},
    }
    report = {
        "case": "case-7",
        "outcome": "reduced",
        "holds": ["reduction: the force rose above its limit"],
        "bodies": {"wing": body},
        "residual_reference": "truth",
        "peak_force_n": 120.0,
        "force_limit_n": 200.0,
        "duration_s": 90.0,
        "wall_s": 60.0,
        "auto_approved": True,
        "approval": {"approver": "auto", "automatic": True},
    }
    text = " ".join(drawn(summary(report, "runs/x")).split())
    assert "the force rose above its limit" in text
    for piece in ("case-7: reduced", "truth", "1.23 (2.00)", "excellent", "120 of 200 N", "automatically"):
        assert piece in text
