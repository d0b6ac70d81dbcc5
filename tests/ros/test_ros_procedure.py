"""The procedure node drives a scripted theatre through every phase and lets nothing move without approval."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

pytestmark = pytest.mark.ros
BODY = "left_hip"
PRESCRIBED = 60.0  # N of traction; the plan wants 10 N at the start, 90 N at the target


@pytest.fixture
def case_folder(tmp_path, monkeypatch):
    """Two blocks of bone on a 4 mm grid: a reference and one that moves."""
    from rafr.cases.case import Body, Case, Traction, save_case
    from rafr.imaging.volume import Volume, write_volume

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    labels = np.zeros((24, 24, 40), np.uint8)
    labels[6:18, 6:18, 4:18] = 1
    labels[6:18, 6:18, 22:36] = 11
    folder = tmp_path / "case"
    folder.mkdir()
    grid = (np.zeros(3), np.full(3, 4.0), np.eye(3))
    write_volume(folder / "labels.nii.gz", Volume(labels, *grid))
    write_volume(folder / "ct.nii.gz", Volume(np.where(labels > 0, 700, 40).astype(np.int16), *grid))
    bodies = (Body("reference", (1,)), Body(BODY, (11,)))
    volumes = folder / "ct.nii.gz", folder / "labels.nii.gz", None
    save_case(Case(folder, "blocks", *volumes, bodies, traction=Traction("left", PRESCRIBED)))
    return folder


def make_plan(accepted=True):
    from rafr.assessment import Assessment
    from rafr.geometry import Plane, RigidTransform
    from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane

    target = RigidTransform.from_translation([-4.0, 0.0, 0.0])
    ends = (RigidTransform.identity(), 10.0), (target, 90.0)
    path = tuple(PathPose(t, 1.0, 0.0, 0.0, traction) for t, traction in ends)
    body = BodyPlan(BODY, (11,), target, 1.0, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0, 0])), 1.0)
    return ReductionPlan("blocks", "test", (body,), plane, (BODY,), Assessment(accepted), 0.0)


class Theatre:
    """Every other node of the graph, as thin as can be; `calls` keeps what the procedure asked for."""

    def __init__(self, lab, off_mm=0.0, move_fails=()):
        from rafr_msgs.action import DockBase, MoveArm, OptimiseTrajectory, PlanReduction, RegisterPatient
        from rafr_msgs.msg import (
            Approval,
            ArmState,
            Plan,
            ProcedureState,
            Registration,
            SafetyState,
            ToolPoses,
        )
        from rafr_msgs.srv import AcquireCbct, FixBody, SetTraction
        from rclpy.action import ActionServer
        from std_srvs.srv import SetBool

        from rafr.nodes.convert import plan_message
        from rafr.nodes.runtime import LATCHED, SENSOR

        self.lab, self.calls, self.off_mm, self.move_fails = lab, [], off_mm, set(move_fails)
        self.tensions = []
        self.arm = ArmState(state=ArmState.IDLE)
        self.safe = True
        node = lab.node
        self.plan = make_plan()
        self.message = plan_message(self.plan, node.get_clock().now().to_msg())
        lab.listen(Approval, "approval", LATCHED)
        lab.listen(ProcedureState, "procedure/state", LATCHED)
        topics = {
            "arm": node.create_publisher(ArmState, "arm/state", 10),
            "safety": node.create_publisher(SafetyState, "safety/state", LATCHED),
            "tools": node.create_publisher(ToolPoses, "tracker/tools", SENSOR),
        }
        self.plans = node.create_publisher(Plan, "plan", LATCHED)
        self.registrations = node.create_publisher(Registration, "registration", LATCHED)
        node.create_timer(0.1, lambda: self.publish(**topics))
        for kind, name in (
            (SetBool, "holding_device"), (AcquireCbct, "acquire_cbct"), (FixBody, "insert_pins"),
            (FixBody, "fix_body"), (SetTraction, "traction"),
        ):  # fmt: skip
            node.create_service(kind, name, self.serve(name))
        for kind, name in (
            (RegisterPatient, "register_patient"), (PlanReduction, "plan_reduction"), (DockBase, "dock_base"),
            (OptimiseTrajectory, "optimise_trajectory"), (MoveArm, "move_arm"),
        ):  # fmt: skip
            ActionServer(node, kind, name, self.actor(name, kind))

    def publish(self, arm, safety, tools):
        from rafr_msgs.msg import SafetyState, ToolPose, ToolPoses

        arm.publish(self.arm)
        state = SafetyState.OK if self.safe else SafetyState.STOPPED
        safety.publish(SafetyState(state=state, reasons=[] if self.safe else ["a node died"]))
        names = ("reference", "base", f"fragment_{BODY}")
        tools.publish(ToolPoses(tools=[ToolPose(name=n, valid=True) for n in names]))

    def serve(self, name):
        def answer(request, response):
            self.calls.append(name)
            if name == "traction":
                self.tensions.append(round(request.tension, 3))
            response.success = True
            return response

        return answer

    def actor(self, name, kind):
        async def act(goal):
            return await self.act(name, kind, goal)

        return act

    async def act(self, name, kind, goal):
        from rafr_msgs.msg import ArmState

        label = f"{name}:{goal.request.kind}" if hasattr(goal.request, "kind") else name
        self.calls.append(label)
        result = kind.Result(success=True)
        if name == "register_patient":
            result.registration = self.registration()
            self.registrations.publish(result.registration)
        elif name == "plan_reduction":
            result.plan = self.message
            self.plans.publish(self.message)
        elif label in (
            "optimise_trajectory:approach",
            "optimise_trajectory:reduction",
            "optimise_trajectory:retreat",
        ):
            from trajectory_msgs.msg import JointTrajectoryPoint

            result.arm.points = [JointTrajectoryPoint(), JointTrajectoryPoint()]
        elif label == "move_arm:clamp":
            self.arm = ArmState(state=ArmState.CLAMPED, body=goal.request.body)
        elif label == "move_arm:release":
            self.arm = ArmState(state=ArmState.IDLE)
        elif label == "move_arm:reduction":
            await self.move_along()
        if label in self.move_fails:
            result.success, result.message = False, "force limit"
            self.arm = ArmState(state=ArmState.HOLDING, body=BODY, reason="force limit")
            goal.abort()
        else:
            goal.succeed()
        return result

    def move_along(self):
        """A future of the arm at the target: a quarter, half, all the way, then unseen."""
        from rclpy.task import Future

        self.ahead, self.arrived = [0.25, 0.5, 1.0, None], Future()
        self.motion = self.lab.node.create_timer(0.5, self.move_on)
        return self.arrived

    def move_on(self):
        from rafr_msgs.msg import ArmState

        from rafr.geometry import RigidTransform
        from rafr.nodes.convert import pose_message

        if not self.ahead:
            self.motion.cancel()
            self.arm = ArmState(state=ArmState.CLAMPED, body=BODY)
            self.arrived.set_result(None)
            return
        share = self.ahead.pop(0)
        self.arm = ArmState(state=ArmState.REDUCING, body=BODY, fragment_tracked=share is not None)
        if share is not None:
            self.arm.fragment = pose_message(RigidTransform.from_translation([-0.004 * share, 0.0, 0.0]))

    def registration(self):
        """Bodies where they stand: at the plan's target once reduced, `off_mm` beside it."""
        from rafr_msgs.msg import BodyRegistration, Registration

        from rafr.geometry import RigidTransform
        from rafr.nodes.convert import pose_message
        from rafr.units import to_metres

        here = RigidTransform.identity()
        if "move_arm:reduction" in self.calls:
            here = (
                RigidTransform.from_translation([0.0, self.off_mm, 0.0])
                @ self.plan.bodies[0].T_reduced_displaced
            )
        poses = {"reference": RigidTransform.identity(), BODY: to_metres(here)}
        bodies = [
            BodyRegistration(name=n, cbct_from_ct=pose_message(p), marker_from_ct=pose_message(p))
            for n, p in poses.items()
        ]
        return Registration(case_id="blocks", bodies=bodies, accepted=True)

    @property
    def state(self):
        return self.lab.received["procedure/state"][-1]

    @property
    def approval(self):
        return self.lab.received["approval"][-1]

    def run(self, auto_approve=True, resume_from=""):
        from rafr_msgs.action import RunProcedure
        from rclpy.action import ActionClient

        client = ActionClient(self.lab.node, RunProcedure, "run_procedure")
        assert self.lab.wait(client.server_is_ready)
        goal = RunProcedure.Goal(auto_approve=auto_approve, resume_from=resume_from)
        handle = self.lab.wait_result(client.send_goal_async(goal))
        return SimpleNamespace(handle=handle, future=handle.get_result_async())

    def result(self, run, seconds=60):
        return self.lab.wait_result(run.future, seconds).result

    def approve(self, **request):
        from rafr_msgs.srv import ApprovePlan

        client = self.lab.node.create_client(ApprovePlan, "approve_plan")
        assert self.lab.wait(client.service_is_ready)
        return self.lab.wait_result(client.call_async(ApprovePlan.Request(**request)))


