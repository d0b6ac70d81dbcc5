"""A calibrated camera, a video or pictures, with tools made of printed tags.

The tracker's frame is the camera's: x right, y down, z forward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.tracking.camera_model import load_intrinsics, read_grey
from rafr.tracking.drivers.frame import Clock, DeviceLostError, Frame
from rafr.tracking.tags import TagFinder, load_tools

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True, slots=True)
class CameraConfig:
    camera_source: str = option("0", "number of the camera, video file, picture or folder of pictures")
    camera_intrinsics: str = option("", "file of `rafr calibrate camera`")
    camera_tools: str = option("", "description of the tools (YAML)")
    camera_corner_noise_px: float = option(
        0.05, "standard deviation of a tag's corner", unit="px", lower=0.001, upper=10.0
    )
    camera_rate: float = option(
        30.0, "pictures per second of a folder, or wanted of a camera", lower=0.1, upper=1000.0
    )


class CameraDriver:
    """Looks at one picture per call; pictures of a file come at their own rate, once."""

    def __init__(self, config: CameraConfig, now: Clock, sleep: Callable[[float], None]) -> None:
        for name in ("camera_intrinsics", "camera_tools"):
            if not getattr(config, name):
                raise InputError("tracker", f"{name} is empty", "a file")
        self._config = config
        self._now, self._sleep = now, sleep
        self._camera = load_intrinsics(Path(config.camera_intrinsics))
        self._finder = TagFinder(
            load_tools(Path(config.camera_tools)), self._camera, config.camera_corner_noise_px
        )
        self._pictures: Pictures | None = None
        self._number = 0
        self._due = -np.inf
        self.losses: Counter[str] = Counter()

    @property
    def live(self) -> bool:
        """Whether the source is a device, which may go away and come back."""
        return self._config.camera_source.isdecimal()

    @property
    def state(self) -> str:
        if self._pictures is None:
            return "not open"
        return "the pictures have ended" if self._pictures.ended else ""

    def open(self) -> None:
        self._pictures = Pictures(self._config)
        self._due = self._now()

    def frames(self, timeout: float) -> Sequence[Frame]:
        pictures = self._pictures
        if pictures is None:
            raise DeviceLostError("the camera is not open")
        wait = np.inf if pictures.ended else 0.0 if self.live else self._due - self._now()
        if wait > 0.0:
            self._sleep(min(wait, timeout))
            if wait > timeout:
                return ()
        image, arrival = pictures.next(), self._now()
        if image is None:
            if self.live:
                raise DeviceLostError("the camera gives no picture")
            return ()
        self._check(image)
        self._number += 1
        # the device time of a picture from a file is when it was due
        due, self._due = (None, arrival) if self.live else (self._due, self._due + 1.0 / pictures.rate)
        return (Frame(due, arrival, self._number, self._finder.find(image)),)

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
        self._pictures = None

    def _check(self, image: Any) -> None:
        size, camera = image.shape[::-1], self._camera
        if size != (camera.width, camera.height):
            raise InputError(
                self._config.camera_intrinsics,
                f"is of a camera with {camera.width} x {camera.height} px",
                f"the {size[0]} x {size[1]} px of {self._config.camera_source}",
            )


class Pictures:
    """Grey pictures of a camera, a video file, or picture files in the order of their names.

    Attributes:
        rate: 1/s.   ended: no more will come.
    """

    def __init__(self, config: CameraConfig) -> None:
        source = config.camera_source
        self.ended = False
        self.rate = config.camera_rate
        self._capture: Any = None
        self._files: Iterator[Path] = iter(())
        path = Path(source)
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.suffix.lower() in _PICTURES)
            if not files:
                raise InputError(path, "no pictures in this folder", f"files {', '.join(_PICTURES)}")
            self._files = iter(files)
        elif path.suffix.lower() in _PICTURES:
            self._files = iter((path,))
        else:
            self._capture = self._open(source)

    def next(self) -> Any:
        """The next picture (h, w); None where there is none (any more)."""
        if self._capture is None:
            path = next(self._files, None)
            self.ended = path is None
            return None if path is None else read_grey(path)
        seen, image = self._capture.read()
        self.ended = not seen
        if not seen:
            return None
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()

    def _open(self, source: str) -> Any:
        live = source.isdecimal()
        if not live and not Path(source).is_file():
            raise InputError(
                "tracker", f"camera_source is {source!r}", "a number, or an existing file or folder"
            )
        capture = cv2.VideoCapture(int(source) if live else source)
        if not capture.isOpened():
            if live:
                raise DeviceLostError(f"camera {source} is not there")
            raise InputError(source, "cannot be read as a video", "a video file OpenCV reads")
        if live:
            capture.set(cv2.CAP_PROP_FPS, self.rate)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue of old pictures is of no use
        else:
            self.rate = capture.get(cv2.CAP_PROP_FPS) or self.rate
        return capture
