"""Tools are mounted as a surgeon would who sees tracker and pins."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.planning.pins import patient_axes
from rafr.simulation.markers import mount_markers
from rafr.units import to_mm


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


def reference_tool(blocks, pins, eye):
    eyes = {"reference": eye, "left": eye}
    markers = mount_markers(
        blocks.case, blocks.meshes, RigidTransform.identity(), {"left": pins}, eyes, np.random.default_rng(0)
    )
    mount = to_mm(markers.T_ct_marker["reference"])
    return mount.apply(markers.fiducials_mm.mean(axis=0))


def test_the_reference_tool_stands_aside_of_a_clamp_and_of_its_line_to_the_tracker(blocks):
    eye = np.array([1350.0, -1400.0, 999.0])
    pins = blocks.case.pins("left")
    usual = reference_tool(blocks, (), eye)
    outward = -pins[0].direction
    # pins whose clamp stands where the tool would
    over = [replace(p, entry_mm=usual - 60.0 * outward + k * 15.0) for k, p in enumerate(pins)]
    aside = reference_tool(blocks, over, eye)
    assert 60.0 < np.linalg.norm(aside - usual) < 130.0
    middle = np.mean([p.entry_mm for p in over], axis=0)

    def beside(place):
        way = place + np.linspace(0.0, 0.4, 200)[:, None] * (eye - place)
        clamp = middle + np.linspace(0.0, 450.0, 200)[:, None] * outward
        return np.linalg.norm(way[:, None] - clamp, axis=2).min()

    assert beside(aside) > beside(usual) + 40.0
    # pins far away leave it where it was
    far = [replace(p, entry_mm=p.entry_mm + np.array([0.0, 0.0, -400.0])) for p in pins]
    assert np.allclose(reference_tool(blocks, far, eye), usual)
