"""What fuzzing found in callbacks and on the page: each damage once, where it was mended."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.review.cord_lines import drawn_cords
from rafr.review.gate import Rule
from rafr.review.messages import transform_from_pose
from rafr.review.request import Head, Refusal, read_head
from rafr.review.whereabouts import Whereabouts

RUBBISH = (1e4, -1e308, math.inf, math.nan)


def pose(x=0.0, w=1.0):
    return SimpleNamespace(
        position=SimpleNamespace(x=x, y=0.0, z=0.0), orientation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=w)
    )


@pytest.mark.parametrize("value", RUBBISH)
def test_a_place_that_is_in_no_room_is_no_pose(value):
    """One such odometry was never forgotten: the base stood until its node was started again."""
    assert transform_from_pose(pose(1.0)) is not None
    assert transform_from_pose(pose(value)) is None
    assert transform_from_pose(pose(w=value)) is None


@pytest.mark.parametrize("value", RUBBISH)
def test_a_joint_that_was_not_measured_has_no_angle(value):
    """The page's node ended: links at NaN are no proper motions."""
    where = Whereabouts()
    where.take_joints(SimpleNamespace(name=["a", "b"], position=[0.5, value]))
    assert where.angles() == {"a": 0.5}


@pytest.mark.parametrize("value", RUBBISH)
def test_cords_that_reach_nowhere_are_not_drawn(value):
    def marker(x, red):
        ends = [SimpleNamespace(x=x, y=0.0, z=0.0), SimpleNamespace(x=0.0, y=0.0, z=0.0)]
        colours = [SimpleNamespace(r=red, g=0.0, b=0.0)] * 2
        return SimpleNamespace(
            ns="ligaments", type=5, TEXT_VIEW_FACING=9, LINE_LIST=5, points=ends, colors=colours,
            scale=SimpleNamespace(x=0.01),
        )  # fmt: skip

    assert drawn_cords(SimpleNamespace(markers=[marker(value, 0.5)]))[0] == {}
    (drawn,) = drawn_cords(SimpleNamespace(markers=[marker(0.1, value)]))[0].values()
    assert np.all((drawn.colours >= 0.0) & (drawn.colours <= 1.0))


def test_one_stamp_far_ahead_does_not_silence_the_wrist_sensor():
    """It did, until the clock was there: for years, after one that was damaged."""
    from rafr.robot.arm import ArmModel
    from rafr.robot.driver import wrist_of
    from rafr.robot.wrist import Wrist, described_payload

    arm, config = ArmModel.named("ur16e"), wrist_of("ur16e").config
    for who in ("joints", "reading"):
        wrist = Wrist(arm, config, described_payload(arm, config.frame))
        wrist.take_joints(1e9 if who == "joints" else 5.0, arm.parked)
        wrist.compensated(1e9, np.ones(6))
        wrist.take_joints(5.01, arm.parked)
        assert wrist.compensated(5.01, np.ones(6)) is not None
        assert wrist.compensated(5.0, np.ones(6)) is None  # out of order


def test_reasons_are_one_short_line_whatever_is_named_in_them():
    error = InfeasibleError((f"{'x' * 10_000}\n\x1b[31m is not registered",))
    assert len(str(error)) <= 600
    assert str(error).isprintable()


@pytest.mark.parametrize("host", ["[", "[::1"])
def test_a_host_that_is_no_address_is_refused(host):
    """It was an exception that nobody caught, and no answer."""
    refusal = Rule().refuses("/", {"host": host})
    assert refusal is not None
    assert refusal.status.startswith("400")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /\xe9 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Key: a\xff\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n", 431),
        (b"\r\n\r\n", 400),
    ],
)
def test_heads_are_read_or_refused(data, status):
    head = read_head(data)
    if status is None:
        assert isinstance(head, Head)
        assert (head.target, head.headers) == ("/", {"host": "localhost"})
    else:
        assert isinstance(head, Refusal)
        assert int(head.status[:3]) == status


def test_a_browser_that_names_no_body_is_shown_the_next_plan(tmp_path):
    """That plan ended the node that serves the page, and nobody could approve any more."""
    from tests.abuse.page_requests import Abused
    from tests.abuse.stand_ins import Browser

    abused, browser = Abused(tmp_path), Browser()
    try:
        abused.page._enter(browser)
        (visit,) = abused.page.visits
        visit.adjust.body._impl.value = "nobody"
        abused.page.show_plan(replace(abused.plan, method="another"))
        assert visit._failed == ""
        assert abused.problem() == ""
    finally:
        abused.close()
        browser.server.stop()
