"""The tool's weight and the sensor's bias: identified from still postures, taken out of readings."""

from dataclasses import fields

import numpy as np
import pytest

from rafr.control.posture_recording import PostureRecording, columns, read_postures, still_postures
from rafr.errors import InfeasibleError, InputError
from rafr.robot.arm import ArmModel
from rafr.robot.payload import Payload, identify_payload
from rafr.robot.wrist import Wrist, WristConfig, described_payload, read_payload, write_payload

ARM = ArmModel.named()
CONFIG = WristConfig(frame="flange")
BIAS = (3.0, -2.0, 5.0, 0.1, 0.2, -0.3)
TRUE = Payload(1.3, (0.01, -0.02, 0.08), bias=BIAS)
NOISE = np.repeat([0.1, 0.005], 3)  # N, N m, of a posture's mean


def tilted(degrees):
    """The true payload of an arm whose base leans by this much."""
    angle = np.radians(degrees)
    return Payload(TRUE.mass, TRUE.centre, (float(np.sin(angle)), 0.0, -float(np.cos(angle))), BIAS)


def postures(payload=TRUE, n=12, spread=1.0, noise=NOISE, seed=0, config=CONFIG):
    """(n, 3, 3) and (n, 6) as the sensor gives them, and the joints."""
    rng = np.random.default_rng(seed)
    wrist = Wrist(ARM, config, payload)
    q = ARM.parked + spread * rng.uniform(-1.2, 1.2, (n, ARM.dof))
    readings = np.array([wrist.reading(v) for v in q]) + noise * rng.standard_normal((n, 6))
    return np.array([wrist.rotation(v) for v in q]), readings, q


@pytest.mark.parametrize("lean", [0.0, 8.0])
def test_without_noise_mass_centre_bias_and_the_lean_of_the_base_come_back(lean):
    true = tilted(lean)
    found = identify_payload(*postures(true, noise=0.0)[:2])
    assert found.payload.mass == pytest.approx(true.mass, abs=1e-9)
    assert found.payload.centre == pytest.approx(true.centre, abs=1e-9)
    assert found.payload.bias == pytest.approx(true.bias, abs=1e-9)
    assert np.degrees(found.tilt) == pytest.approx(lean, abs=1e-6)
    assert found.assessment.accepted
    assert bool(found.assessment.reasons) == (lean > 2.0)  # said, though accepted


def test_with_noise_the_stated_deviations_hold():
    """64 identifications: the scatter is what one of them says of itself."""
    found = [identify_payload(*postures(seed=k)[:2]) for k in range(64)]
    masses = np.array([f.payload.mass for f in found])
    assert masses.mean() == pytest.approx(TRUE.mass, abs=4 * masses.std() / 8)
    assert masses.std() == pytest.approx(np.mean([f.mass_sd for f in found]), rel=0.5)
    centres = np.array([f.payload.centre for f in found])
    largest = np.sqrt(np.linalg.eigvalsh(np.cov(centres.T))[-1])
    assert largest == pytest.approx(np.mean([f.centre_sd for f in found]), rel=0.5)


def test_readings_turned_round_are_named_as_such():
    R, readings, _ = postures()
    found = identify_payload(R, -readings)
    assert not found.assessment.accepted
    assert "direction" in found.assessment.reasons[0]


@pytest.mark.parametrize(
    ("n", "spread", "words"), [(3, 1.0, "3 still postures"), (12, 0.0, "too alike"), (12, 0.1, "too alike")]
)
def test_too_few_or_too_similar_postures_are_refused(n, spread, words):
    with pytest.raises(InfeasibleError, match=words):
        identify_payload(*postures(n=n, spread=spread)[:2])


def test_turning_about_the_vertical_alone_is_too_alike_however_far():
    wrist = Wrist(ARM, CONFIG, TRUE)
    q = ARM.parked + np.outer(np.linspace(-2, 2, 9), [1, 0, 0, 0, 0, 0])
    with pytest.raises(InfeasibleError, match=r"away from the direction \(-?0.0, -?0.0, -?1.0\)"):
        identify_payload(np.array([wrist.rotation(v) for v in q]), np.array([wrist.reading(v) for v in q]))


