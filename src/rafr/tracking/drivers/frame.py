"""What every tracking device delivers, and how it is asked for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

Clock = Callable[[], float]  # s; the core never reads one by itself
_ORTHONORMAL = 1e-3  # single precision, and peers that round


class DeviceLostError(RafrError):
    """The device does not answer; trying again may help."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One tool of one frame.

    Attributes:
        T_tracker_tool: m; None where the device gave no usable pose.
        error: m, the device's rms error of the marker fit; 0 where it states none.
        status: why there is no pose; empty when there is one.
        reprojection_px: rms distance of seen and fitted corners; 0 where the device is no camera.
        covariance: (6, 6) of a small motion (translation m, rotation rad) in the tracker's frame about the
            tool's origin; None where unknown.
    """

    T_tracker_tool: RigidTransform | None
    error: float = 0.0
    status: str = ""
    reprojection_px: float = 0.0
    covariance: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """All tools the device saw at one moment.

    Attributes:
        device_time: s on the device's own clock; None where it has none.
        arrival: s, when the host had the whole frame.
        frame_number: the same number means the same exposure.
        tools: by the device's names.
    """

    device_time: float | None
    arrival: float
    frame_number: int
    tools: Mapping[str, Reading]


class TrackerDriver(Protocol):
    """A device. One thread opens, asks and closes; `state` and `losses` may be read from another.

    Attributes:
        losses: frames or parts of frames that never became a `Frame`, by reason.
    """

    @property
    def losses(self) -> Counter[str]: ...

    @property
    def state(self) -> str:
        """What keeps frames from coming; empty while all is well."""

    def open(self) -> None:
        """Connect.

        Raises:
            DeviceLostError, OSError: not there now; trying again may help.
            InputError: nothing but another configuration helps.
        """

    def frames(self, timeout: float) -> Sequence[Frame]:
        """What has come since the last call, waiting at most `timeout` (s) for the first.

        Raises:
            DeviceLostError, OSError: the connection broke.
        """

    def close(self) -> None:
        """Leave nothing open; does nothing the second time."""


def pose_from_mm(matrix: ArrayLike) -> RigidTransform | None:
    """The pose (m) of a (4, 4) matrix in mm; None where it is not finite, no rotation, or just the identity.

    A tool never sits in the tracker's origin: the identity is what peers send that know no pose.
    """
    m = np.asarray(matrix, dtype=float)
    if not np.isfinite(m).all() or np.array_equal(m, np.eye(4)):
        return None
    rotation = m[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _ORTHONORMAL or np.linalg.det(rotation) < 0:
        return None
    u, _, vt = np.linalg.svd(rotation)
    return RigidTransform(u @ vt, m[:3, 3] * METRES_PER_MM)


def reading_from_mm(matrix: ArrayLike, error: float = 0.0) -> Reading:
    """A reading of a (4, 4) matrix in mm; `error` in m."""
    pose = pose_from_mm(matrix)
    return Reading(pose, error, "" if pose is not None else "no pose")
