"""The NDI driver against a device that answers as scikit-surgerynditracker does, and through that library."""

import sys
import types

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.tracking.drivers.frame import DeviceLostError
from rafr.tracking.drivers.ndi import NdiConfig, NdiDriver


class Device:
    """Stands in for NDITracker: same constructor, methods and tuples."""

    answers: list = []  # noqa: RUF012 - of the class, as the driver makes the object
    absent = False

    def __init__(self, configuration):
        if self.absent:
            raise OSError("Could not find a device at 10.0.0.1")
        self.configuration, self.tracking, self.closed = configuration, False, False

    def start_tracking(self):
        self.tracking = True

    def get_tool_descriptions(self):
        return [1, 2], self.configuration["romfiles"]

    def get_frame(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        numbers, matrices, quality = answer
        return [1, 2], [0.0, 0.0], numbers, matrices, quality

    def close(self):
        self.closed = True


def matrix(x):
    m = np.eye(4)
    m[:3, 3] = (x, 0.0, -1500.0)
    return m


MISSING = np.full((4, 4), np.nan)


@pytest.fixture
def library(monkeypatch):
    module = types.ModuleType("sksurgerynditracker.nditracker")
    module.NDITracker = Device
    monkeypatch.setattr(Device, "absent", False)
    monkeypatch.setattr(Device, "answers", [])
    monkeypatch.setitem(sys.modules, "sksurgerynditracker", types.ModuleType("sksurgerynditracker"))
    monkeypatch.setitem(sys.modules, "sksurgerynditracker.nditracker", module)
    return Device


@pytest.fixture
def config(tmp_path):
    for name in ("reference", "probe"):
        (tmp_path / f"{name}.rom").write_bytes(b"rom")
    files = f"{tmp_path / 'reference.rom'}, {tmp_path / 'probe.rom'}"
    return NdiConfig(ndi_kind="vega", ndi_address="10.0.0.1", ndi_tools=files)


def test_a_frame_is_named_after_the_tool_files_in_metres_and_timed_by_the_counter(library, config):
    library.answers[:] = [([600, 600], [matrix(10.0), matrix(20.0)], [0.12, 0.2])]
    driver = NdiDriver(config, lambda: 77.0)
    driver.open()
    (frame,) = driver.frames(1.0)
    assert (frame.device_time, frame.arrival, frame.frame_number) == (10.0, 77.0, 600)  # 60 counts a second
    assert frame.tools.keys() == {"reference", "probe"}
    np.testing.assert_allclose(frame.tools["probe"].T_tracker_tool.translation, [0.02, 0, -1.5])
    assert frame.tools["reference"].error == pytest.approx(0.12e-3)
    driver.close()
    assert driver.state == "not connected"


def test_a_tool_that_is_not_seen_or_keeps_its_counter_has_no_pose(library, config):
    library.answers[:] = [
        ([600, 0], [matrix(10.0), MISSING], [0.1, np.nan]),
        ([601, 600], [matrix(10.0), matrix(5.0)], [0.1, 0.1]),
    ]
    driver = NdiDriver(config, lambda: 0.0)
    driver.open()
    for _ in range(2):
        (frame,) = driver.frames(1.0)
        assert frame.tools["reference"].T_tracker_tool is not None
        assert frame.tools["probe"].T_tracker_tool is None
        assert frame.tools["probe"].status == "not visible"


def test_a_frame_fetched_twice_is_passed_on_once_and_skipped_ones_are_counted(library, config):
    seen = [matrix(10.0), matrix(20.0)]
    library.answers[:] = [([n, n], seen, [0.1, 0.1]) for n in (600, 600, 603, 606, 615, 618)]
    driver = NdiDriver(config, lambda: 0.0)
    driver.open()
    numbers = [f.frame_number for _ in range(6) for f in driver.frames(1.0)]
    assert numbers == [600, 603, 606, 615, 618]
    assert driver.losses == {"measured but not fetched": 2}  # every third count is a frame at 20 Hz


def test_a_device_that_is_absent_or_breaks_off_may_be_tried_again(library, config):
    driver = NdiDriver(config, lambda: 0.0)
    library.absent = True
    with pytest.raises(DeviceLostError, match=r"10\.0\.0\.1"):
        driver.open()
    library.absent = False
    library.answers[:] = [OSError("error when fetching")]
    driver.open()
    with pytest.raises(DeviceLostError, match="fetching"):
        driver.frames(1.0)


def test_a_missing_tool_file_is_named_before_the_device_is_touched(library, config, tmp_path):
    library.absent = True
    (tmp_path / "probe.rom").unlink()
    with pytest.raises(InputError, match=r"probe\.rom: no such file"):
        NdiDriver(config, lambda: 0.0).open()


def test_a_missing_library_is_one_line_that_says_how_to_install_it(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "sksurgerynditracker", None)
    monkeypatch.setitem(sys.modules, "sksurgerynditracker.nditracker", None)
    with pytest.raises(InputError, match="pip install scikit-surgerynditracker"):
        NdiDriver(config, lambda: 0.0).open()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ndi_kind": "aurora9"}, "vega, polaris"),
        ({"ndi_address": ""}, "ndi_address"),
        ({"ndi_tools": ""}, "ndi_tools"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(changes, word):
    settings = {"ndi_kind": "vega", "ndi_address": "10.0.0.1", "ndi_tools": "a.rom", **changes}
    with pytest.raises(InputError, match=word):
        NdiDriver(NdiConfig(**settings), lambda: 0.0)


def test_settings_reach_the_library_under_its_own_names(library, config, tmp_path):
    files = [str(tmp_path / "reference.rom"), str(tmp_path / "probe.rom")]
    driver = NdiDriver(config, lambda: 0.0)
    driver.open()
    assert driver._device.configuration == {
        "tracker type": "vega",
        "ip address": "10.0.0.1",
        "port": 8765,
        "romfiles": files,
    }
    serial = NdiConfig(ndi_kind="polaris", ndi_serial="/dev/ttyUSB0", ndi_tools=",".join(files))
    driver = NdiDriver(serial, lambda: 0.0)
    driver.open()
    assert driver._device.configuration["serial port"] == "/dev/ttyUSB0"


def test_the_real_library_over_a_scripted_ndicapi_gives_the_same_frames(config, monkeypatch):
    nditracker = pytest.importorskip(
        "sksurgerynditracker.nditracker", reason="the optional scikit-surgerynditracker is not installed"
    )
    import ndicapy

    handles = iter((1, 2))
    script = {
        "ndiOpenNetwork": lambda *_: True,
        "ndiCommand": lambda *_: "",
        "ndiGetError": lambda *_: ndicapy.NDI_OKAY,
        "ndiPVWRFromFile": lambda *_: 0,
        "ndiGetPHSRNumberOfHandles": lambda *_: 0,
        "ndiGetPHRQHandle": lambda *_: next(handles),
        "ndiVER": lambda *_: "scripted",
        "ndiCloseNetwork": lambda *_: None,
        "ndiGetBXFrame": lambda _, handle: {b"\x01": 600, b"\x02": 0}[handle],
        "ndiGetBXTransform": lambda _, handle: {
            b"\x01": (1.0, 0.0, 0.0, 0.0, 10.0, 0.0, -1500.0, 0.12),
            b"\x02": "MISSING",
        }[handle],
    }
    for name, function in script.items():
        monkeypatch.setattr(ndicapy, name, function)
    monkeypatch.setattr(nditracker, "call", lambda _: 0)  # its ping
    driver = NdiDriver(config, lambda: 1.0)
    driver.open()
    (frame,) = driver.frames(1.0)
    assert frame.frame_number == 600
    np.testing.assert_allclose(frame.tools["reference"].T_tracker_tool.translation, [0.01, 0, -1.5])
    assert frame.tools["reference"].error == pytest.approx(0.12e-3)
    assert frame.tools["probe"].T_tracker_tool is None
    driver.close()
