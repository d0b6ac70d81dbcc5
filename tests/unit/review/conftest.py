"""A small operation as a recorder would have written it, for tests of its replay."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys.store import Nodetype

from rafr.assessment import ACCEPTED
from rafr.cases.case import Body, Case, SchantzPin
from rafr.geometry import Plane, RigidTransform
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.review.recording import Recording, typestore

MESSAGES = Path(__file__).resolve().parents[3] / "ros2_ws" / "src" / "rafr_msgs" / "msg"
JOINTS = [f"{n}_joint" for n in ("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3")]
RATE = 20  # Hz
SECONDS = 15.0
BEGAN = 1_700_000_000  # s since 1970
SLOWER = 3.0  # wall time per time of the operation
GUIDED = (7.0, 8.0)  # s, when the drill is guided
HIDDEN = (9.0, 11.0)  # s, when the tracker does not see the fragment


class Messages:
    """Makes messages without ROS: what is not given is zero or empty."""

    def __init__(self):
        self.types = typestore([MESSAGES])

    def make(self, kind, /, **fields):
        values = {name: self._empty(what) for name, what in self.types.fielddefs[kind][1]}
        return self.types.types[kind](**values | fields)

    def _empty(self, kind):
        node, what = kind
        if node == Nodetype.NAME:
            return self.make(what)
        if node == Nodetype.BASE:
            return {"string": "", "bool": False}.get(what[0], 0.0 if what[0].startswith("float") else 0)
        (_, (element, *_)), count = what
        return np.zeros(count, dtype=element) if element[:3] in ("flo", "int", "uin") else []

    def pose(self, T):
        x, y, z = map(float, T.translation)
        qx, qy, qz, qw = map(float, T.quaternion_xyzw)
        place = self.make("geometry_msgs/msg/Point", x=x, y=y, z=z)
        turn = self.make("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw)
        return self.make("geometry_msgs/msg/Pose", position=place, orientation=turn)

    def header(self, t):
        ns = round(t * 1e9)
        stamp = self.make("builtin_interfaces/msg/Time", sec=ns // 10**9, nanosec=ns % 10**9)
        return self.make("std_msgs/msg/Header", stamp=stamp)


def moved(x=0.0, y=0.0, z=0.0):
    return RigidTransform.from_translation((x, y, z))


def make_plan(way_mm):
    steps = [moved(-x) for x in np.linspace(0.0, way_mm, 4)]
    path = tuple(PathPose(T, 2.0, 30.0, 1.0) for T in steps)
    wing = BodyPlan("wing", (11,), steps[-1], 1.0, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.0)
    return ReductionPlan("box", "by hand", (wing,), plane, ("wing",), ACCEPTED, 0.1)


@dataclass
class Writer:
    """Writes messages as the recorder does, by the operation's time."""

    folder: Path
    messages: Messages = field(default_factory=Messages)

    def __post_init__(self):
        self.recording = Recording(self.folder, self.messages.types)
        self.topics = set()

    def write(self, t, topic, kind, /, **fields):
        if "header" in dict(self.messages.types.fielddefs[kind][1]):
            fields = {"header": self.messages.header(t)} | fields
        if topic not in self.topics:
            self.topics.add(topic)
            self.recording.add(topic, kind)
        data = self.messages.types.serialize_cdr(self.messages.make(kind, **fields), kind)
        self.recording.write(topic, round((BEGAN + 100.0 + SLOWER * t) * 1e9), bytes(data))


def _motion(w, t):
    """Robot, tools and arm at a time: the fragment goes 1 mm in a second, the base drives from 6 s to 8 s."""
    make, pose = w.messages.make, w.messages.pose
    w.write(t, "/rafr/joint_states", "sensor_msgs/msg/JointState", name=JOINTS, position=np.full(6, 0.1 * t))
    drives = 6.0 <= t < 8.0
    T_world_base = moved(0.1 * (np.clip(t, 6.0, 8.0) - 6.0), -1.5)
    speed = make(
        "geometry_msgs/msg/Twist", linear=make("geometry_msgs/msg/Vector3", x=0.1 if drives else 0.0)
    )
    w.write(
        t,
        "/rafr/odom",
        "nav_msgs/msg/Odometry",
        pose=make("geometry_msgs/msg/PoseWithCovariance", pose=pose(T_world_base)),
        twist=make("geometry_msgs/msg/TwistWithCovariance", twist=speed),
    )
    T_reference, T_fragment = moved(0.0, 0.0, 1.0), moved(1e-3 * t, 0.0, 1.0)
    T_tracker = {"base": T_world_base, "reference": T_reference, "fragment_wing": T_fragment}
    tools = [
        make(
            "rafr_msgs/msg/ToolPose",
            name=name,
            valid=not (name == "fragment_wing" and HIDDEN[0] <= t < HIDDEN[1]),
            pose=pose(T),
        )
        for name, T in T_tracker.items()
    ]
    w.write(t, "/rafr/tracker/tools", "rafr_msgs/msg/ToolPoses", tools=tools)
    if GUIDED[0] <= t < GUIDED[1]:
        said = make("diagnostic_msgs/msg/DiagnosticStatus", message=f"pin 1: {t:.1f}")
        w.write(t, "/rafr/drill/guidance", "diagnostic_msgs/msg/DiagnosticArray", status=[said])
    holds = 10.0 <= t < 12.0
    w.write(
        t,
        "/rafr/arm/state",
        "rafr_msgs/msg/ArmState",
        state=4 if holds else 3,
        body="wing",
        reason="the fragment was not tracked" if holds else "",
        fragment_tracked=not HIDDEN[0] <= t < HIDDEN[1],
        force=10.0 * t,
        force_limit=300.0,
    )


