"""No callback of any node raises, moves anything or silences its node, whatever message or answer comes."""

import pytest
from tests.abuse.driven import Driven, executables
from tests.abuse.message_mutations import no_numbers
from tests.abuse.stand_ins import over_the_wire

from rafr.nodes.complaints import complaint, wrong_frame

pytestmark = pytest.mark.ros
SEED, EACH = 11, 2  # messages for each callback; the large count: benchmarks/fuzz_nodes.py
NAMES = (
    "adjustment",
    "arm_controller",
    "arm_endpoint",
    "base_controller",
    "bench",
    "drill",
    "or_simulator",
    "procedure",
    "recorder",
    "reduction_planner",
    "registration",
    "review",
    "risk",
    "safety",
    "tracker",
    "trajectory",
    "view",
    "wrist",
)


@pytest.fixture(scope="module")
def domain():
    from rafr.nodes.domain import own_domain

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ROS_DOMAIN_ID", raising=False)
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        with own_domain() as own:
            yield own


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abused")
    return folder, executables(folder)


@pytest.fixture
def make(room, domain):
    folder, specs = room
    made = []

    def making(name):
        made.append(Driven(specs[name], folder, SEED, domain))
        return made[-1]

    yield making
    for driven in made:
        driven.close()


def test_every_node_is_driven(room):
    assert sorted(room[1]) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_messages_raise_nothing_move_nothing_and_the_node_goes_on(name, make):
    driven = make(name)
    outcomes = [driven.trial(k) for k in range(EACH * len(driven.callbacks))]
    defects = [f"{o.place}, {o.mutation}: {o.defect}" for o in outcomes if o.defect]
    assert not defects, "\n".join(defects)


@pytest.mark.parametrize("name", ["arm_controller", "base_controller", "safety", "wrist", "trajectory"])
def test_what_holds_no_numbers_or_is_of_another_frame_is_said_in_the_diagnostics(name, make):
    driven = make(name)
    judged = 0
    topics = [c for c in driven.callbacks if not c.place.startswith(("action", "service"))]
    for callback in topics:
        message = callback.make(None, driven.now)
        assert not complaint(message)  # it is sound
        _, empty = no_numbers(over_the_wire(message))
        if not complaint(empty):
            continue  # of a type without fractions, or one whose NaN means "not known"
        callback.call(empty)
        driven._turn()
        assert f"{callback.place} unusable: " in driven.said.message
        assert driven.said.level >= driven.said.WARN
        judged += 1
    assert judged >= 1


def test_a_wrench_of_another_frame_is_not_taken(make):
    driven = make("arm_controller")
    (callback,) = [c for c in driven.callbacks if c.place == "wrench"]
    before = driven.node._wrench
    message = callback.make(None, driven.now)
    message.header.frame_id = "tool0"
    message.wrench.force.x = 200.0
    assert wrong_frame("wrench", message)
    callback.call(message)
    driven._turn()
    assert driven.node._wrench is before
    assert "wrench unusable: in frame 'tool0' instead of 'clamp'" in driven.said.message