@pytest.fixture
def theatre(lab, case_folder, tmp_path):
    def build(**options):
        theatre = Theatre(lab, **options)
        out = tmp_path / "out"
        out.mkdir()
        lab.start("procedure", case=str(case_folder), out=str(out))
        lab.wait_ready("procedure")
        assert lab.wait(lambda: lab.received["procedure/state"] and lab.received["approval"])
        return theatre

    return build


@pytest.mark.slow
def test_a_run_with_automatic_approval_goes_through_every_step_and_measures_the_residual(theatre):
    theatre = theatre()
    result = theatre.result(theatre.run())
    assert result.outcome == "reduced", result
    order = ["holding_device", "acquire_cbct", "register_patient", "plan_reduction", "insert_pins",
             "move_arm:approach", "move_arm:clamp", "move_arm:reduction", "fix_body", "move_arm:release",
             "move_arm:retreat"]  # fmt: skip
    first = [theatre.calls.index(call) for call in order]
    assert first == sorted(first)
    assert theatre.calls.count("acquire_cbct") == 2
    assert any("from the plan" in phase for phase in result.phases)
    assert any("selected by the surgeon" in phase for phase in result.phases)
    assert theatre.approval.plan_hash == theatre.plan.hash
    assert theatre.approval.automatic
    # from the start of the path on, never more than prescribed, and let go at the end
    assert theatre.tensions == [10.0, 30.0, 50.0, PRESCRIBED, 0.0]


