"""The least-squares fit of X and Z of `T_base_flange X = Z T_reference_tool` to all poses."""

from __future__ import annotations

import numpy as np

from rafr.geometry import RigidTransform, skew
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.calibration.pose_pairs import PosePairs
from rafr.tracking.calibration.robust import typical_noise

GUESSED_NOISE = (2e-3, 0.5)  # rad, mm: ranks the starts, before the fit finds its own
_CONVERGED = 1e-7  # mm, rad


class PoseFit:
    """Weighted least squares by Gauss-Newton steps, from where the last fit ended."""

    def __init__(self, pairs: PosePairs, X: RigidTransform, Z: RigidTransform) -> None:
        self._pairs = pairs
        self._noise = GUESSED_NOISE
        self.X, self.Z = X, Z

    def distances(self, weights: FloatArray) -> FloatArray:
        """(n,) residuals of the weighted fit in standard deviations, the noise found anew."""
        for _ in range(20):
            step = self._step(weights)
            if np.abs(step).max() < _CONVERGED:
                break
        turn, shift = self._pairs.residuals(self.X, self.Z)
        self._noise = (_noise(turn), _noise(shift))
        return distances_in_noise((turn, shift), self._noise)

    def _step(self, weights: FloatArray) -> FloatArray:
        root = np.sqrt(weights)[:, None]
        turn, shift = self._pairs.residuals(self.X, self.Z)
        r = np.hstack([turn / self._noise[0], shift / self._noise[1]]) * root
        J = jacobian(self._pairs, self.X, self.Z, self._noise) * root[..., None]
        step = np.asarray(-np.linalg.lstsq(J.reshape(-1, 12), r.ravel())[0], dtype=float)
        self.X, self.Z = _moved(self.X, step[:6]), _moved(self.Z, step[6:])
        return step


def _moved(T: RigidTransform, by: FloatArray) -> RigidTransform:
    """T with its origin shifted by `by[:3]` and turned about it by `by[3:]`."""
    turn = RigidTransform.from_rotvec(by[3:])
    return RigidTransform(turn.rotation @ T.rotation, T.translation + by[:3]).renormalised()


def jacobian(
    pairs: PosePairs, X: RigidTransform, Z: RigidTransform, noise: tuple[float, float]
) -> FloatArray:
    """(n, 6, 12) of the scaled residuals (turn, shift) by the errors of X and Z, for small residuals."""
    J = np.zeros((len(pairs), 6, 12))
    J[:, :3, 3:6] = pairs.R_base_flange
    J[:, :3, 9:] = -np.eye(3)
    J[:, 3:, :3] = pairs.R_base_flange
    J[:, 3:, 6:9] = -np.eye(3)
    J[:, 3:, 9:] = [skew(p) for p in Z.rotate(pairs.p_reference_tool)]
    J[:, :3] /= noise[0]
    J[:, 3:] /= noise[1]
    return J


def distances_in_noise(residuals: tuple[FloatArray, FloatArray], noise: tuple[float, float]) -> FloatArray:
    turn, shift = residuals
    both = np.hstack([turn / noise[0], shift / noise[1]])
    return np.asarray(np.linalg.norm(both, axis=1), dtype=float)


def _noise(residuals: FloatArray) -> float:
    """Standard deviation of a component of vectors (n, 3), whatever their axes."""
    return typical_noise(np.linalg.norm(residuals, axis=1), dof=3)