def test_a_touch_in_one_posture_is_not_accepted():
    R, readings, _ = postures()
    readings[3, 0] += 15.0
    found = identify_payload(R, readings)
    assert not found.assessment.accepted
    assert "residuals" in found.assessment.reasons[0]


def test_a_sensor_without_weight_is_all_bias():
    """As of an arm whose own controller takes the weight out."""
    found = identify_payload(*postures(Payload(0.0, (0.0, 0.0, 0.0), bias=BIAS))[:2])
    assert found.payload.mass == 0.0
    assert found.payload.bias == pytest.approx(BIAS, abs=0.2)
    assert found.assessment.accepted


# -- the wrist -----------------------------------------------------------------------------------------


def wrist(payload=TRUE, **config):
    w = Wrist(ARM, WristConfig(**{"frame": "flange", **config}), payload)
    w.take_joints(1.0, ARM.parked)
    return w


def test_the_weight_alone_is_no_wrench_in_any_posture():
    w = wrist()
    for k, q in enumerate(postures()[2], 2):
        w.take_joints(float(k), q)
        assert w.compensated(float(k), w.reading(q)) == pytest.approx(np.zeros(6), abs=1e-9)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("frame", ["flange", "ft_sensor"])
def test_a_force_at_the_clamp_is_seen_there_wherever_the_sensor_sits_and_however_it_counts(direction, frame):
    w = wrist(direction=direction, frame=frame)
    force, torque = np.array([10.0, -4.0, 7.0]), np.array([0.3, 0.2, -0.1])
    T = w.T_clamp_sensor.inverse()  # T_sensor_clamp
    at_sensor = T.rotation @ force
    pulled = np.concatenate([at_sensor, T.rotation @ torque + np.cross(T.translation, at_sensor)])
    reading = w.reading(ARM.parked) + direction * pulled
    assert w.compensated(1.0, reading) == pytest.approx(np.concatenate([force, torque]), abs=1e-9)


def test_what_cannot_be_trusted_gives_no_wrench():
    w = wrist(posture_age=0.05)
    reading = w.reading(ARM.parked)
    assert w.compensated(1.06, reading) is None  # its posture is too old
    assert w.compensated(0.94, reading) is None  # or too new
    assert w.compensated(1.0, np.where(np.arange(6) == 4, np.nan, reading)) is None
    assert w.compensated(float("nan"), reading) is None
    assert w.compensated(1.0, reading) is not None
    assert w.compensated(1.0, reading) is None  # twice the same stamp
    assert w.compensated(0.99, reading) is None  # out of order
    assert w.compensated(1.01, reading) is not None


def test_joint_states_that_are_late_short_or_nan_change_no_posture():
    w = wrist()
    for t, q in (
        (0.95, ARM.parked + 1),
        (1.01, ARM.parked[1:]),
        (1.01, ARM.parked * np.nan),
        (np.nan, ARM.parked),
    ):
        w.take_joints(t, q)
    assert w.compensated(1.02, w.reading(ARM.parked)) == pytest.approx(np.zeros(6), abs=1e-9)
    assert Wrist(ARM, CONFIG, TRUE).compensated(1.0, np.zeros(6)) is None  # no posture yet


def test_the_described_payload_is_what_the_description_hangs_behind_the_sensor():
    assert described_payload(ARM, "flange").mass == pytest.approx(1.2)  # sensor 0.4, clamp 0.8 kg
    assert described_payload(ARM, "ft_sensor").mass == pytest.approx(0.8)


