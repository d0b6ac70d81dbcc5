"""Messages of one tool each become frames: nothing twice, nothing lost in silence."""

from collections import Counter

from rafr.geometry import RigidTransform
from rafr.tracking.drivers.frame import Reading
from rafr.tracking.drivers.igtl_messages import PoseMessage
from rafr.tracking.drivers.openigtlink import FrameBuilder, OpenIGTLinkConfig

READING = Reading(RigidTransform.identity())


def message(time, *tools, whole=False):
    return PoseMessage(time, whole, dict.fromkeys(tools, READING))


def build(*steps, **config):
    """Feed (arrival, message or None); the frames, as (device time, number, tools), and the losses."""
    losses = Counter()
    builder = FrameBuilder(OpenIGTLinkConfig(**config), losses)
    frames = []
    for arrival, m in steps:
        frames += builder.overdue(arrival) if m is None else builder.add(m, arrival)
    return [(f.device_time, f.frame_number, "".join(sorted(f.tools))) for f in frames], losses


def test_tools_of_one_time_are_one_frame_passed_on_as_soon_as_the_known_ones_are_there():
    frames, losses = build(
        (0.0, message(1.0, "a")),
        (0.0, message(1.0, "b")),
        (0.0, message(1.02, "a")),
        (0.0, message(1.02, "b")),
        (0.0, message(1.04, "b")),
        (0.0, message(1.04, "a")),
    )
    assert frames == [(1.0, 1, "ab"), (1.02, 2, "ab"), (1.04, 3, "ab")]
    assert not losses


def test_a_tool_that_vanishes_delays_one_frame_by_the_gathering_time_and_its_return_is_counted():
    start = [(0.0, message(1.0, "a")), (0.0, message(1.0, "b")), (0.05, None)]
    gone = [(0.1, message(1.1, "a")), (0.101, None), (0.125, None), (0.2, message(1.2, "a"))]
    back = [
        (0.3, message(1.3, "a")),
        (0.3, message(1.3, "b")),
        (0.4, message(1.4, "a")),
        (0.4, message(1.4, "b")),
    ]
    frames, losses = build(*start, *gone, *back)
    assert frames == [(1.0, 1, "ab"), (1.1, 2, "a"), (1.2, 3, "a"), (1.3, 4, "a"), (1.4, 5, "ab")]
    assert losses == {"tool of a frame already passed on": 1}


def test_a_repeated_time_keeps_the_frame_number():
    frames, _ = build((0.0, message(1.0, "a", whole=True)), (0.0, message(1.0, "a", whole=True)))
    assert [number for _, number, _ in frames] == [1, 1]


def test_whole_messages_that_follow_each_other_closely_are_still_different_frames():
    frames, _ = build(*[(0.0, message(1.0 + 1e-4 * k, "a", whole=True)) for k in range(3)])
    assert [number for _, number, _ in frames] == [1, 2, 3]


def test_messages_without_time_are_frames_of_their_own():
    frames, _ = build(*[(0.0, message(None, "a", whole=True))] * 3)
    assert [number for _, number, _ in frames] == [1, 2, 3]


def test_times_apart_by_less_than_the_limit_are_one_frame():
    steps = [(0.0, message(1.0, "a")), (0.0, message(1.0008, "b")), (0.1, None)]
    assert len(build(*steps)[0]) == 2
    assert len(build(*steps, igtl_same_frame=1e-3)[0]) == 1


def test_an_incomplete_frame_waits_as_long_as_configured():
    steps = [(0.0, message(1.0, "a")), (0.03, None)]
    assert len(build(*steps)[0]) == 1
    assert len(build(*steps, igtl_gather=0.05)[0]) == 0