@pytest.mark.slow
def test_without_automatic_approval_nothing_moves_until_exactly_this_plan_is_approved(theatre):
    theatre = theatre()
    run = theatre.run(auto_approve=False)
    assert theatre.lab.wait(lambda: theatre.state.phase == "approval" and theatre.state.status == 1)
    wrong = theatre.approve(plan_hash="0" * 64, approver="surgeon")
    assert not wrong.accepted
    assert "not the loaded plan" in wrong.message
    assert not theatre.approve(plan_hash=theatre.plan.hash, approver="robot", automatic=True).accepted
    theatre.lab.wait(lambda: False, 1.0)
    assert theatre.approval.plan_hash == ""
    assert not any(call.startswith(("move_arm", "dock_base", "insert")) for call in theatre.calls)
    assert theatre.approve(plan_hash=theatre.plan.hash, approver="surgeon").accepted
    assert theatre.result(run).outcome == "reduced"
    assert theatre.approval.approver == "surgeon"
    assert not theatre.approval.automatic


def test_a_plan_whose_hash_is_not_its_own_is_not_loaded(theatre):
    theatre = theatre()
    data = json.loads(theatre.message.json)
    data["bodies"][BODY]["path"][1]["T_path_displaced"][0][3] += 1.0
    theatre.message.json = json.dumps(data)
    theatre.run(auto_approve=False)
    assert theatre.lab.wait(lambda: theatre.state.phase == "approval")
    refused = theatre.approve(plan_hash=theatre.plan.hash, approver="surgeon")
    assert not refused.accepted
    assert "no plan" in refused.message


@pytest.mark.slow
def test_a_held_reduction_ends_the_run_with_its_reason_and_can_be_resumed(theatre):
    from rafr_msgs.msg import ArmState

    theatre = theatre(move_fails=["move_arm:reduction"])
    result = theatre.result(theatre.run())
    assert result.outcome == "held"
    assert any("force limit" in hold for hold in result.holds)
    assert "fix_body" not in theatre.calls
    theatre.move_fails.clear()
    theatre.arm = ArmState(state=ArmState.CLAMPED, body=BODY)
    theatre.lab.wait(lambda: False, 0.5)
    assert theatre.result(theatre.run(resume_from="reduction")).outcome == "reduced"


@pytest.mark.slow
def test_a_residual_beyond_its_limit_is_not_called_reduced(theatre):
    theatre = theatre(off_mm=5.0)
    result = theatre.result(theatre.run())
    assert result.outcome == "held"
    assert any("from the plan" in hold for hold in result.holds)


@pytest.mark.slow
def test_a_latched_stop_holds_the_run_and_a_cancelled_one_withdraws_the_approval(theatre):
    theatre = theatre()
    run = theatre.run(auto_approve=False)
    assert theatre.lab.wait(lambda: theatre.state.phase == "approval")
    assert theatre.approve(plan_hash=theatre.plan.hash, approver="surgeon").accepted
    run.handle.cancel_goal_async()
    assert theatre.result(run).outcome == "aborted"
    assert theatre.lab.wait(lambda: theatre.approval.plan_hash == "")
    theatre.safe = False
    theatre.lab.wait(lambda: False, 0.5)
    result = theatre.result(theatre.run(resume_from="registration"))
    assert result.outcome == "held"
    assert any("node died" in hold for hold in result.holds)


def test_a_missing_case_or_folder_ends_the_node_with_one_line(lab, case_folder):
    process = lab.start("procedure", case=str(case_folder), out="/nowhere/at/all")
    assert process.wait(timeout=90) == 2
    assert "/nowhere/at/all" in lab.log("procedure").strip().splitlines()[-1]
