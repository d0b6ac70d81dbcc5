"""Action `register_patient`: CT to CBCT to tracker; publishes `registration`, latched.

The chain is that of docs/architecture.md, steps 1 and 2: spheres and bones found in the CBCT, tools
as the tracker saw them while it was taken. Service `touch_bone`: a probe held to bone checks it; touches that
contradict a registration withdraw it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rafr_msgs.action import RegisterPatient
from rafr_msgs.msg import BodyRegistration as BodyRegistrationMsg
from rafr_msgs.msg import Registration, ToolPoses
from rafr_msgs.srv import TouchBone

from rafr.cases.meshes import body_meshes
from rafr.config import option
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.nodes import work
from rafr.nodes.actions import WorkerAction
from rafr.nodes.convert import pose_message, seconds, transform_from_pose
from rafr.nodes.runtime import LATCHED, OK, SENSOR, WARN, RafrNode, run_node
from rafr.registration import chain
from rafr.registration.probe import ProbeConfig, Touch, contradictions, judge_touches, tip_in_bone, touch
from rafr.registration.result import FiducialRegistration, RegistrationResult
from rafr.registration.targets import TrackedLimits, judge_tracked, tracked_error
from rafr.tracking.average import AverageConfig, ToolHistory
from rafr.tracking.tools import PROBE_TOOL, REFERENCE_TOOL, fragment_tool
from rafr.units import METRES_PER_MM, to_metres


@dataclass(frozen=True, slots=True)
class RegistrationNodeConfig:
    case: str = option("", "case folder")
    seed: int = option(0, "of the registration's random sampling", lower=0)


class RegistrationNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("registration")
        self._config = self.config(RegistrationNodeConfig)
        self._tools = ToolHistory(self.config(AverageConfig))
        self._limits = self.config(TrackedLimits)
        self._probe = self.config(ProbeConfig)
        self._case = work.case_of(self._config.case)
        self._registration: Registration | None = None
        self._touches: dict[str, list[Touch]] = {}
        self._seen = 0.0  # s, stamp of the last frame
        self._publisher = self.create_publisher(Registration, "registration", LATCHED)
        self.create_subscription(ToolPoses, "tracker/tools", self._frame, SENSOR)
        self._action = WorkerAction(self, RegisterPatient, "register_patient", self._register)
        self.create_service(TouchBone, "touch_bone", self._touch)
        self.set_ready()

    def _frame(self, message: ToolPoses) -> None:
        poses = {t.name: transform_from_pose(t.pose) for t in message.tools if t.valid}
        self._seen = seconds(message.header.stamp)
        self._tools.add(self._seen, {n: p for n, p in poses.items() if p is not None})

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
        message.cbct = goal.cbct
        self._touches.clear()
        self._publish(message)
        text = "; ".join(message.reasons)
        return RegisterPatient.Result(success=message.accepted, message=text, registration=message)

    def _publish(self, message: Registration) -> None:
        self._registration = message
        self._publisher.publish(message)

    def _touch(self, request: Any, response: Any) -> Any:
        """One touch; the answer judges all of them since the registration, or since `restart`."""
        name = request.body or self._case.reference.name
        try:
            made = self._measured_touch(name)
        except InfeasibleError as error:
            response.message, response.distance = "; ".join(error.reasons), float("nan")
            return response
        if request.restart:
            self._touches.pop(name, None)
        touches = self._touches.setdefault(name, [])
        touches.append(made)
        verdict = judge_touches(touches, self._probe)
        response.success, response.distance = verdict.accepted, made.distance
        response.message = "; ".join(verdict.reasons)
        against = contradictions(touches, self._probe)
        if against:
            self._withdraw(f"{name}: {'; '.join(against)}")
        else:
            self.diagnose(OK, f"{name}: touched {1e3 * made.distance:+.2f} mm from the registered bone")
        return response

    def _measured_touch(self, name: str) -> Touch:
        """Where the probe is now, the mean of the last frames.

        Raises:
            InfeasibleError: nothing registered of that name, or a tool was not seen standing still.
        """
        found = [b for b in self._registration.bodies if b.name == name] if self._registration else []
        T_marker_ct = transform_from_pose(found[0].marker_from_ct) if found else None
        if T_marker_ct is None:
            raise InfeasibleError((f"{name} is not registered",))
        tool = REFERENCE_TOOL if name == self._case.reference.name else fragment_tool(name)
        seen = self._tools.mean(self._seen, [tool, PROBE_TOOL])
        point = tip_in_bone(T_marker_ct, seen[tool], seen[PROBE_TOOL], self._probe.tip)
        return touch(body_meshes(self._case)[name].mesh, point)

    def _withdraw(self, reason: str) -> None:
        """What the probe contradicts is not to be relied on: nothing is planned or moved by it."""
        assert self._registration is not None
        self.diagnose(WARN, f"registration withdrawn: {reason}")
        message = self._registration
        message.accepted = False
        message.reasons = [*message.reasons, reason]
        self._publish(message)

    def _message(
        self,
        result: RegistrationResult,
        fiducials: FiducialRegistration,
        tools: Mapping[str, RigidTransform],
        names: list[str],
    ) -> Registration:
        meshes = body_meshes(self._case)
        errors_mm = {n: tracked_error(result.body(n), fiducials, meshes[n].mesh.vertices) for n in names}
        assessment = result.assessment & judge_tracked(fiducials, errors_mm, self._limits)
        T_cbct_marker = to_metres(fiducials.T_cbct_marker)
        message = Registration(
            case_id=self._case.id,
            bodies=[self._body(result, name, T_cbct_marker, tools, errors_mm[name]) for name in names],
            marker_from_cbct=pose_message(T_cbct_marker.inverse()),
            fiducial_error=fiducials.fre_mm * METRES_PER_MM,
            accepted=assessment.accepted,
            reasons=list(assessment.reasons),
        )
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = "pelvis"
        return message

    def _body(
        self,
        result: RegistrationResult,
        name: str,
        T_cbct_marker: RigidTransform,
        tools: Mapping[str, RigidTransform],
        error_mm: float,
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
            tre_estimate=error_mm * METRES_PER_MM,
            overlap=body.overlap,
        )


def main() -> None:
    sys.exit(run_node(RegistrationNode))


if __name__ == "__main__":
    main()
