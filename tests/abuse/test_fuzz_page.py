"""The page refuses malformed requests in one line, decides nothing by them, and serves on."""

import logging

import numpy as np
import pytest
from tests.abuse import page_requests as asked

SEED, MESSAGES = 3, 25  # the large count: benchmarks/fuzz_page.py


@pytest.fixture(scope="module")
def abused(tmp_path_factory):
    abused = asked.Abused(tmp_path_factory.mktemp("page"))
    yield abused
    abused.close()


def tracebacks(caplog):
    return [r.getMessage() for r in caplog.records if r.exc_info or "\n" in r.getMessage()]


@pytest.mark.parametrize("row", asked.HEADS, ids=lambda row: row[0])
def test_a_wrong_head_is_refused_by_4xx_in_one_line(row, abused, caplog):
    assert asked.ask(abused.target, row).defect == ""
    assert tracebacks(caplog) == []


def test_damaged_heads_and_frames_leave_the_page_as_it_is(abused, caplog):
    rng = np.random.default_rng(SEED)
    found = [
        make(abused.target, rng) for _ in range(MESSAGES) for make in (asked.ask_damaged, asked.send_frames)
    ]
    assert [f for f in found if f.defect] == []
    assert abused.problem() == ""
    assert tracebacks(caplog) == []


def test_damaged_messages_of_a_browser_decide_nothing_and_stop_nobody(abused, caplog, capfd):
    rng = np.random.default_rng(SEED)
    caplog.set_level(logging.WARNING)
    for _ in range(MESSAGES):
        abused.send(rng)
    assert abused.problem() == ""
    assert abused.decisions == []
    assert tracebacks(caplog) == []
    assert "Traceback" not in capfd.readouterr().err


def test_what_a_browser_cannot_be_shown_is_said_there_and_shown_to_the_others(abused):
    abused.enter()
    (visit,) = abused.page.visits[-1:]
    kept, visit._poses = visit._poses, lambda: {}["nothing"]
    visit._shown = "now"
    abused.page.show_poses({})
    visit._poses = kept
    assert "cannot be shown" in visit.status.content
    assert abused.problem() == ""


def test_a_crowd_of_silent_connections_is_turned_away_and_the_page_serves_on(abused):
    assert asked.crowd(abused.target, 230) == ""
