"""Pairs of poses: what robot and tracker say of the same moments, and a first guess of what links them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry import RigidTransform, mean_transform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.recordings import Recording

_MIN_PAIRS = 6


@dataclass(frozen=True, slots=True, eq=False)
class PosePairs:
    """n pairs of `T_base_flange` (robot) and `T_reference_tool` (tracker), mm.

    Attributes:
        frames: (n,) first frame of the recording each is from.
        R_base_flange, R_reference_tool: (n, 3, 3).
        p_base_flange, p_reference_tool: (n, 3).
    """

    frames: NDArray[np.int64]
    R_base_flange: FloatArray
    p_base_flange: FloatArray
    R_reference_tool: FloatArray
    p_reference_tool: FloatArray

    def __len__(self) -> int:
        return len(self.frames)

    @staticmethod
    def of(
        T_base_flange: Sequence[RigidTransform],
        T_reference_tool: Sequence[RigidTransform],
        frames: Sequence[int] | None = None,
    ) -> PosePairs:
        return PosePairs(
            np.arange(len(T_base_flange)) if frames is None else np.array(frames),
            np.array([T.rotation for T in T_base_flange]),
            np.array([T.translation for T in T_base_flange]),
            np.array([T.rotation for T in T_reference_tool]),
            np.array([T.translation for T in T_reference_tool]),
        )

    def some(self, chosen: NDArray) -> PosePairs:
        """Those of an index or mask."""
        return PosePairs(*(getattr(self, name)[chosen] for name in PosePairs.__slots__))

    def residuals(
        self, T_flange_tool: RigidTransform, T_base_reference: RigidTransform
    ) -> tuple[FloatArray, FloatArray]:
        """(n, 3) turns (rad) and shifts (mm) of the tool: the robot's account less the tracker's."""
        X, Z = T_flange_tool, T_base_reference
        R_robot, R_tracker = self.R_base_flange @ X.rotation, Z.rotation @ self.R_reference_tool
        turn = Rotation.from_matrix(R_robot @ R_tracker.transpose(0, 2, 1)).as_rotvec()
        shift = self.R_base_flange @ X.translation + self.p_base_flange - Z.apply(self.p_reference_tool)
        return turn, shift

    def turns(self) -> FloatArray:
        """(n, 3) rotation vectors (rad) of the flange from its mean orientation, in its own axes."""
        R = Rotation.from_matrix(self.R_base_flange)
        turns: FloatArray = (R.mean().inv() * R).as_rotvec()
        return turns

    def turns_deg(self) -> FloatArray:
        """(3,) rms turn of the flange about three perpendicular axes, largest first."""
        turns = self.turns()
        values = np.linalg.svd(turns - turns.mean(axis=0), compute_uv=False)
        rms: FloatArray = np.degrees(values / np.sqrt(len(self)))
        return rms


def read_pairs(
    recording: Recording, robot: str, tool: str, reference: str, ranges: tuple[tuple[int, int], ...] | None
) -> PosePairs:
    """Pairs of a recording: one per frame, or the mean of each stretch in which the robot stood still.

    Args:
        robot: the transform that holds the robot's poses, as `FlangeToBase`.

    Raises:
        InputError: no such transforms, or fewer than six frames or stretches in which both are valid.
    """
    flange, marker = recording.poses(robot), recording.relative(tool, reference)
    seen = [k for k in range(len(recording)) if flange[k] is not None and marker[k] is not None]
    groups = [[k] for k in seen]
    if ranges is not None:
        groups = [g for first, last in ranges if (g := [k for k in seen if first <= k <= last])]
    if len(groups) < _MIN_PAIRS:
        raise InputError(
            recording.path,
            f"{robot} and {tool} are both valid in {len(groups)} poses",
            f"{_MIN_PAIRS} or more",
        )
    A = [mean_transform([T for k in g if (T := flange[k]) is not None]) for g in groups]
    B = [mean_transform([T for k in g if (T := marker[k]) is not None]) for g in groups]
    return PosePairs.of(A, B, [g[0] for g in groups])


def closed_form(pairs: PosePairs) -> tuple[RigidTransform, RigidTransform]:
    """`T_flange_tool` and `T_base_reference` (mm) without a start: Shah 2013, J Mech Robot 5:031007.

    Rotations first: `R_A R_X = R_Z R_B` reads `vec R_Z = (R_B ⊗ R_A) vec R_X`, so both are the leading
    singular vectors of the sum of these Kronecker products. Then the translations, which are linear. Poses
    that turn about one axis give an answer too, of many. (OpenCV 5.0 has the method's name but not the
    method.)
    """
    K = np.einsum("nij,nkl->ikjl", pairs.R_reference_tool, pairs.R_base_flange).reshape(9, 9)
    u, _, vt = np.linalg.svd(K)
    R_x, R_z = (_nearest_rotation(v.reshape(3, 3, order="F")) for v in (vt[0], u[:, 0]))
    A = np.concatenate([np.hstack([R, -np.eye(3)]) for R in pairs.R_base_flange])
    b = pairs.p_reference_tool @ R_z.T - pairs.p_base_flange
    p = np.linalg.lstsq(A, b.ravel())[0]
    return RigidTransform(R_x, p[:3]), RigidTransform(R_z, p[3:])


def _nearest_rotation(scaled: FloatArray) -> FloatArray:
    """The rotation nearest to a (3, 3) matrix of any scale and sign."""
    u, _, vt = np.linalg.svd(scaled * np.sign(np.linalg.det(scaled)))
    R: FloatArray = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return R
