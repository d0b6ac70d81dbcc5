"""Tools are mounted as a surgeon would who sees tracker and pins."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.planning.pins import patient_axes
from rafr.simulation.markers import mount_markers


@pytest.mark.parametrize("eye_mm", [(1350.0, 1400.0, 999.0), (-1350.0, 1400.0, 999.0), (1500.0, -500.0, 0.0)])
def test_a_fragments_tool_keeps_clear_of_the_clamp_and_in_front_of_the_patient(blocks, eye_mm):
    vertices = blocks.meshes["left"].mesh.vertices
    pins, eye = dict(blocks.case.schantz_pins), np.array(eye_mm)
    eyes = {"reference": eye, "left": eye}
    markers = mount_markers(
        blocks.case, blocks.meshes, RigidTransform.identity(), pins, eyes, np.random.default_rng(0)
    )
    place = 1e3 * markers.T_ct_marker["left"].translation
    anterior = patient_axes(blocks.case).anterior
    assert place @ anterior > (vertices @ anterior).max() + 30.0
    clamp = np.mean([p.tail_mm for p in pins["left"]], axis=0)
    way = (eye - place) / np.linalg.norm(eye - place)
    beside = (clamp - place) - ((clamp - place) @ way) * way
    assert np.linalg.norm(beside) > 60.0  # mm from the line of sight to the clamp


def test_a_fragment_without_pins_carries_its_tool_straight_in_front(blocks):
    eyes = {"reference": np.zeros(3), "left": np.zeros(3)}
    markers = mount_markers(
        blocks.case, blocks.meshes, RigidTransform.identity(), {}, eyes, np.random.default_rng(0)
    )
    vertices = blocks.meshes["left"].mesh.vertices
    anterior = patient_axes(blocks.case).anterior
    ahead = 1e3 * markers.T_ct_marker["left"].translation @ anterior - (vertices @ anterior).max()
    assert ahead == pytest.approx(80.0, abs=20.0)
