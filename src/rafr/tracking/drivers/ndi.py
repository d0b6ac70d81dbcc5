"""NDI Polaris and Vega through scikit-surgerynditracker (an extra: it brings NDI's own library, ndicapi)."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.drivers.frame import Clock, DeviceLostError, Frame, Reading, reading_from_mm
from rafr.units import METRES_PER_MM

COUNTER_RATE = 60.0  # 1/s; NDI's frame counter, whatever the rate of measuring (NDI Combined API guide)
KINDS = ("vega", "polaris")


@dataclass(frozen=True, slots=True)
class NdiConfig:
    ndi_kind: str = option("vega", "vega (network) or polaris (serial)")
    ndi_address: str = option("", "IP address of a Vega")
    ndi_port: int = option(8765, "port of a Vega", lower=1, upper=65535)
    ndi_serial: str = option("", "serial port of a Polaris; empty: the first that answers")
    ndi_tools: str = option(
        "", "tool definition files (.rom), separated by commas; a tool is named after its file"
    )


class NdiDriver:
    """Asks for a frame at a time; a frame asked for twice is passed on once."""

    def __init__(self, config: NdiConfig, now: Clock) -> None:
        self._now = now
        self._files = [Path(text.strip()) for text in config.ndi_tools.split(",") if text.strip()]
        self._settings = _settings(config, self._files)
        self._device: Any = None
        self._names: dict[Any, str] = {}
        self._number, self._step = -1, 0
        self.losses: Counter[str] = Counter()

    @property
    def state(self) -> str:
        return "" if self._device is not None else "not connected"

    def open(self) -> None:
        tracker = _library()
        for path in self._files:  # the library's own check comes after it has connected to a Polaris
            if not path.is_file():
                raise InputError(path, "no such file", "a tool definition file (.rom)")
        try:
            self._device = tracker(dict(self._settings))
            self._device.start_tracking()
        except (OSError, ValueError) as error:
            self.close()
            raise DeviceLostError(" ".join(str(error).split())) from None
        handles, descriptions = self._device.get_tool_descriptions()
        self._names = {handle: Path(str(d)).stem for handle, d in zip(handles, descriptions, strict=True)}
        self._number, self._step = -1, 0

    def frames(self, timeout: float) -> Sequence[Frame]:
        """One frame or none; the device itself makes the caller wait, so that `timeout` has no part in it."""
        del timeout
        if self._device is None:
            raise DeviceLostError("not connected")
        try:
            handles, _, numbers, matrices, quality = self._device.get_frame()
        except (OSError, ValueError) as error:
            raise DeviceLostError(" ".join(str(error).split())) from None
        arrival = self._now()
        number = max((int(n) for n in numbers), default=self._number)  # 0 for a tool that is not seen
        if number == self._number:
            return ()
        self._count_skipped(number)
        tools = {
            self._names[handle]: _reading(matrix, float(error), current=int(n) == number)
            for handle, n, matrix, error in zip(handles, numbers, matrices, quality, strict=True)
        }
        return (Frame(number / COUNTER_RATE, arrival, number, tools),)

    def close(self) -> None:
        if self._device is not None:
            try:
                self._device.close()
            except (OSError, ValueError) as error:  # it had gone already: said by who noticed
                self.losses[f"not closed properly: {error}"] += 1
        self._device = None

    def _count_skipped(self, number: int) -> None:
        """The counter goes up by the same step with every measurement (1 at 60 Hz, 3 at 20 Hz)."""
        step = number - self._number
        if self._number > 0 and step > 0:
            self._step = min(self._step or step, step)
            missed = step // self._step - 1
            if missed:
                self.losses["measured but not fetched"] += missed
        self._number = number


def _reading(matrix: FloatArray, error_mm: float, *, current: bool) -> Reading:
    if not current or not np.isfinite(error_mm):
        return Reading(None, status="not visible")
    return reading_from_mm(matrix, error_mm * METRES_PER_MM)


def _settings(config: NdiConfig, files: Sequence[Path]) -> dict[str, Any]:
    """The library's configuration.

    Raises:
        InputError: what this kind of tracker needs is not given.
    """
    if config.ndi_kind not in KINDS:
        raise InputError("tracker", f"ndi_kind is {config.ndi_kind!r}", f"one of {', '.join(KINDS)}")
    if config.ndi_kind == "vega" and not config.ndi_address:
        raise InputError("tracker", "ndi_address is empty", "the IP address of the Vega")
    if not files:
        raise InputError("tracker", "ndi_tools is empty", "tool definition files (.rom), separated by commas")
    settings: dict[str, Any] = {"tracker type": config.ndi_kind, "romfiles": [str(path) for path in files]}
    if config.ndi_kind == "vega":
        settings |= {"ip address": config.ndi_address, "port": config.ndi_port}
    if config.ndi_kind == "polaris" and config.ndi_serial:
        settings["serial port"] = config.ndi_serial
    return settings


def _library() -> Any:
    """NDITracker of scikit-surgerynditracker.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module("sksurgerynditracker.nditracker").NDITracker
    except ImportError as error:
        raise InputError(
            "tracker",
            f"driver ndi lacks a library ({error})",
            "pip install scikit-surgerynditracker",
        ) from None
