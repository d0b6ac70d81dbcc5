"""Recordings from files: what is read is what was written, what is wrong is said in one line."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.risk.data.columns import MUSCLES, TRIGNO_EMG_RATE, TRIGNO_IMU_RATE, ColumnMap
from rafr.risk.data.quality import filled, problems
from rafr.risk.data.read import read_intervals, read_recording, read_recordings, reference_level
from rafr.risk.data.recording import Interval, Recording
from rafr.risk.data.write import file_name, write_trigno


def short(subject="P1", trial="High 1", seconds=2.0, level=1e-4):
    rng = np.random.default_rng(0)
    emg = level * rng.normal(size=(4, round(seconds * TRIGNO_EMG_RATE)))
    m = round(seconds * TRIGNO_IMU_RATE)
    acc, gyro = 9.0 + rng.normal(size=(4, 3, m)), rng.normal(size=(4, 3, m))
    return Recording(subject, trial, MUSCLES, emg, TRIGNO_EMG_RATE, MUSCLES, acc, gyro, TRIGNO_IMU_RATE)


@pytest.fixture
def path(tmp_path):
    write_trigno(tmp_path / "P1_High.csv", short())
    return tmp_path / "P1_High.csv"


def change(path, edit):
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(edit(lines)) + "\n")


def column(lines, name):
    return lines[0].split(",").index(name)


def replaced(lines, where, cell):
    """The cells of one column, `cell(row number, old)`."""
    rows = [line.split(",") for line in lines]
    for k, row in enumerate(rows[1:]):
        if row[where]:
            row[where] = cell(k, row[where])
    return [",".join(row) for row in rows]


def test_a_trigno_export_has_56_columns_and_reads_back_in_si(path):
    assert len(path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")) == 56
    written, read = short(), read_recording(path)
    assert (read.subject, read.trial, read.intervals[0].label) == ("P1", "High 1", "High")
    np.testing.assert_allclose(read.emg, written.emg, rtol=1e-5)  # six digits
    np.testing.assert_allclose(read.acc, written.acc, rtol=1e-5)
    np.testing.assert_allclose(read.gyro, written.gyro, rtol=1e-5)


def test_a_european_export_with_a_preface_reads_the_same(path):
    plain = read_recording(path)

    def european(lines):
        rows = (line.replace(",", ";").replace(".", ",") for line in lines[1:])
        return ["Sensors: 4", "", lines[0].replace(",", ";"), *rows]

    change(path, european)
    np.testing.assert_array_equal(read_recording(path).emg, plain.emg)


def test_a_missing_sensor_is_named(path):
    change(path, lambda lines: [lines[0].replace("L DELTOID: EMG 4", "L CALF: EMG 4"), *lines[1:]])
    with pytest.raises(InputError, match="no column of left_deltoid EMG"):
        read_recording(path)


def test_a_wrong_rate_is_told_in_hertz(path):
    change(path, lambda lines: replaced(lines, 0, lambda k, _: f"{k / 2000.0:.6f}"))
    with pytest.raises(InputError, match="right_biceps is sampled at 2000 Hz; expected 1259"):
        read_recording(path)


def test_a_gap_in_time_is_told(path):
    change(path, lambda lines: replaced(lines, 0, lambda k, t: f"{float(t) + 0.01 * (k > 900):.6f}"))
    with pytest.raises(InputError, match=r"times of right_biceps jump"):
        read_recording(path)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (lambda k, v: "0.0001", "EMG of left_biceps is flat"),
        (lambda k, v: str(max(-1e-4, min(1e-4, float(v)))), "EMG of left_biceps is clipped"),
        (lambda k, v: v if k % 3 else "", "EMG of left_biceps lacks 33 %"),
        (lambda k, v: v if k != 7 else "off", "could not convert string 'off'"),
    ],
)
def test_a_channel_that_cannot_be_used_is_named(path, cell, words):
    change(path, lambda lines: replaced(lines, column(lines, "L BICEPS: EMG 2 [V]"), cell))
    with pytest.raises(InputError, match=words):
        read_recording(path)


def test_a_few_missing_samples_are_interpolated(path):
    where = "L BICEPS: EMG 2 [V]"
    change(path, lambda lines: replaced(lines, column(lines, where), lambda k, v: "" if k == 100 else v))
    read = read_recording(path)
    assert np.isnan(read.emg[1, 100])
    whole = filled(read.emg)
    assert whole[1, 100] == pytest.approx(0.5 * (whole[1, 99] + whole[1, 101]))


def test_an_unknown_name_and_no_file_are_refused(tmp_path, path):
    with pytest.raises(InputError, match=r"expected P<n>_High\.csv"):
        read_recording(path.rename(tmp_path / "lift.csv"))
    with pytest.raises(InputError, match="cannot be read"):
        read_recording(tmp_path / "P9_Low.csv")


def test_other_tables_are_read_by_a_column_map(tmp_path):
    rng = np.random.default_rng(1)
    table = np.column_stack([np.arange(500) / 1000.0, rng.normal(size=(500, 2))])
    csv, yaml = tmp_path / "walk.csv", tmp_path / "map.yaml"
    np.savetxt(csv, table, delimiter=",", header="time,TA,SO", comments="", fmt="%.6f")
    text = "emg_time: time\nemg_rate: 1000.0\nemg_unit: uV\nemg: [{name: tibialis, column: %s}]\n"
    yaml.write_text(text % "TA")
    read = read_recording(csv, ColumnMap.from_yaml(yaml))
    np.testing.assert_allclose(read.emg[0], 1e-6 * table[:, 1], atol=1e-12)
    yaml.write_text(text % "GM")
    with pytest.raises(InputError, match="no column 'GM'"):
        read_recording(csv, ColumnMap.from_yaml(yaml))
    yaml.write_text((text % "TA").replace("uV", "bananas"))
    with pytest.raises(InputError, match="unit 'bananas'"):
        ColumnMap.from_yaml(yaml)


def test_intervals_must_lie_in_the_recording(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("start,end,label\n0.5,1.0,stance\n1.0,1.4,swing\n")
    assert [i.label for i in read_intervals(file, 2.0)] == ["stance", "swing"]
    with pytest.raises(InputError, match="line 3"):
        read_intervals(file, 1.2)


def test_maximum_contractions_are_the_reference_of_a_person(tmp_path, path):
    mvc = short(trial="MVC 1", level=5e-4)
    assert file_name(mvc) == "P1_MVC.csv"
    write_trigno(tmp_path / "P1_MVC.csv", mvc)
    (trial,) = read_recordings([path, tmp_path / "P1_MVC.csv"])
    np.testing.assert_allclose(trial.reference, reference_level(mvc), rtol=1e-4)
    assert trial.reference == pytest.approx(5e-4, rel=0.15)  # the loudest half second of white noise


def test_noise_is_neither_flat_nor_clipped():
    signal = np.round(np.random.default_rng(2).normal(size=(2, 5000)), 2)  # coarse steps, equal neighbours
    assert problems(signal, 1000.0, ["a", "b"]) == ()


def test_a_real_emg_file_goes_through_the_whole_pipeline(data_folder):
    """Stance and swing of the public walking data, blocks of time left out."""
    if not (data_folder / "emg_walk").is_dir():
        pytest.skip("no emg_walk among the public data")
    from rafr.resources import resource_path
    from rafr.risk.features.table import WindowConfig, window_table
    from rafr.risk.learning.classifier import LoadClassifier
    from rafr.risk.learning.validation import evaluate

    columns = ColumnMap.from_yaml(resource_path("config/risk/emg_walk.yaml"))
    (signals,) = (data_folder / "emg_walk").glob("*raw_emg.csv")
    (cycles,) = (data_folder / "emg_walk").glob("*cycles.csv")
    read = read_recording(signals, columns)
    assert len(read.emg_names) == 13
    assert read.duration == pytest.approx(7.62, abs=0.01)
    assert 1e-6 < read.emg.std() < 1e-3  # V
    events = np.loadtxt(cycles, delimiter=",", skiprows=1) - 0.014  # s; the first sample's time
    stances = [Interval(down, up, "stance") for down, up in events]
    swings = [Interval(up, down, "swing") for (_, up), (down, _) in itertools.pairwise(events)]
    table = window_table([replace(read, intervals=(*stances, *swings))], WindowConfig(length=0.2, step=0.04))
    result = evaluate(table, LoadClassifier(table.names, "logistic"), blocks=4)
    assert list(result) == ["emg"]
    assert result["emg"]["leave_one_block_out"]["balanced_accuracy"] > 0.9
