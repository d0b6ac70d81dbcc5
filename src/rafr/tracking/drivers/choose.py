"""From a driver's name and its configuration to the driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from rafr.errors import InputError
from rafr.tracking.drivers.camera import CameraConfig, CameraDriver
from rafr.tracking.drivers.frame import Clock, TrackerDriver
from rafr.tracking.drivers.ndi import NdiConfig, NdiDriver
from rafr.tracking.drivers.openigtlink import OpenIGTLinkClient, OpenIGTLinkConfig, OpenIGTLinkServer
from rafr.tracking.drivers.reconnect import ReconnectConfig, Reconnecting
from rafr.tracking.drivers.replay import ReplayConfig, ReplayDriver

DEVICES = ("openigtlink", "openigtlink-server", "ndi", "camera", "replay")


@dataclass(frozen=True, slots=True)
class DriverConfigs:
    """The configurations of all drivers; each reads its own."""

    openigtlink: OpenIGTLinkConfig = field(default_factory=OpenIGTLinkConfig)
    ndi: NdiConfig = field(default_factory=NdiConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    reconnect: ReconnectConfig = field(default_factory=ReconnectConfig)


@dataclass(frozen=True, slots=True)
class Time:
    """The host's time.

    Attributes:
        now: s, the time frames are stamped with.   steady: s, a clock nobody sets, for waiting.
        sleep: waits s.
    """

    now: Clock
    steady: Clock
    sleep: Callable[[float], None]


def make_driver(name: str, configs: DriverConfigs, time: Time, random: np.random.Generator) -> TrackerDriver:
    """The driver `name`, reconnecting where the device may go away.

    Raises:
        InputError: no such driver, or it lacks something in its configuration.
    """
    if name == "replay":
        return ReplayDriver(configs.replay, time.now, time.sleep)
    reconnect = configs.reconnect
    device: TrackerDriver
    if name == "openigtlink":
        device = OpenIGTLinkClient(configs.openigtlink, time.now)
    elif name == "openigtlink-server":
        device = OpenIGTLinkServer(configs.openigtlink, time.now)
        # it waits for its peers, and a new one replaces one that is half open: never shut the door
        reconnect = replace(reconnect, silence_reconnect=np.inf)
    elif name == "ndi":
        device = NdiDriver(configs.ndi, time.now)
    elif name == "camera":
        camera = CameraDriver(configs.camera, time.now, time.sleep)
        if not camera.live:
            return camera
        device = camera
    else:
        raise InputError("tracker", f"driver is {name!r}", f"simulated, {', '.join(DEVICES)}")
    return Reconnecting(device, reconnect, time.steady, time.sleep, random)