def _register(w, t, shift):
    """`shift`: m, of the fragment's marker."""
    body = {name: w.messages.pose(moved(x)) for name, x in (("reference", 0.0), ("wing", shift))}
    bodies = [
        w.messages.make("rafr_msgs/msg/BodyRegistration", name=n, marker_from_ct=T) for n, T in body.items()
    ]
    w.write(
        t, "/rafr/registration", "rafr_msgs/msg/Registration", case_id="box", accepted=True, bodies=bodies
    )


def _plan(w, t, plan):
    w.write(
        t,
        "/rafr/plan",
        "rafr_msgs/msg/Plan",
        case_id=plan.case_id,
        hash=plan.hash,
        json=json.dumps(plan.to_json()),
    )


def _phase(w, t, phase, status=0, message="", history=()):
    w.write(
        t,
        "/rafr/procedure/state",
        "rafr_msgs/msg/ProcedureState",
        phase=phase,
        status=status,
        message=message,
        history=list(history),
    )


# when (s) what is said once
SCRIPT = {
    0.0: lambda w, t: _phase(w, t, "registration"),
    2.0: lambda w, t: _register(w, t, 0.0),
    4.0: lambda w, t: _plan(w, t, make_plan(8.0)),
    5.0: lambda w, t: w.write(
        t, "/rafr/approval", "rafr_msgs/msg/Approval", plan_hash=make_plan(8.0).hash, approver="Dr. Who"
    ),
    6.0: lambda w, t: _phase(w, t, "docking", history=["registration: done", "pins: done"]),
    8.5: lambda w, t: _phase(w, t, "reduction", history=["registration: done", "pins: done"]),
    10.0: lambda w, t: _phase(w, t, "reduction", 2, "the fragment was not tracked", ["pins: done"]),
    # a procedure that was started anew forgets what was done
    12.0: lambda w, t: _phase(w, t, "reduction"),
    13.0: lambda w, t: _register(w, t, 0.005),
    14.0: lambda w, t: _plan(w, t, make_plan(9.0)),
}


def _tissue(w, t):
    """One cord, and the traction in words."""
    make = w.messages.make
    ends = [make("geometry_msgs/msg/Point", x=0.001 * t), make("geometry_msgs/msg/Point", z=0.1)]
    cord = make(
        "visualization_msgs/msg/Marker",
        ns="muscles",
        type=5,
        points=ends,
        colors=[make("std_msgs/msg/ColorRGBA", r=1.0, a=1.0)] * 2,
    )
    label = make("visualization_msgs/msg/Marker", ns="label", type=9, text=f"traction {t:.0f} N")
    w.write(t, "/rafr/simulation/tissue", "visualization_msgs/msg/MarkerArray", markers=[cord, label])


def write_part(folder, begin, end, close=True, tissue=False):
    """A recording of a part of the operation (s)."""
    w = Writer(folder)
    for k in range(round(begin * RATE), round(end * RATE)):
        t = k / RATE
        if t in SCRIPT:
            SCRIPT[t](w, t)
        _motion(w, t)
        if k % RATE == 0:
            if tissue:
                _tissue(w, t)
            w.recording.flush()
    w.recording.flush()
    if close:
        w.recording.close()
    return folder


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory):
    """The folder of a run of 15 s; not to be changed."""
    run = tmp_path_factory.mktemp("run")
    write_part(run / "recording", 0.0, SECONDS)
    return run


@pytest.fixture(scope="session")
def part_of_run():
    """`write_part`."""
    return write_part


@pytest.fixture(scope="session")
def plan_of_run():
    """The plan with a way of so many mm: 8 first, 9 from 14 s on."""
    return make_plan


@pytest.fixture(scope="session")
def case_of_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    pins = tuple(SchantzPin(np.array([x, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])) for x in (40.0, 60.0))
    bodies = (Body("reference", (1,)), Body("wing", (11,)))
    image = folder / "none.nii.gz"
    return Case(folder, "box", image, image, None, bodies, schantz_pins=(("wing", pins),))
