"""A driver of one's own tracker: here a program that prints lines of time in s, tool, 4x4 pose in mm.

some-tracker | python examples/10_tracker_driver.py
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from rafr.tracking.drivers.frame import DeviceLostError, Frame, reading_from_mm


class TextDriver:
    """A `TrackerDriver`; `now` is the clock that frames are stamped with."""

    state = ""

    def __init__(self, lines: Iterable[str], now: Callable[[], float]) -> None:
        self._lines, self._now, self.losses = enumerate(lines), now, Counter[str]()

    def frames(self, timeout: float) -> Sequence[Frame]:
        number, line = next(self._lines, (0, ""))
        if not line:
            raise DeviceLostError("the tracker's program has ended")
        try:
            stamp, name, *pose = line.split()
            reading = reading_from_mm(np.reshape(pose, (4, 4)).astype(float))
            return [Frame(float(stamp), self._now(), number, {name: reading})]
        except ValueError:  # half a line: said, never believed
            self.losses["line that is no pose"] += 1
            return []

    def open(self) -> None:
        pass

    close = open


if __name__ == "__main__":
    driver = TextDriver(sys.stdin, time.time)
    print(driver.frames(1.0), driver.losses)
