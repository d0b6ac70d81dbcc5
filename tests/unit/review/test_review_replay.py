"""A replay shows at any moment what the page showed then, wherever it comes from."""

import contextlib
import json
import shutil
import threading
import time

import numpy as np
import pytest

from rafr.cli.main import main
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.review.operation import Operation
from rafr.review.recorded import Recorded
from rafr.review.replay import TOPICS, Playback, Replay, set_up
from rafr.review.theatre import Surroundings
from rafr.review.timeline import named_events
from rafr.robot.description import urdf_text
from rafr.room import R_WORLD_SUPINE, OperatingRoom

AS_MEANT = RigidTransform(R_WORLD_SUPINE, np.array([0.0, 0.0, 1.1]))


class FakePage:
    """What was shown last, by the methods a page offers; it is its own theatre."""

    def __init__(self):
        self.plan = self.poses = self.numbers = self.patient = self.timeline = None
        self.links, self.pins, self.said, self.times = {}, {}, "", []
        self.watched = True
        self.theatre = self

    def show_plan(self, plan):
        self.plan = plan

    def show_poses(self, poses):
        self.poses = dict(poses)

    def tell(self, numbers):
        self.numbers = numbers

    def say(self, text):
        self.said = text

    close_decision = say

    def place_patient(self, T):
        self.patient = T

    def place_robot(self, links):
        self.links = links

    def add_pins(self, body, pins):
        assert body not in self.pins
        self.pins[body] = pins

    def remove_pins(self, body):
        del self.pins[body]

    def show_cords(self, cords, label):
        self.cords, self.label = cords, label

    def explain_cords(self):
        self.explained = True

    def add_timeline(self, timeline):
        self.timeline = timeline

    def set_time(self, t, playing):
        self.times.append((t, playing))

    def state(self):
        """All of it, comparable."""
        numbers = repr(self.numbers)
        poses = {name: T.matrix.round(9).tolist() for name, T in self.poses.items()}
        links = {name: T.matrix.round(9).tolist() for name, T in self.links.items()}
        patient = self.patient.matrix.round(9).tolist()
        return (
            self.plan.hash if self.plan else "",
            poses,
            numbers,
            self.said,
            patient,
            links,
            sorted(self.pins),
        )


@pytest.fixture(scope="session")
def urdf():
    return urdf_text()


@pytest.fixture
def opened(case_of_run, urdf):
    """Opens a run on a fake page."""
    with contextlib.ExitStack() as stack:

        def open_run(run, case=case_of_run, injected=None):
            recorded = Recorded(run, TOPICS, "/rafr")
            stack.callback(recorded.close)
            set_up(recorded)
            page = FakePage()
            around = Surroundings(OperatingRoom.from_yaml(), (), AS_MEANT)
            operation = Operation(page, case, {}, around, urdf, print)
            return Replay(recorded, page, operation, case, injected or {}), page

        yield open_run


def test_time_is_that_of_the_operation_and_not_of_the_wall(recorded_run, opened):
    replay, page = opened(recorded_run)
    assert replay.duration == pytest.approx(14.95)
    replay.show(7.0)
    assert page.numbers.force == pytest.approx(70.0, abs=0.51)  # N: 10 N in a second, 20 Hz


def test_what_is_shown_depends_on_the_time_alone(recorded_run, opened):
    times = np.arange(0.0, 15.0, 0.25)
    replay, page = opened(recorded_run)
    played = {}
    for t in times:
        replay.show(t)
        played[t] = page.state()
    wanted = [t for t in times if t >= 4.0]  # a plan once shown stays on the page
    rng = np.random.default_rng(3)
    for order in (wanted[::-1], rng.permutation(wanted)):
        for t in order:
            replay.show(t)
            assert page.state() == played[t], t
    fresh, fresh_page = opened(recorded_run)
    fresh.show(9.75)
    assert fresh_page.state() == played[9.75]


def test_bones_stand_where_they_were_seen_last(recorded_run, opened):
    replay, page = opened(recorded_run)

    def x_of_wing(t):
        replay.show(t)
        return page.poses["wing"].translation[0]  # mm

    assert x_of_wing(14.0) == pytest.approx(14.0 + 5.0)  # by the second registration
    assert x_of_wing(10.5) == pytest.approx(8.95)  # hidden since 9 s
    assert x_of_wing(5.0) == pytest.approx(5.0)
    replay.show(1.0)
    assert page.poses == {}


def test_the_patient_lies_where_he_was_measured_while_the_base_stood(recorded_run, opened):
    replay, page = opened(recorded_run)
    replay.show(5.5)
    before = page.patient
    replay.show(7.0)
    assert np.allclose(page.patient.matrix, before.matrix)
    replay.show(1.0)
    assert np.allclose(page.patient.matrix, AS_MEANT.matrix)


