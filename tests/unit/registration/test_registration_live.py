"""Where bones and patient are now, found again from what tracker and odometry would say."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting


def random_pose(rng):
    return RigidTransform.from_rotvec(rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3))


@pytest.fixture
def scene():
    """Poses as they are, and the sighting they cause."""
    rng = np.random.default_rng(4)
    names = ("world_base", "base_marker", "world_tracker", "world_pelvis", "current", "mount", "wing_mount")
    truth = {name: random_pose(rng) for name in names}
    seen_from = truth["world_tracker"].inverse()
    tools = {
        "base": seen_from @ truth["world_base"] @ truth["base_marker"],
        "reference": seen_from @ truth["world_pelvis"] @ truth["mount"],
        "fragment_wing": seen_from @ truth["world_pelvis"] @ truth["current"] @ truth["wing_mount"],
    }
    T_marker_ct = {"pelvis": truth["mount"].inverse(), "wing": truth["wing_mount"].inverse()}
    return truth, Sighting(tools, T_marker_ct, truth["world_base"])


def same(a, b):
    return np.allclose(a.matrix, b.matrix, atol=1e-9)


def test_bones_tracker_and_patient_are_found_where_they_are(scene):
    truth, seen = scene
    assert same(seen.bodies("pelvis", ["wing"])["wing"], truth["current"])
    assert same(seen.T_world_tracker(truth["base_marker"]), truth["world_tracker"])
    assert same(seen.T_world_pelvis("pelvis", truth["base_marker"]), truth["world_pelvis"])


@pytest.mark.parametrize("hidden", ["reference", "fragment_wing", "base"])
def test_what_the_tracker_does_not_see_is_not_guessed(scene, hidden):
    truth, seen = scene
    tools = {name: T for name, T in seen.tools.items() if name != hidden}
    blind = Sighting(tools, seen.T_marker_ct, seen.T_world_base)
    assert (blind.bodies("pelvis", ["wing"]) == {}) == (hidden != "base")
    lost = blind.T_world_pelvis("pelvis", truth["base_marker"]) is None
    assert lost == (hidden != "fragment_wing")


def test_nothing_is_known_before_the_registration_and_the_first_odometry(scene):
    truth, seen = scene
    assert Sighting(seen.tools, {}, seen.T_world_base).bodies("pelvis", ["wing"]) == {}
    assert Sighting(seen.tools, seen.T_marker_ct, None).T_world_tracker(truth["base_marker"]) is None
