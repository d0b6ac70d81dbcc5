"""Action `register_patient`: CT to CBCT to tracker; publishes `registration`, latched.

The chain is that of docs/architecture.md, steps 1 and 2: spheres and bones found in the CBCT, tools
as the tracker saw them while it was taken.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rafr_msgs.action import RegisterPatient
from rafr_msgs.msg import BodyRegistration as BodyRegistrationMsg
from rafr_msgs.msg import Registration, ToolPoses

from rafr.assessment import ACCEPTED, Assessment
from rafr.config import option
from rafr.geometry import RigidTransform
from rafr.nodes import work
from rafr.nodes.actions import WorkerAction
from rafr.nodes.convert import pose_message, seconds, transform_from_pose
from rafr.nodes.runtime import LATCHED, SENSOR, RafrNode, run_node
from rafr.registration import chain
from rafr.registration.result import FiducialRegistration, RegistrationResult
from rafr.tracking.average import AverageConfig, ToolHistory
from rafr.tracking.tools import REFERENCE_TOOL, fragment_tool
from rafr.units import METRES_PER_MM, to_metres


@dataclass(frozen=True, slots=True)
class RegistrationNodeConfig:
    case: str = option("", "case folder")
    seed: int = option(0, "of the registration's random sampling", lower=0)
    max_fiducial_error: float = option(
        1.0e-3, "largest accepted rms error of the spheres", unit="m", lower=0.0
    )


class RegistrationNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("registration")
        self._config = self.config(RegistrationNodeConfig)
        self._tools = ToolHistory(self.config(AverageConfig))
        self._case = work.case_of(self._config.case)
        self._publisher = self.create_publisher(Registration, "registration", LATCHED)
        self.create_subscription(ToolPoses, "tracker/tools", self._frame, SENSOR)
        self._action = WorkerAction(self, RegisterPatient, "register_patient", self._register)
        self.set_ready()

    def _frame(self, message: ToolPoses) -> None:
        poses = {t.name: transform_from_pose(t.pose) for t in message.tools if t.valid}
        self._tools.add(seconds(message.header.stamp), {n: p for n, p in poses.items() if p is not None})

    async def _register(self, goal: Any, compute: Callable[..., Any]) -> Any:
        names = [body.name for body in self._case.bodies]
        moving = [body.name for body in self._case.moving]
        # taken before the work starts: a patient who was not tracked need not be registered
        tools = self._tools.mean(seconds(goal.stamp), [REFERENCE_TOOL, *map(fragment_tool, moving)])
        result, fiducials = await compute(
            work.register, str(self._case.folder), goal.cbct, tuple(goal.bodies), self._config.seed
        )
        registered = [name for name in names if any(b.name == name for b in result.bodies)]
        message = self._message(result, fiducials, tools, registered)
        self._publisher.publish(message)
        text = "; ".join(message.reasons)
        return RegisterPatient.Result(success=message.accepted, message=text, registration=message)

    def _message(
        self,
        result: RegistrationResult,
        fiducials: FiducialRegistration,
        tools: Mapping[str, RigidTransform],
        names: list[str],
    ) -> Registration:
        assessment = result.assessment & self._judge(fiducials)
        T_cbct_marker = to_metres(fiducials.T_cbct_marker)
        message = Registration(
            case_id=self._case.id,
            bodies=[self._body(result, name, T_cbct_marker, tools) for name in names],
            marker_from_cbct=pose_message(T_cbct_marker.inverse()),
            fiducial_error=fiducials.fre_mm * METRES_PER_MM,
            accepted=assessment.accepted,
            reasons=list(assessment.reasons),
        )
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = "pelvis"
        return message

    def _judge(self, fiducials: FiducialRegistration) -> Assessment:
        limit_mm = self._config.max_fiducial_error / METRES_PER_MM
        if fiducials.fre_mm <= limit_mm:
            return ACCEPTED
        return Assessment(False, (f"spheres fit to {fiducials.fre_mm:.2f} mm, limit {limit_mm:.2f} mm",))

    def _body(
        self,
        result: RegistrationResult,
        name: str,
        T_cbct_marker: RigidTransform,
        tools: Mapping[str, RigidTransform],
    ) -> BodyRegistrationMsg:
        body = result.body(name)
        T_cbct_ct = to_metres(body.T_cbct_ct)
        if name == self._case.reference.name:
            T_marker_ct = chain.marker_from_ct(T_cbct_marker, T_cbct_ct)
        else:
            T_marker_ct = chain.fragment_marker_from_ct(
                tools[fragment_tool(name)], tools[REFERENCE_TOOL], T_cbct_marker, T_cbct_ct
            )
        return BodyRegistrationMsg(
            name=name,
            cbct_from_ct=pose_message(T_cbct_ct),
            marker_from_ct=pose_message(T_marker_ct),
            tre_estimate=body.tre_estimate_mm * METRES_PER_MM,
            overlap=body.overlap,
        )


def main() -> None:
    sys.exit(run_node(RegistrationNode))


if __name__ == "__main__":
    main()
