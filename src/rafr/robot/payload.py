"""The weight of what hangs on the wrist sensor: found from still postures, taken out of every reading.

Model of a reading at rest, at the sensor and in its axes, of what pulls at the sensor:

    force  = R^T w + b_f        torque = c x R^T w + b_t        R = R_armbase_sensor

with the weight w in `arm_base` axes, the centre of mass c, and the sensor's bias b. Both are linear in their
unknowns once w is known: D. Vougioukas, "Bias estimation and gravity compensation for force-torque sensors",
3rd WSEAS Symp. on Mathematical Methods and Computational Techniques in Electrical Engineering, 2001. With w
a vector of any direction the mounting may be tilted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.assessment import Assessment
from rafr.errors import InfeasibleError
from rafr.geometry.rigid_transform import FloatArray

GRAVITY = 9.81  # m/s^2
LIGHT = 0.05  # kg: the weight of less has no direction to speak of
_FEWEST = 4  # postures
_SPREAD = 0.25  # least singular value of the normalised regression; 0: all postures alike, 1: all round
_TILT_REMARK, _TILT_MOST = np.radians(2.0), np.radians(15.0)
_FORCE_RESIDUAL, _TORQUE_RESIDUAL = 1.0, 0.1  # N, N m, rms that a working sensor keeps below


@dataclass(frozen=True, slots=True)
class Payload:
    """What hangs on the sensor, and the sensor's bias; axes of the sensor unless said otherwise.

    Attributes:
        mass: kg, 0 or more.   centre: (3,) of mass, m.
        down: (3,) unit, `arm_base` axes: where the weight pulls.
        bias: (6,) N, N m.
    """

    mass: float
    centre: tuple[float, float, float]
    down: tuple[float, float, float] = (0.0, 0.0, -1.0)
    bias: tuple[float, float, float, float, float, float] = (0.0,) * 6

    def __post_init__(self) -> None:
        if not self.mass >= 0.0:
            raise ValueError(f"mass is {self.mass} kg; expected 0 or more")
        if abs(float(np.linalg.norm(self.down)) - 1.0) > 1e-3:
            raise ValueError(f"down is {self.down}; expected a direction of length 1")

    def reading(self, R_armbase_sensor: FloatArray) -> FloatArray:
        """(6,) N, N m: what the sensor says at rest while nothing else touches the tool."""
        weight = self.mass * GRAVITY * (R_armbase_sensor.T @ np.array(self.down))
        reading: FloatArray = np.concatenate([weight, np.cross(self.centre, weight)]) + np.array(self.bias)
        return reading


@dataclass(frozen=True, slots=True, eq=False)
class PayloadCalibration:
    """A payload with what is known about how good it is.

    Attributes:
        mass_sd, centre_sd: kg; m (of the least known direction, infinite for next to no mass).
        force_rms, torque_rms: N, N m, of the postures' residuals (n, 6) `residuals`.
        spread: 0..1, how differently the sensor was turned.
        tilt: rad, of gravity against the description.
    """

    payload: Payload
    mass_sd: float
    centre_sd: float
    residuals: FloatArray
    spread: float
    tilt: float
    assessment: Assessment

    @property
    def force_rms(self) -> float:
        return _rms(self.residuals[:, :3])

    @property
    def torque_rms(self) -> float:
        return _rms(self.residuals[:, 3:])


def identify_payload(
    R_armbase_sensor: FloatArray, wrenches: FloatArray, described_down: FloatArray | None = None
) -> PayloadCalibration:
    """Mass, centre of mass, bias and the direction of gravity by least squares.

    Args:
        R_armbase_sensor: (n, 3, 3), one for each still posture.
        wrenches: (n, 6) mean readings there, N and N m.
        described_down: (3,) unit, `arm_base` axes: where gravity pulls by the description; None: along -z.

    Raises:
        InfeasibleError: fewer than four postures, or postures too much alike; says which turn is missing.
    """
    expected = np.array([0.0, 0.0, -1.0]) if described_down is None else described_down
    n = len(wrenches)
    if n < _FEWEST:
        raise InfeasibleError((f"{n} still postures; at least {_FEWEST}, better 8, are needed",))
    turned = np.transpose(R_armbase_sensor, (0, 2, 1))
    spread = _require_spread(turned)
    eye = np.broadcast_to(np.eye(3), (n, 3, 3))
    force = np.concatenate([turned, eye], axis=2).reshape(-1, 6)
    (weight, force_bias), force_covariance = _solve(force, wrenches[:, :3])
    heavy = float(np.linalg.norm(weight)) / GRAVITY
    down = weight / (GRAVITY * heavy) if heavy > LIGHT else expected
    levers = np.array([-_cross_matrix(R @ down * GRAVITY) for R in turned])
    torque = np.concatenate([levers, eye], axis=2).reshape(-1, 6)
    (moment, torque_bias), torque_covariance = _solve(torque, wrenches[:, 3:])
    mass = heavy if heavy > LIGHT else 0.0
    centre = moment / mass if mass else np.zeros(3)
    bias = np.concatenate([force_bias, torque_bias])
    payload = Payload(mass, _triple(centre), _triple(down), tuple(bias.tolist()))
    residuals = wrenches - np.array([payload.reading(R) for R in R_armbase_sensor])
    tilt = float(np.arccos(np.clip(down @ expected, -1.0, 1.0)))
    return PayloadCalibration(
        payload=payload,
        mass_sd=float(np.sqrt(down @ force_covariance[:3, :3] @ down)) / GRAVITY,
        centre_sd=_largest_sd(torque_covariance[:3, :3]) / mass if mass else float("inf"),
        residuals=residuals,
        spread=spread,
        tilt=tilt,
        assessment=_assess(residuals, tilt),
    )


def _require_spread(turned: FloatArray) -> float:
    """Least singular value of [R^T, I] over all postures, 0..1: what tells weight from bias."""
    # its Gram matrix is [[I, mean R], [mean R^T, I]], so that only the mean rotation matters
    alike, directions = np.linalg.svd(turned.mean(axis=0))[1:]
    spread = float(np.sqrt(max(1.0 - alike[0], 0.0)))
    if spread < _SPREAD:
        axis = ", ".join(f"{v:.1f}" for v in directions[0])
        raise InfeasibleError(
            (
                f"the postures are too alike (spread {spread:.2f}, at least {_SPREAD} is needed): turn the "
                f"tool away from the direction ({axis}) of arm_base, by 60 degrees and more to several sides",
            )
        )
    return spread


def _assess(residuals: FloatArray, tilt: float) -> Assessment:
    force, torque = _rms(residuals[:, :3]), _rms(residuals[:, 3:])
    reasons, accepted = [], True
    if tilt > np.pi / 2:
        return Assessment(
            False, ("the weight pulls upwards: turn `direction` of `wrist` in config/<arm>.yaml round",)
        )
    if force > _FORCE_RESIDUAL or torque > _TORQUE_RESIDUAL:
        accepted = False
        reasons.append(
            f"residuals of {force:.2f} N and {torque:.3f} N m rms (at most {_FORCE_RESIDUAL} and "
            f"{_TORQUE_RESIDUAL}): another frame than the sensor's, a touch, or a drifting sensor"
        )
    if tilt > _TILT_REMARK:
        accepted = accepted and bool(tilt <= _TILT_MOST)
        reasons.append(f"gravity is tilted by {np.degrees(tilt):.1f} degrees against the description")
    return Assessment(accepted, tuple(reasons))


def _solve(matrix: FloatArray, values: FloatArray) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Least squares; the solution's two halves and its covariance (6, 6) from the residuals."""
    solution, *_ = np.linalg.lstsq(matrix, values.ravel(), rcond=None)
    residual = values.ravel() - matrix @ solution
    variance = float(residual @ residual) / max(len(residual) - 6, 1)
    covariance = variance * np.linalg.pinv(matrix.T @ matrix)
    return (np.asarray(solution[:3], dtype=float), np.asarray(solution[3:], dtype=float)), np.asarray(
        covariance, dtype=float
    )


def _cross_matrix(v: FloatArray) -> FloatArray:
    """[v]x with [v]x u = v x u."""
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]], dtype=float)


def _largest_sd(covariance: FloatArray) -> float:
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance)[-1], 0.0)))


def _rms(values: FloatArray) -> float:
    """Root mean square length of rows."""
    return float(np.sqrt(np.mean(np.sum(values**2, axis=1))))


def _triple(v: FloatArray) -> tuple[float, float, float]:
    return (float(v[0]), float(v[1]), float(v[2]))
