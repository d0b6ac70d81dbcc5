"""The simulated operating room as a process: clock, lockstep, watchdog, services, CBCT."""

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]


@pytest.fixture(scope="module")
def case_folder(tmp_path_factory):
    from rafr.cases.simulate import simulate_case
    from rafr.cases.virtual import virtual_pelvis

    out = tmp_path_factory.mktemp("or") / "case"
    simulate_case(virtual_pelvis(np.random.default_rng(3)), "si-dislocation", 3, out, spacing_mm=2.0)
    return out


class Driver:
    """A scripted arm controller: answers every joint state."""

    def __init__(self, lab):
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        from rafr.nodes.runtime import SENSOR

        self.states, self.shift, self.answering, self.q0 = [], 0.0, True, None
        self._publisher = lab.node.create_publisher(
            JointTrajectory, "joint_trajectory_controller/joint_trajectory", 10
        )
        lab.node.create_subscription(JointState, "joint_states", self._answer, SENSOR)

    def _answer(self, state):
        from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

        self.states.append(state)
        self.q0 = np.array(state.position) if self.q0 is None else self.q0
        if self.answering:
            goal = self.q0 + self.shift
            command = JointTrajectory(joint_names=state.name)
            command.points = [JointTrajectoryPoint(positions=goal.tolist())]
            command.header.stamp = state.header.stamp
            self._publisher.publish(command)

    def stamps(self):
        return [s.header.stamp.sec + 1e-9 * s.header.stamp.nanosec for s in self.states]


@pytest.fixture
def room(lab, case_folder):
    lab.driver = Driver(lab)
    lab.start("or_simulator", case=str(case_folder), seed=1)
    lab.wait_ready("or_simulator")
    return lab


def call(lab, kind, name, request):
    client = lab.node.create_client(kind, name)
    assert client.wait_for_service(timeout_sec=90.0)
    return lab.wait_result(client.call_async(request))


def test_every_tick_is_answered_before_the_next_one_and_the_arm_follows(room):
    driver = room.driver
    assert room.wait(lambda: len(driver.states) > 50)
    driver.shift = 0.02
    count = len(driver.states)
    assert room.wait(lambda: len(driver.states) > count + 100)
    ticks = np.diff(driver.stamps()[20:])
    assert np.allclose(ticks, 0.01, atol=1e-6)  # none lost, none repeated
    reached = np.array(driver.states[-1].position) - driver.q0
    assert np.abs(reached - 0.02).max() < 1e-3  # rad; the encoder's noise is 5e-6


def test_an_arm_without_commands_stops(room):
    driver = room.driver
    assert room.wait(lambda: len(driver.states) > 30)
    driver.shift = 0.3  # a far goal, reached within one command period by the drive's set point
    driver.answering = False
    count = len(driver.states)
    assert room.wait(lambda: len(driver.states) > count + 40)
    moved = np.array(driver.states[-1].position) - np.array(driver.states[count + 20].position)
    assert np.abs(moved).max() < 1e-4  # rad


def test_the_clamp_refuses_pins_out_of_reach_and_services_answer(room, case_folder):
    from rafr_msgs.srv import FixBody, SetClamp, SetTraction
    from std_srvs.srv import SetBool

    from rafr.cases.case import load_case

    body = load_case(case_folder).moving[0].name
    assert call(room, SetBool, "holding_device", SetBool.Request(data=True)).success
    assert call(room, SetBool, "base/brakes", SetBool.Request(data=True)).success
    assert call(room, SetTraction, "traction", SetTraction.Request(tension=50.0)).success
    no_pins = call(room, SetClamp, "clamp", SetClamp.Request(closed=True, body=body))
    assert not no_pins.success
    assert "no pins" in no_pins.message
    assert call(room, FixBody, "insert_pins", FixBody.Request(body=body)).success
    too_far = call(room, SetClamp, "clamp", SetClamp.Request(closed=True, body=body))
    assert not too_far.success
    assert "reach" in too_far.message  # the arm is parked
    unknown = call(room, FixBody, "insert_pins", FixBody.Request(body="nobody"))
    assert not unknown.success
    assert "nobody" in unknown.message
    assert call(room, FixBody, "fix_body", FixBody.Request(body=body)).success


def test_a_cbct_is_written_with_its_time_while_time_goes_on(room, tmp_path):
    from rafr_msgs.srv import AcquireCbct

    from rafr.imaging.readers import read_volume

    path = tmp_path / "cbct.nii.gz"
    client = room.node.create_client(AcquireCbct, "acquire_cbct")
    assert client.wait_for_service(timeout_sec=90.0)
    before = len(room.driver.states)
    answer = room.wait_result(client.call_async(AcquireCbct.Request(path=str(path))), 120.0)
    assert answer.success, answer.message
    assert len(room.driver.states) > before
    assert read_volume(path).array.max() > 2000  # steel is in the picture
    assert not call(room, AcquireCbct, "acquire_cbct", AcquireCbct.Request(path="no/such/x.nii")).success


def test_an_unknown_fault_is_bad_input(lab, case_folder):
    process = lab.start("or_simulator", case=str(case_folder), seed=1, faults="tracker-frozen")
    assert process.wait(timeout=90) == 2
    assert "tracker-frozen" in lab.log("or_simulator")


def test_it_ends_cleanly_on_an_interrupt(room):
    assert room.stop("or_simulator") == 0


def test_the_soft_tissue_is_drawn_for_whoever_looks(room):
    from visualization_msgs.msg import Marker, MarkerArray

    from rafr.nodes.cord_markers import TOPIC

    assert room.wait(lambda: len(room.driver.states) > 20)
    room.listen(MarkerArray, TOPIC)
    assert room.wait(lambda: len(room.received[TOPIC]) > 2)
    markers = {m.ns: m for m in room.received[TOPIC][-1].markers}
    assert {"muscles", "bedding", "traction"} <= set(markers)
    for marker in markers.values():
        assert marker.header.frame_id == "pelvis"
        if marker.type == Marker.LINE_LIST:
            assert len(marker.points) == len(marker.colors) > 0
    assert markers["label"].text == "traction 0 N"
