"""Controllers, inner loop and faults together: the arm as the ROS graph sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.urdf import JointLimits
from rafr.simulation.endpoint.controller import TrajectoryController
from rafr.simulation.endpoint.hardware import InnerLoop
from rafr.simulation.endpoint.request import Tolerances

_MOST_STEPS = (
    50  # caught up one by one; after a longer pause a single update sees all of its time, as a real one
)


class EndpointFault(Enum):
    """What may happen to the arm; the value is its name in the service."""

    NONE = "none"
    CONNECTION_LOST = "connection-lost"
    EMERGENCY_STOP = "emergency-stop"
    PROTECTIVE_STOP = "protective-stop"


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Tunables of the bench."""

    update_rate: float = option(500.0, "of controllers and inner loop", unit="Hz", lower=50.0, upper=1000.0)
    bandwidth: float = option(60.0, "of the inner loop", unit="rad/s", lower=5.0, upper=200.0)
    acceleration: float = option(
        15.0, "most the inner loop gives a joint", unit="rad/s^2", lower=0.5, upper=100.0
    )
    from_desired: bool = option(True, "interpolate_from_desired_state, as in config/controllers.yaml")
    path_tolerance: float = option(
        0.0, "joint error that ends a motion; 0: none", unit="rad", lower=0.0, upper=3.0
    )
    goal_tolerance: float = option(0.0, "joint error at the goal; 0: any", unit="rad", lower=0.0, upper=3.0)
    goal_time: float = option(0.0, "wait for it at most; 0: for ever", unit="s", lower=0.0, upper=60.0)
    speed_scaling: float = option(1.0, "share of the joints' speed the arm allows", lower=0.0, upper=1.0)
    scaled_trajectory: bool = option(
        False, "the controller's time slows with it (scaled_joint_trajectory_controller)"
    )


class ArmEndpoint:
    """One active controller at a time, as the controller manager has it: trajectory or forward position."""

    def __init__(
        self, joints: Sequence[str], q: FloatArray, limits: JointLimits, config: EndpointConfig
    ) -> None:
        self.config, self.joints = config, tuple(joints)
        self._period = 1.0 / config.update_rate
        dof = len(self.joints)
        tolerances = Tolerances(
            np.full(dof, config.path_tolerance), np.full(dof, config.goal_tolerance), config.goal_time
        )
        self._loop = InnerLoop(q, limits, config.acceleration, config.bandwidth)
        self.trajectory = TrajectoryController(
            self.joints, q, self._period, tolerances, from_desired=config.from_desired
        )
        self._position: FloatArray | None = None  # the forward controller's last command
        self.forward_active = False
        self.fault = EndpointFault.NONE
        self.speed_scaling = config.speed_scaling
        self._t: float | None = None

    @property
    def q(self) -> FloatArray:
        """(dof,) rad, measured."""
        return self._loop.q.copy()

    @property
    def qd(self) -> FloatArray:
        """(dof,) rad/s, measured."""
        return self._loop.qd.copy()

    @property
    def connected(self) -> bool:
        """Whether joint states come and commands arrive."""
        return self.fault is not EndpointFault.CONNECTION_LOST

    def use_forward(self, forward: bool) -> None:
        """Switch between the two controllers; the one that begins holds where the arm stands."""
        self.forward_active, self._position = forward, None
        if forward:
            self.trajectory.deactivate()
        elif self.fault is EndpointFault.NONE:
            self.trajectory.activate(self.q)

    def take_position(self, data: FloatArray) -> str:
        """A message of the forward controller; why it is dropped, or empty."""
        if not self.forward_active or self.fault is not EndpointFault.NONE:
            return "Controller is not running."
        if not np.isfinite(data).all():
            return "Non-finite value received. Dropping message"
        if len(data) != len(self.joints):
            self.forward_active, self._position = False, None  # the manager deactivates it for good
            return f"command size ({len(data)}) does not match number of interfaces ({len(self.joints)})"
        self._position = data.copy()
        return ""

    def set_fault(self, fault: EndpointFault) -> None:
        """A fault deactivates the controllers and the arm brakes; NONE: they begin anew where it stands."""
        self.fault, self._position = fault, None
        if fault is not EndpointFault.NONE:
            self.trajectory.deactivate()
        elif not self.forward_active:
            self.trajectory.activate(self.q)

    def advance(self, now: float) -> None:
        """Update controllers and inner loop up to `now` (s); time that goes backwards changes nothing."""
        if not np.isfinite(now):
            return
        if self._t is None or now - self._t > _MOST_STEPS * self._period:
            self._t = now - self._period
        while self._t + self._period <= now + 1e-9:
            self._t += self._period
            self._step(self._t)

    def _step(self, now: float) -> None:
        if self.fault is not EndpointFault.NONE:
            self._loop.brake(self._period)
            return
        speed = self.speed_scaling
        if self.forward_active:
            command = self._position
        else:
            scaling = speed if self.config.scaled_trajectory else 1.0
            command = self.trajectory.update(now, self._loop.q, scaling)
        if command is not None:
            self._loop.command(command, self._period)
        self._loop.advance(self._period, speed)
