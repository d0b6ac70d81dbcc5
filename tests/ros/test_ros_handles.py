"""Moving a target in RViz, from the messages RViz sends to the goal that the planner gets."""

import math

import pytest

from rafr.geometry import RigidTransform

pytestmark = [pytest.mark.ros, pytest.mark.slow]

MOVE = RigidTransform.from_rotvec([0.0, 0.0, 0.2], [0.004, 0.0, 0.002])


class Rviz:
    """What RViz's display does: asks for the markers, follows the updates, sends where one was dropped."""

    def __init__(self, lab):
        from visualization_msgs.msg import InteractiveMarkerFeedback, InteractiveMarkerUpdate
        from visualization_msgs.srv import GetInteractiveMarkers

        self.lab, self.updates = lab, []
        self._ask = lab.node.create_client(GetInteractiveMarkers, "targets/get_interactive_markers")
        self._feedback = lab.node.create_publisher(InteractiveMarkerFeedback, "targets/feedback", 100)
        lab.node.create_subscription(InteractiveMarkerUpdate, "targets/update", self.updates.append, 100)

    def markers(self):
        from visualization_msgs.srv import GetInteractiveMarkers

        assert self._ask.wait_for_service(timeout_sec=90.0)
        answer = self.lab.wait_result(self._ask.call_async(GetInteractiveMarkers.Request()))
        return {m.name: m for m in answer.markers}, answer.sequence_number

    def drop(self, pose, name="wing", frame="pelvis"):
        from visualization_msgs.msg import InteractiveMarkerFeedback

        assert self.lab.wait(lambda: self._feedback.get_subscription_count() == 1)
        message = InteractiveMarkerFeedback(marker_name=name, pose=pose)
        message.event_type = InteractiveMarkerFeedback.MOUSE_UP
        message.header.frame_id = frame
        self._feedback.publish(message)


