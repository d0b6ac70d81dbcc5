"""The adjustment node answers a wish with a path, once, and says when a person has to decide."""

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]
STEPS = 12


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A coarse virtual patient and a straight path to where the fragment truly belongs."""
    from rafr.assessment import ACCEPTED
    from rafr.cases.load import open_case
    from rafr.cases.simulate import simulate_case
    from rafr.cases.truth import read_truth
    from rafr.cases.virtual import virtual_pelvis
    from rafr.geometry import Plane, RigidTransform, screw_interpolate
    from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane

    folder = tmp_path_factory.mktemp("patient") / "case"
    simulate_case(virtual_pelvis(np.random.default_rng(1)), "denis2", 1, folder, spacing_mm=2.5)
    case = open_case(folder)
    body = case.moving[0].name
    target = read_truth(case).T_reduced_displaced[body]
    poses = screw_interpolate(RigidTransform.identity(), target, np.linspace(0.0, 1.0, STEPS))
    path = tuple(PathPose(T, 1.0, 0.0, 0.0) for T in poses)
    plan = BodyPlan(body, case.moving[0].labels, target, 1.0, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0, 0])), 1.0)
    return folder, ReductionPlan(case.id, "test", (plan,), plane, (body,), ACCEPTED, 0.0)


def test_a_wish_becomes_a_path_once_and_too_much_of_it_a_question(lab, patient):
    from geometry_msgs.msg import Vector3
    from rafr_msgs.msg import ArmState, PathAdjustment, Plan
    from rafr_msgs.srv import AdjustTarget, SetObstacle

    from rafr.nodes.convert import adjustment_from_message, plan_message
    from rafr.nodes.runtime import LATCHED

    folder, plan = patient
    body = plan.order[0]
    lab.start("adjustment", case=str(folder))
    lab.wait_ready("adjustment")
    lab.listen(PathAdjustment, "path_adjustment")
    answers = lab.received["path_adjustment"]
    plans = lab.node.create_publisher(Plan, "plan", LATCHED)
    states = lab.node.create_publisher(ArmState, "arm/state", 10)
    wishes = lab.node.create_client(AdjustTarget, "adjust_target")
    obstacles = lab.node.create_client(SetObstacle, "set_obstacle")
    assert lab.wait(lambda: states.get_subscription_count() > 0 and wishes.service_is_ready())
    plans.publish(plan_message(plan, lab.node.get_clock().now().to_msg()))
    state = ArmState(state=ArmState.REDUCING, body=body, progress=0.2, stiffness=float("nan"))

    def goes_on(condition, seconds=90.0):
        def look():
            states.publish(state)
            return condition()

        return lab.wait(look, seconds)

    def ask(client, request):
        return lab.wait_result(client.call_async(request))

    assert not goes_on(lambda: bool(answers), 3.0), "nothing has changed"
    assert not ask(wishes, AdjustTarget.Request(body="nobody")).success
    assert not ask(wishes, AdjustTarget.Request(body=body, shift=Vector3(x=float("nan")))).success
    assert not ask(obstacles, SetObstacle.Request(name="tool", radius=-1.0)).success
    assert ask(wishes, AdjustTarget.Request(body=body, shift=Vector3(z=1e-3))).success
    assert goes_on(lambda: bool(answers)), lab.log("adjustment")
    found = adjustment_from_message(answers[-1])
    assert answers[-1].plan_hash == plan.hash
    assert found.at(1.0)[:3] == pytest.approx([0.0, 0.0, 1e-3], abs=1e-9)
    assert found.at(0.2) == pytest.approx(np.zeros(6), abs=1e-9)
    assert 0.0 < answers[-1].seconds < 2.0

    state.adjustment_reason = answers[-1].reason
    assert goes_on(lambda: True)
    lab.wait(lambda: False, 0.5)
    count = len(answers)
    assert not goes_on(lambda: len(answers) > count, 1.0), "taken: asked for no more"

    assert ask(wishes, AdjustTarget.Request(body=body, shift=Vector3(z=0.02))).success
    assert goes_on(lambda: len(answers) > count)
    assert answers[-1].needs_approval
    assert any("20.0 mm" in reason for reason in answers[-1].reasons)