def test_a_payload_comes_back_from_its_file_and_a_wrong_one_is_refused_by_key(tmp_path):
    path = tmp_path / "payload.yaml"
    write_payload(path, TRUE)
    again = read_payload(path)
    assert all(getattr(again, f.name) == getattr(TRUE, f.name) for f in fields(Payload))
    path.write_text("mass: -1.0\ncentre: [0.0, 0.0, 0.0]\n")
    with pytest.raises(InputError, match=r"mass is -1\.0"):
        read_payload(path)
    path.write_text("mass: 1.0\ncentre: [0.0, 0.0]\n")
    with pytest.raises(InputError, match="centre has 2 entries"):
        read_payload(path)


# -- recordings ----------------------------------------------------------------------------------------


def record(path, q, readings, seconds=2.0, rate=50, noise=NOISE * 5):
    """Each posture for a while, and a quick way to the next, in which the readings are wild."""
    rng = np.random.default_rng(1)
    lines, t = [",".join(columns(ARM.joint_names))], 100.0
    for k in range(len(q)):
        for s in np.arange(0, seconds, 1 / rate):
            row = [t + s, *q[k], *(readings[k] + noise * rng.standard_normal(6))]
            lines.append(",".join(f"{v:.9g}" for v in row))
        t += seconds
        for s in np.linspace(0, 1, 20, endpoint=False)[1:] if k + 1 < len(q) else ():
            row = [t + s / 2, *(q[k] + s * (q[k + 1] - q[k])), *(50 * rng.standard_normal(6))]
            lines.append(",".join(f"{v:.9g}" for v in row))
        t += 0.5
    path.write_text("\n".join(lines))
    return path


def test_still_postures_are_found_and_the_ways_between_them_left_out(tmp_path):
    _, readings, q = postures(n=6, noise=0.0)
    joints, wrenches = still_postures(read_postures(record(tmp_path / "r.csv", q, readings), ARM.joint_names))
    assert joints == pytest.approx(q, abs=1e-6)
    assert np.abs(wrenches - readings).max() < 0.3  # N: 0.5 N of noise, 75 samples


def test_a_posture_shorter_than_asked_for_is_none():
    t = np.arange(0, 1.2, 0.02)
    q = np.tile(ARM.parked, (len(t), 1))
    assert len(still_postures(PostureRecording(t, q, np.zeros((len(t), 6))))[0]) == 0


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda lines: ["t,x", *lines[1:]], "its first line is"),
        (lambda lines: [*lines[:3], lines[3].replace(",", ",nan,", 1), *lines[4:]], "line 4"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], "time does not increase"),
        (lambda lines: lines[:1], "no row"),
    ],
)
def test_a_bad_recording_is_one_clear_line(tmp_path, edit, words):
    _, readings, q = postures(n=2)
    path = record(tmp_path / "r.csv", q, readings)
    path.write_text("\n".join(edit(path.read_text(encoding="utf-8").splitlines())))
    with pytest.raises(InputError, match=words):
        read_postures(path, ARM.joint_names)


def test_the_command_writes_payload_and_json_for_a_good_recording(tmp_path, capsys):
    import json

    from rafr.cli.main import main

    _, readings, q = postures(n=8, noise=0.0)
    path = record(tmp_path / "r.csv", q, readings)
    out, result = tmp_path / "out", tmp_path / "r.json"
    assert main(["calibrate", "payload", str(path), "-o", str(out), "--json", str(result)]) == 0
    data = json.loads(result.read_text(encoding="utf-8"))
    assert data["mass_kg"] == pytest.approx(TRUE.mass, abs=0.02)
    assert data["postures"] == 8
    assert data["assessment"]["accepted"] is True
    assert read_payload(out / "payload.yaml").centre == pytest.approx(TRUE.centre, abs=3e-3)  # m


def test_the_command_writes_no_payload_for_postures_too_alike(tmp_path, capsys):
    from rafr.cli.main import main

    _, readings, q = postures(n=8, spread=0.05)
    path = record(tmp_path / "r.csv", q, readings)
    assert main(["calibrate", "payload", str(path), "-o", str(tmp_path / "out")]) == 1
    assert "too alike" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["calibrate", "payload", str(tmp_path / "none.csv")]) == 2
