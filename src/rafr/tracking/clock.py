"""When a frame was exposed, in the host's time, from the device's own clock.

A frame arrives later than it was stamped, never earlier: the points (device time, arrival) lie above the
line `arrival = offset + (1 + drift) * device + least delay`. That line is the one below all points that lies
closest to them, an edge of their lower convex hull:

    L. Zhang, Z. Liu, C. H. Xia, "Clock synchronization algorithms for network measurements",
    INFOCOM 2002, section III.

Only the earliest arrival of every second is kept: of a hub's burst, the frame that waited least.
What a one-way measurement cannot see is the least delay itself; it is given (`clock_latency`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.config import option

Point = tuple[float, float]  # device time, arrival - device time; both from where the learning began


@dataclass(frozen=True, slots=True)
class ClockConfig:
    clock_latency: float = option(
        0.0,
        "least delay from exposure to arrival, which no one-way measurement shows",
        unit="s",
        lower=0.0,
        upper=1.0,
    )
    clock_window: float = option(300.0, "how far back arrivals count", unit="s", lower=2.0, upper=3600.0)
    clock_bin: float = option(
        1.0, "of the arrivals in this time only the earliest counts", unit="s", lower=0.01, upper=60.0
    )
    clock_max_drift: float = option(2e-4, "largest drift a sound clock has", lower=0.0, upper=1e-2)
    clock_jump: float = option(
        0.5, "disagreement with the clock learnt that means it was set", unit="s", lower=0.01, upper=60.0
    )
    clock_patience: float = option(
        2.0, "how long frames may all be that late before the same", unit="s", lower=0.1, upper=60.0
    )


class DeviceClock:
    """Learns offset and drift of one device's clock on line.

    Attributes:
        drift: of the device's clock; positive: it runs slow.
        delay: s, of the frame stamped last, beyond the least one.
        restarts: how often the clock had to be learnt anew.   said: why, the last time.
    """

    _last_device: float
    _last_stamp: float

    def __init__(self, config: ClockConfig | None = None) -> None:
        self.config = config or ClockConfig()
        self.restarts, self.said = 0, ""
        self._forget()

    def stamp(self, device_time: float | None, arrival: float) -> float:
        """Host time (s) of the exposure: never after the arrival, and growing with the device's time.

        A device time seen before gets about the stamp it had; without device time it is the arrival less the
        latency.
        """
        if device_time is None:
            return arrival - self.config.clock_latency
        why = self._set_anew(device_time, arrival)
        if why:
            self._forget()
            self.restarts, self.said = self.restarts + 1, why
        if not self._bins:
            self._origin = (device_time, arrival)
        x, y = self._point(device_time, arrival)
        if device_time > self._last_device:
            self._learn(x, y)
        estimate = self._estimate(device_time)
        self.delay = max(0.0, arrival - estimate)
        if device_time > self._last_device:
            estimate = max(estimate, np.nextafter(self._last_stamp, np.inf))
            self._last_device = device_time
            self._last_stamp = min(estimate, arrival)
        return min(estimate, arrival) - self.config.clock_latency

    def _forget(self) -> None:
        self._origin = (0.0, 0.0)
        self._bins: deque[Point] = deque()
        self._offset = self.drift = self.delay = 0.0
        self._last_device = self._last_stamp = float("-inf")
        self._late_since: float | None = None  # arrival of the first frame since which all were far too late

    def _point(self, device_time: float, arrival: float) -> Point:
        x = device_time - self._origin[0]
        return x, (arrival - self._origin[1]) - x

    def _estimate(self, device_time: float) -> float:
        x = device_time - self._origin[0]
        return self._origin[1] + (x + self._offset + self.drift * x)

    def _set_anew(self, device_time: float, arrival: float) -> str:
        """Why what was learnt holds no longer; empty while it does."""
        if not self._bins:
            return ""
        jump = self.config.clock_jump
        late = arrival - self._estimate(device_time)
        if device_time < self._last_device - jump:
            return f"the device's clock went back {self._last_device - device_time:.1f} s"
        if arrival < self._last_stamp:
            return f"the host's clock went back {self._last_stamp - arrival:.3f} s"
        if late < -jump:
            return f"frames arrive {-late:.1f} s before their time: a clock was set"
        if late < jump:
            self._late_since = None
            return ""
        if self._late_since is None:
            self._late_since = arrival
        if arrival - self._late_since > self.config.clock_patience:
            return f"every frame is {late:.1f} s late: a clock was set"
        return ""

    def _learn(self, x: float, y: float) -> None:
        """Take a point in; the line is made anew with every bin and whenever a point lies below it."""
        if not (self._bins and x // self.config.clock_bin == self._bins[-1][0] // self.config.clock_bin):
            self._bins.append((x, y))
            while self._bins[0][0] < x - self.config.clock_window:
                self._bins.popleft()
        elif y < self._bins[-1][1]:
            self._bins[-1] = (x, y)
        elif y >= self._offset + self.drift * x:
            return
        self.drift, self._offset = lower_line(list(self._bins), self.config.clock_max_drift)


def lower_line(points: Sequence[Point], max_slope: float) -> tuple[float, float]:
    """Slope and intercept of the line below all points with the least sum of distances to them.

    The sum is convex and piecewise linear in the slope, least at the hull's edge over the mean abscissa
    (Zhang et al. 2002); with a bounded slope it is least at the nearest slope allowed.
    """
    hull: list[Point] = []
    for p in points:  # Andrew's monotone chain, abscissae ascending
        while len(hull) > 1 and _right_turn(hull[-2], hull[-1], p):
            hull.pop()
        hull.append(p)
    mean = sum(x for x, _ in points) / len(points)
    right = next((i for i, (x, _) in enumerate(hull) if x >= mean and i > 0), len(hull) - 1)
    slope = 0.0
    if right > 0:
        (x0, y0), (x1, y1) = hull[right - 1], hull[right]
        slope = min(max((y1 - y0) / (x1 - x0), -max_slope), max_slope)
    return slope, min(y - slope * x for x, y in hull)


def _right_turn(a: Point, b: Point, c: Point) -> bool:
    """Whether b lies on or above the straight line from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])
