"""Muscles read from a model file or built in, and brought to a patient."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.tissue.muscles import Posture, load_muscles
from rafr.tissue.pelvis import _LPS_FROM_MODEL, fit_map

NEUTRAL = Posture(0.0, 0.0)
MODEL = """<?xml version="1.0"?>
<OpenSimDocument Version="40000"><Model name="m">
<JointSet><objects><CustomJoint name="hip_r">
 <socket_parent_frame>pelvis_offset</socket_parent_frame><socket_child_frame>femur_r_offset</socket_child_frame>
 <frames>
  <PhysicalOffsetFrame name="pelvis_offset"><socket_parent>/bodyset/pelvis</socket_parent>
   <translation>-0.07 -0.06 0.08</translation><orientation>0 0 0</orientation></PhysicalOffsetFrame>
  <PhysicalOffsetFrame name="femur_r_offset"><socket_parent>/bodyset/femur_r</socket_parent>
   <translation>0 0 0</translation><orientation>0 0 0</orientation></PhysicalOffsetFrame>
 </frames>
 <SpatialTransform><TransformAxis name="rotation1"><coordinates>hip_flexion_r</coordinates><axis>0 0 1</axis>
  <LinearFunction name="function"><coefficients> 1 0</coefficients></LinearFunction></TransformAxis>
 </SpatialTransform>
</CustomJoint></objects></JointSet>
<ForceSet><objects><Thelen2003Muscle name="iliacus_r">
 <GeometryPath name="geometrypath"><PathPointSet><objects>
  <PathPoint name="p1"><socket_parent_frame>/bodyset/pelvis</socket_parent_frame>
   <location>-0.06 0.03 0.08</location></PathPoint>
  <ConditionalPathPoint name="p2"><socket_parent_frame>/bodyset/pelvis</socket_parent_frame>
   <location>-0.03 -0.08 0.08</location><socket_coordinate>/jointset/hip_r/hip_flexion_r</socket_coordinate>
   <range>-1.57 0.78</range></ConditionalPathPoint>
  <PathPoint name="p3"><socket_parent_frame>/bodyset/femur_r</socket_parent_frame>
   <location>0.0 -0.06 0.01</location></PathPoint>
 </objects></PathPointSet></GeometryPath>
 <max_isometric_force>1000</max_isometric_force><optimal_fiber_length>0.1</optimal_fiber_length>
 <tendon_slack_length>0.1</tendon_slack_length><pennation_angle_at_optimal>0.1</pennation_angle_at_optimal>
</Thelen2003Muscle></objects></ForceSet>
</Model></OpenSimDocument>"""


def test_a_model_is_read_in_a_posture(tmp_path):
    path = tmp_path / "m.osim"
    path.write_text(MODEL)
    straight = load_muscles(path, NEUTRAL)
    (muscle,) = straight.muscles
    assert (muscle.force, muscle.fibre, muscle.tendon, muscle.pennation) == (1000.0, 0.1, 0.1, 0.1)
    assert straight.places(muscle) == pytest.approx(
        np.array([[-0.06, 0.03, 0.08], [-0.03, -0.08, 0.08], [-0.07, -0.12, 0.09]])
    )
    # flexed by 90 degrees the thigh points forward, and the conditional point is left out
    flexed = load_muscles(path, Posture(np.pi / 2, 0.0))
    assert flexed.places(flexed.muscles[0])[1:] == pytest.approx(np.array([[-0.01, -0.06, 0.09]]))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("40000", "30000", "not an OpenSim 4 model"),
        ("</Model>", "", "not readable as XML"),
        ("<max_isometric_force>1000", "<max_isometric_force>many", "'many' is not a number"),
        ("<max_isometric_force>1000", "<max_isometric_force>-1", "iliacus_r is out of range"),
        ("-0.06 0.03 0.08", "-0.06 0.03", "not three numbers"),
        (
            "/bodyset/pelvis</socket_parent_frame>",
            "/bodyset/torso</socket_parent_frame>",
            "no muscle reaches",
        ),
        ("LinearFunction", "PolynomialFunction", "no function known"),
        ("<socket_parent>/bodyset/pelvis", "<socket_parent>/bodyset/skull", "no joint leads"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(tmp_path, old, new, complaint):
    assert old in MODEL
    path = tmp_path / "bad.osim"
    path.write_text(MODEL.replace(old, new))
    with pytest.raises(InputError, match=complaint) as raised:
        load_muscles(path, NEUTRAL)
    assert "bad.osim" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("posture", [NEUTRAL, Posture(), Posture(0.6, 0.3)])
def test_the_built_in_muscles_are_symmetric(posture):
    model = load_muscles(None, posture)
    by_name = {m.name: m for m in model.muscles}
    for name, muscle in by_name.items():
        if name.endswith("_r"):
            other = model.places(by_name[f"{name[:-2]}_l"])
            assert model.places(muscle) == pytest.approx(other * [1.0, 1.0, -1.0])


@pytest.mark.data
@pytest.mark.parametrize("posture", [NEUTRAL, Posture()])
def test_the_built_in_muscles_are_those_of_the_published_model(data_folder, posture):
    file = load_muscles(data_folder / "opensim" / "gait2392_thelen2003muscle.osim", posture)
    built_in = {m.name: m for m in load_muscles(None, posture).muscles}
    assert {m.name for m in file.muscles} == built_in.keys()
    for muscle in file.muscles:
        mine = built_in[muscle.name]
        assert (mine.force, mine.fibre, mine.tendon) == (muscle.force, muscle.fibre, muscle.tendon)
        # the file's two sides differ by up to half a millimetre
        length = [np.linalg.norm(np.diff(p, axis=0), axis=1).sum() for p in
                  (file.places(muscle), load_muscles(None, posture).places(mine))]  # fmt: skip
        assert length[0] == pytest.approx(length[1], abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_to_a_patient_recovers_turn_shift_and_scales(seed):
    rng = np.random.default_rng(seed)
    model = rng.normal(0, 0.08, (8, 3))
    scale = rng.uniform(0.85, 1.2, 3)
    R = Rotation.from_rotvec(rng.normal(0, 0.2, 3)).as_matrix()
    shift = rng.normal(0, 100, 3)
    patient = 1e3 * (model @ _LPS_FROM_MODEL.T * scale) @ R.T + shift
    fitted = fit_map(model, patient)
    assert fitted.rms_mm < 0.1
    assert fitted.place(model) == pytest.approx(patient, abs=0.5)


def test_too_few_landmarks_give_the_size_of_an_average_adult():
    model = np.array([[-0.07, -0.066, 0.08], [-0.015, 0.0, 0.12]])
    fitted = fit_map(model, np.array([[-80.0, 70.0, -66.0], [-120.0, 15.0, 0.0]]))
    assert np.linalg.svd(fitted.linear)[1] == pytest.approx([1e3] * 3)
    assert np.isnan(fitted.rms_mm)
