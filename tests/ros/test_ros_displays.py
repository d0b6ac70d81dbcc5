"""config/rafr.rviz against the running system, and its frames: one tree."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

pytestmark = [pytest.mark.ros, pytest.mark.slow]

RVIZ = Path(__file__).resolve().parents[2] / "config" / "rafr.rviz"
KINDS = {"MarkerArray": "visualization_msgs/msg/MarkerArray", "RobotModel": "std_msgs/msg/String"}
UPDATE = "visualization_msgs/msg/InteractiveMarkerUpdate"
FEEDBACK = "visualization_msgs/msg/InteractiveMarkerFeedback"


@pytest.fixture(scope="module")
def case_folder(tmp_path_factory):
    from rafr.cases.simulate import simulate_case
    from rafr.cases.virtual import virtual_pelvis

    out = tmp_path_factory.mktemp("displays") / "case"
    simulate_case(virtual_pelvis(np.random.default_rng(3)), "si-dislocation", 3, out, spacing_mm=2.0)
    return out


def displays():
    """[(class, settings)] of the configuration."""
    listed = yaml.safe_load(RVIZ.read_text(encoding="utf-8"))["Visualization Manager"]["Displays"]
    return [(d["Class"].split("/")[1], d) for d in listed]


def subscriptions():
    """{topic: (type, requested durability)} of every display."""
    wanted = {}
    for kind, display in displays():
        topic = display.get("Topic") or display.get("Description Topic")
        if topic:
            assert topic["Reliability Policy"] == "Reliable"
            wanted[topic["Value"]] = KINDS[kind], topic["Durability Policy"]
        if kind == "InteractiveMarkers":
            wanted[f"{display['Interactive Markers Namespace']}/update"] = UPDATE, "Volatile"
    return wanted


@pytest.fixture
def system(lab, case_folder):
    """The simulated room, tracker and view of a registered patient."""
    from rafr_msgs.msg import BodyRegistration, Registration

    from rafr.cases.case import load_case
    from rafr.geometry import RigidTransform
    from rafr.nodes.convert import pose_message
    from rafr.nodes.runtime import LATCHED

    case, here = load_case(case_folder), pose_message(RigidTransform.identity())
    lab.start("or_simulator", case=str(case_folder), seed=1)
    script = Path(__file__).with_name("speaking_frames.py")
    lab.start("tracker", script, use_sim_time=True)
    lab.start("view", script, case=str(case_folder))
    lab.bodies = [case.reference.name, *(b.name for b in case.moving)]
    bodies = [BodyRegistration(name=n, cbct_from_ct=here, marker_from_ct=here) for n in lab.bodies]
    lab.registration = lab.node.create_publisher(Registration, "registration", LATCHED)
    lab.registration.publish(Registration(case_id=case.id, bodies=bodies, accepted=True))
    lab.wait_ready("or_simulator", "tracker", "view")
    return lab


def test_every_display_finds_its_topic_with_its_type_and_durability(system):
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    def there():
        return dict(system.node.get_topic_names_and_types())

    wanted = subscriptions()
    assert len(wanted) == 6
    assert system.wait(lambda: set(wanted) <= set(there())), set(wanted) - set(there())
    for topic, (kind, durability) in wanted.items():
        assert there()[topic] == [kind]
        (publisher,) = system.node.get_publishers_info_by_topic(topic)
        assert publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        if durability == "Transient Local":
            assert publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert there()["/rafr/targets/feedback"] == [FEEDBACK]
    services = dict(system.node.get_service_names_and_types())
    assert services["/rafr/targets/get_interactive_markers"] == [
        "visualization_msgs/srv/GetInteractiveMarkers"
    ]


def test_the_frames_of_view_and_tracker_are_one_tree_on_world_and_of_one_clock(system):
    from std_msgs.msg import String

    said = {}  # child: {parent: latest stamp}

    def take(message):
        for parent, child, stamp in json.loads(message.data):
            said.setdefault(child, {})[parent] = stamp

    system.node.create_subscription(String, "frames", take, 100)
    tools = {
        f"{tool}_marker" for tool in ("reference", "base", *(f"fragment_{b}" for b in system.bodies[1:]))
    }
    wanted = {"base", "clamp", "flange", "tracker", "pelvis", *tools}
    assert system.wait(lambda: wanted <= set(said)), wanted - set(said)
    system.wait(lambda: False, seconds=2.0)
    assert all(len(parents) == 1 for parents in said.values())
    parents = {child: next(iter(above)) for child, above in said.items()}
    for frame in said:
        way = [frame]
        while way[-1] in parents and len(way) <= len(parents):
            way.append(parents[way[-1]])
        assert way[-1] == "world", way
    # s of simulated time; on two clocks they would be decades apart
    assert np.ptp([stamp for above in said.values() for stamp in above.values()]) < 30.0


def test_every_marker_hangs_on_a_frame_of_that_tree_and_the_room_is_shown(system):
    from visualization_msgs.msg import MarkerArray

    from rafr.nodes.runtime import LATCHED

    topics = ("markers", "markers/tools", "markers/state")
    for topic in topics:
        system.listen(MarkerArray, topic, LATCHED)

    def shown():
        return {m.ns: m for t in topics for array in system.received[t][-1:] for m in array.markers}

    wanted = {"table", "bones", "tools", "tool_names", "force_number", "state"}
    assert system.wait(lambda: wanted <= set(shown())), set(shown())
    frames = {ns: m.header.frame_id for ns, m in shown().items()}
    assert frames | {"force": "clamp"} == {
        "table": "world", "bones": "pelvis", "tools": "tracker", "tool_names": "tracker",
        "force": "clamp", "force_number": "clamp", "state": "world",
    }  # fmt: skip
    assert "safety: silent" in shown()["state"].text
    assert all(m.frame_locked and m.header.stamp.sec == 0 for m in shown().values())