def test_pins_come_and_go_and_outlive_a_procedure_that_was_started_anew(recorded_run, opened):
    replay, page = opened(recorded_run)
    for t, there in ((14.0, True), (5.9, False), (6.0, True), (13.0, True), (0.0, False)):
        replay.show(t)
        assert ("wing" in page.pins) == there, t


def test_the_drills_guidance_is_that_of_the_moment_and_gets_old_by_the_operations_time(recorded_run, opened):
    replay, page = opened(recorded_run)
    for t, row in ((7.5, "pin 1: 7.5"), (11.0, "no guidance for 3 s"), (6.0, ""), (7.95, "pin 1: 8.0")):
        replay.show(t)
        assert page.numbers.drill == row


def test_plan_and_its_approval_are_those_of_the_time(recorded_run, opened, plan_of_run):
    replay, page = opened(recorded_run)
    for t, way, text in ((14.5, 9.0, "not been approved"), (13.5, 8.0, "by Dr. Who"), (4.5, 8.0, "not been")):
        replay.show(t)
        assert page.plan.hash == plan_of_run(way).hash
        assert text in page.said
    replay.show(1.0)
    assert "no plan yet" in page.said
    assert page.pins == {}


def test_phases_holds_faults_and_approvals_are_events_by_name(recorded_run, opened):
    injected = 1_700_000_000 + 100.0 + 3.0 * 9.0
    replay, _ = opened(recorded_run, injected={"occlusion@0.5": injected})
    events = [(round(t, 1), text) for t, text in replay.events]
    assert events[0] == (0.0, "phase registration")
    for event in (
        (2.0, "registration accepted"),
        (6.0, "phase docking"),
        (9.0, "injected: occlusion@0.5"),
        (10.0, "held: the fragment was not tracked"),
        (10.0, "arm holds: the fragment was not tracked"),
        (12.0, "arm goes on"),
    ):
        assert event in events
    assert any(t == 5.0 and text.endswith("Approved by Dr. Who.") for t, text in events)
    assert sum(text.startswith("plan") for _, text in events) == 3


def test_cords_are_drawn_where_they_were_recorded(tmp_path, part_of_run, opened):
    part_of_run(tmp_path / "recording", 0.0, 5.0, tissue=True)
    replay, page = opened(tmp_path)
    for t in (4.5, 2.2):
        replay.show(t)
        assert page.cords["muscles"].segments[0, 0, 0] == pytest.approx(0.001 * int(t))
        assert page.numbers.traction == f"{int(t)} N"
    assert page.explained


def test_messages_that_lack_what_is_shown_are_told(tmp_path, recorded_run, opened, monkeypatch):
    monkeypatch.setattr("rafr.review.operation.ARM_STATES", ("NO_SUCH_STATE",))
    replay, _ = opened(recorded_run)
    with pytest.raises(InputError, match="not of this version"):
        replay.show(3.0)


def test_a_second_recording_and_one_that_was_never_closed_are_read_as_one(
    tmp_path, recorded_run, part_of_run, opened
):
    part_of_run(tmp_path / "recording", 0.0, 7.0, close=False)
    part_of_run(tmp_path / "recording_2", 7.0, 15.0, close=False)
    whole, page = opened(recorded_run)
    parts, page_of_parts = opened(tmp_path)
    assert parts.duration == pytest.approx(whole.duration)
    for t in (14.5, 6.5, 9.5):
        whole.show(t)
        parts.show(t)
        assert page_of_parts.state() == page.state()