class Planner:
    """An action server that keeps its goals until the test ends them."""

    def __init__(self, node):
        from rafr_msgs.action import PlanReduction
        from rclpy.action import ActionServer, CancelResponse

        self.goals, self.ending, self._result = [], None, PlanReduction.Result
        self._server = ActionServer(
            node,
            PlanReduction,
            "plan_reduction",
            self._execute,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    async def _execute(self, goal):
        from rclpy.task import Future

        self.goals.append(goal)
        self.ending = Future()
        success, message = await self.ending
        if success:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return self._result(success=success, message=message)


@pytest.fixture
def theatre(lab, box_case, box_plan):
    """A view with handles, a planner, and a procedure in phase `lab.phase`."""
    from diagnostic_msgs.msg import DiagnosticArray
    from rafr_msgs.action import PlanReduction
    from rafr_msgs.msg import Approval, Plan, ProcedureState

    from rafr.nodes.convert import plan_message
    from rafr.nodes.runtime import LATCHED

    if not hasattr(PlanReduction.Goal(), "given_targets"):
        pytest.skip("rafr_msgs was built before a goal could name targets")
    lab.phase = "approval"
    states = lab.node.create_publisher(ProcedureState, "procedure/state", LATCHED)
    lab.approvals = lab.node.create_publisher(Approval, "approval", LATCHED)
    lab.plans = lab.node.create_publisher(Plan, "plan", LATCHED)
    lab.node.create_timer(
        0.2, lambda: states.publish(ProcedureState(phase=lab.phase, status=ProcedureState.WAITING))
    )
    lab.planner, lab.rviz = Planner(lab.node), Rviz(lab)
    lab.listen(DiagnosticArray, "/diagnostics")
    lab.publish_plan = lambda plan: lab.plans.publish(plan_message(plan, lab.node.get_clock().now().to_msg()))
    lab.publish_plan(box_plan)
    lab.start("view", case=str(box_case))
    lab.wait_ready("view")
    assert lab.wait(lambda: any(s.message for s in said(lab))), lab.log("view")
    assert lab.wait(lambda: bool(lab.rviz.updates) or bool(lab.rviz.markers()[0]))
    return lab


def said(lab):
    return [s for a in lab.received["/diagnostics"] for s in a.status if s.name == "rafr/view"]


def complained(lab, words):
    return lambda: any(words in s.message for s in said(lab))


def moved_pose(marker):
    from rafr.nodes.convert import pose_message, transform_from_pose

    return pose_message(transform_from_pose(marker.pose) @ MOVE)


def dropped(lab, pose):
    """Whether a drop comes to the planner; on a busy machine the procedure may seem silent for a while."""

    def once():
        lab.rviz.drop(pose)
        return lab.wait(lambda: bool(lab.planner.goals), 5.0)

    return any(once() for _ in range(15))


def put_back(lab, marker):
    """Whether the last update puts the handle where it was."""
    poses = [p for u in lab.rviz.updates for p in u.poses]
    return bool(poses) and poses[-1].pose == marker.pose


def test_a_handle_dropped_elsewhere_has_the_path_planned_to_there(theatre, box_plan):
    from dataclasses import replace

    from rafr.nodes.convert import transform_from_pose
    from rafr.units import to_mm

    markers, first = theatre.rviz.markers()
    wing = markers["wing"]
    assert (wing.header.frame_id, len(wing.controls), list(markers)) == ("pelvis", 6, ["wing"])
    assert wing.scale == pytest.approx(0.035, abs=0.006)  # m: a box of ten or twelve voxels of 3 mm
    assert dropped(theatre, moved_pose(wing)), theatre.log("view")
    request = theatre.planner.goals[0].request
    assert (list(request.bodies), list(request.given_bodies)) == ([], ["wing"])
    T = transform_from_pose(request.given_targets[0])
    place = transform_from_pose(wing.pose)
    planned = RigidTransform.from_translation([-0.010, 0.0, 0.0])
    assert T.matrix == pytest.approx((place @ MOVE @ place.inverse() @ planned).matrix, abs=1e-9)
    theatre.rviz.drop(wing.pose)  # where it was: nothing to do
    theatre.planner.ending.set_result((True, ""))
    body = replace(box_plan.bodies[0], T_reduced_displaced=to_mm(T))
    theatre.publish_plan(replace(box_plan, bodies=(body,)))
    assert theatre.wait(lambda: theatre.rviz.markers()[1] > first)
    there = transform_from_pose(theatre.rviz.markers()[0]["wing"].pose)
    assert there.matrix == pytest.approx((place @ MOVE).matrix, abs=1e-6)
    numbers = [u.seq_num for u in theatre.rviz.updates]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(theatre.planner.goals) == 1


def test_while_a_reduction_runs_the_handle_goes_back_and_nothing_is_asked(theatre):
    theatre.phase = "reduction"
    theatre.wait(lambda: False, seconds=1.0)
    wing = theatre.rviz.markers()[0]["wing"]
    theatre.rviz.drop(moved_pose(wing))
    assert theatre.wait(complained(theatre, "the procedure is in reduction")), theatre.log("view")
    assert theatre.wait(lambda: put_back(theatre, wing))
    assert theatre.planner.goals == []


@pytest.mark.parametrize(
    ("field", "value", "frame", "name", "words"),
    [
        ("position", math.nan, "pelvis", "wing", "not finite"),
        ("position", math.inf, "pelvis", "wing", "not finite"),
        ("orientation", 3.0, "pelvis", "wing", "not finite"),
        ("position", 0.1, "world", "wing", "frame 'world'"),
        ("position", 0.1, "pelvis", "sacrum", "no target 'sacrum'"),
    ],
)
def test_what_makes_no_sense_is_ignored_and_said(theatre, field, value, frame, name, words):
    import copy

    wing = theatre.rviz.markers()[0]["wing"]
    pose = copy.deepcopy(wing.pose)
    getattr(pose, field).x = value
    theatre.rviz.drop(pose, name, frame)
    assert theatre.wait(complained(theatre, words)), theatre.log("view")
    assert theatre.planner.goals == []
    assert theatre.rviz.markers()[0]["wing"].pose == wing.pose


def test_an_approval_meanwhile_calls_the_planning_off(theatre, box_plan):
    from rafr_msgs.msg import Approval

    wing = theatre.rviz.markers()[0]["wing"]
    assert dropped(theatre, moved_pose(wing)), theatre.log("view")
    theatre.wait(lambda: False, seconds=0.5)
    theatre.approvals.publish(Approval(plan_hash=box_plan.hash, approver="test"))
    assert theatre.wait(complained(theatre, "the plan is approved"))
    assert theatre.wait(lambda: theatre.planner.goals[0].is_cancel_requested)
    assert theatre.wait(lambda: put_back(theatre, wing))
    theatre.planner.ending.set_result((False, "cancelled"))


def test_a_plan_that_fails_puts_the_handle_back_and_says_why(theatre):
    wing = theatre.rviz.markers()[0]["wing"]
    assert dropped(theatre, moved_pose(wing)), theatre.log("view")
    theatre.rviz.drop(moved_pose(wing))
    assert theatre.wait(complained(theatre, "another plan is being made"))
    theatre.planner.ending.set_result((False, "no way through bone"))
    assert theatre.wait(complained(theatre, "no way through bone"))
    assert theatre.wait(lambda: put_back(theatre, wing))
    assert len(theatre.planner.goals) == 1