def test_a_recording_that_was_cut_is_read_until_there(tmp_path, recorded_run, opened):
    data = (recorded_run / "recording" / "recording.mcap").read_bytes()
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "recording.mcap").write_bytes(data[: len(data) // 2])
    replay, page = opened(tmp_path)
    assert 5.0 < replay.duration < 10.0
    replay.show(replay.duration)
    assert page.numbers.force > 50.0


def compressed(run, out):
    """The recording as another program would write it: compressed, with checksums."""
    from mcap.reader import NonSeekingReader
    from mcap.writer import Writer

    (out / "recording").mkdir()
    ids = {}
    file = out / "recording" / "other.mcap"
    with (run / "recording" / "recording.mcap").open("rb") as source, file.open("wb") as target:
        writer = Writer(target, chunk_size=20_000)
        writer.start("ros2")
        for schema, channel, message in NonSeekingReader(source).iter_messages():
            if channel.id not in ids:
                number = writer.register_schema(schema.name, schema.encoding, schema.data)
                ids[channel.id] = writer.register_channel(channel.topic, "cdr", number)
            writer.add_message(ids[channel.id], message.log_time, message.data, message.publish_time)
        writer.finish()
    return file


def test_a_recording_compressed_by_another_program_is_read_the_same(tmp_path, recorded_run, opened):
    compressed(recorded_run, tmp_path)
    plain, page = opened(recorded_run)
    replay, other = opened(tmp_path)
    for t in (14.5, 3.0, 9.5):
        plain.show(t)
        replay.show(t)
        assert other.state() == page.state()


def test_a_damaged_part_is_left_out_and_told(tmp_path, recorded_run, opened, capsys):
    file = compressed(recorded_run, tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    replay, page = opened(tmp_path)
    assert replay.duration == pytest.approx(14.95)
    replay.show(14.0)
    assert page.numbers.force == pytest.approx(140.0, abs=0.51)
    assert main(["replay", str(tmp_path)]) == 2  # nobody says which case
    assert "left out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_byte_that_is_wrong_is_told_or_does_no_harm(tmp_path, recorded_run, opened):
    file = recorded_run / "recording" / "recording.mcap"
    rng = np.random.default_rng(7)
    (tmp_path / "recording").mkdir()
    for k in range(16):
        data = bytearray(file.read_bytes())
        data[int(rng.integers(len(data) if k % 2 else 3000))] ^= int(rng.integers(1, 256))
        (tmp_path / "recording" / "recording.mcap").write_bytes(bytes(data))
        with contextlib.suppress(InputError):
            replay, _ = opened(tmp_path)
            replay.show(replay.duration)


def test_a_recording_of_another_case_is_refused(recorded_run, opened, case_of_run):
    import dataclasses

    with pytest.raises(InputError, match="the recording: 'box'"):
        opened(recorded_run, case=dataclasses.replace(case_of_run, id="other"))


def test_it_plays_at_its_speed_stops_at_the_end_and_jumps(recorded_run, opened):
    replay, page = opened(recorded_run)
    player = Playback(replay, page, speed=10.0)
    assert page.timeline.speed == 10.0
    running = threading.Thread(target=player.run, args=(0.01,))
    running.start()

    def until(condition):
        end = time.monotonic() + 30.0
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        assert condition()

    until(lambda: page.times[-1:] == [(0.0, False)])
    page.timeline.on_play(True)
    until(lambda: page.times[-1] == (replay.duration, False))
    assert len(page.times) > 5
    page.timeline.on_seek(6.0)
    until(lambda: page.times[-1] == (6.0, False))
    until(lambda: page.numbers.phase == "docking")
    player.end()
    running.join(10.0)
    assert not running.is_alive()


def test_every_event_has_a_name_of_its_own_that_says_when():
    names = named_events(((0.0, "hold"), (0.04, "hold"), (61.25, "hold"), (600.0, "end")))
    assert names == ("0:00.0  hold", "0:00.0  hold (2)", "1:01.2  hold", "10:00.0  end")


def spoil_nothing(file):
    pass


def empty(file):
    file.write_bytes(b"")


def foreign(file):
    file.write_bytes(b"SQLite format 3\0" + bytes(100))


def damaged(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))


def of_others(file):
    """A recording of another graph."""
    from rafr.review.recording import Recording, typestore

    shutil.rmtree(file.parent)
    types = typestore()
    recording = Recording(file.parent, types)
    recording.add("/chatter", "std_msgs/msg/String")
    text = types.types["std_msgs/msg/String"](data="hello")
    recording.write("/chatter", 1, bytes(types.serialize_cdr(text, "std_msgs/msg/String")))
    recording.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_nothing, "--case FOLDER"),
        (empty, "no message on"),
        (foreign, "is no MCAP file"),
        (of_others, "no message on"),
        (lambda file: shutil.rmtree(file.parent), "no recording/*.mcap"),
    ],
)
def test_what_cannot_be_replayed_is_told_in_one_line(tmp_path, recorded_run, capsys, spoil, said):
    run = tmp_path / "run"
    shutil.copytree(recorded_run, run)
    spoil(run / "recording" / "recording.mcap")
    assert main(["replay", str(run)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert str(run) in lines[0]


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--speed", "20"], "0.5 to 10"), (["--port", "70000"], "0 to 65535")]
)
def test_options_out_of_range_are_refused(recorded_run, capsys, arguments, said):
    assert main(["replay", str(recorded_run), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_no_ros_is_needed():
    import subprocess
    import sys

    code = (
        "import sys, rafr.cli.replay, rafr.review.replay, rafr.review.recorded, rafr.nodes.specs;"
        "bad = {'rclpy', 'rafr_msgs', 'geometry_msgs'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_report_says_where_the_case_is(tmp_path, recorded_run, capsys):
    run = tmp_path / "run"
    shutil.copytree(recorded_run, run)
    (run / "report.json").write_text(json.dumps({"case": "box", "case_folder": "../gone"}))
    assert main(["replay", str(run)]) == 2
    assert "does not say where the case 'box' is" in capsys.readouterr().err
