"""RViz's markers and the review page, each from its own process."""

import re
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros


def publish_plan(lab, plan, **changes):
    from builtin_interfaces.msg import Time
    from rafr_msgs.msg import Plan

    from rafr.nodes.convert import plan_message
    from rafr.nodes.runtime import LATCHED

    message = plan_message(plan, Time())
    for name, value in changes.items():
        setattr(message, name, value)
    publisher = lab.node.create_publisher(Plan, "plan", LATCHED)
    publisher.publish(message)
    return publisher


@pytest.mark.slow
def test_markers_name_a_mesh_per_bone_and_show_target_and_path(lab, box_case, box_plan):
    from std_msgs.msg import String
    from visualization_msgs.msg import MarkerArray

    from rafr.geometry import read_mesh
    from rafr.nodes.runtime import LATCHED

    lab.listen(MarkerArray, "markers", LATCHED)
    lab.listen(String, "/robot_description", LATCHED)
    lab.start("view", case=str(box_case))
    lab.wait_ready("view")
    keep = publish_plan(lab, box_plan)

    def markers():
        return {(m.ns, m.id): m for array in lab.received["markers"][-1:] for m in array.markers}

    assert lab.wait(lambda: ("targets", 1) in markers()), keep
    found = markers()
    assert {key[0] for key in found} == {"bones", "targets", "paths"}
    assert found["targets", 1].pose.position.x == pytest.approx(-0.010, abs=1e-9)  # m
    assert len(found["paths", 1].points) == 6
    path = Path(found["bones", 1].mesh_resource.removeprefix("file://"))
    size = read_mesh(path).vertices.max(axis=0) - read_mesh(path).vertices.min(axis=0)
    # ten voxels of 3 mm, in m; smoothing takes up to a voxel
    assert size[0] == pytest.approx(0.030, abs=0.003)
    assert lab.wait(lambda: bool(lab.received["/robot_description"]))
    assert "<robot" in lab.received["/robot_description"][0].data
    assert lab.stop("view") == 0
    assert not path.exists()


def test_the_page_is_served_and_survives_a_plan_that_is_not_what_it_says(lab, box_case, box_plan):
    from diagnostic_msgs.msg import DiagnosticArray

    lab.listen(DiagnosticArray, "/diagnostics")
    lab.start("review", case=str(box_case))
    lab.wait_ready("review")
    url = re.search(r"http://localhost:\d+", lab.log("review")).group()
    keep = publish_plan(lab, box_plan, hash="0" * 64)

    def complained():
        texts = [s.message for array in lab.received["/diagnostics"] for s in array.status]
        return any("hash" in text for text in texts)

    assert lab.wait(complained), keep
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.status == 200
    assert lab.stop("review") == 0


@pytest.mark.slow
def test_the_page_shows_what_the_topics_say_and_listens_to_the_tissue_while_one_looks(
    lab, box_case, browser, tmp_path
):
    import numpy as np
    from rafr_msgs.msg import ArmState, ProcedureState
    from visualization_msgs.msg import MarkerArray

    from rafr.nodes.cord_markers import TOPIC, cord_markers
    from rafr.nodes.runtime import LATCHED
    from rafr.simulation.cords import Cords

    lab.start("review", case=str(box_case))
    lab.wait_ready("review")
    tissue = lab.node.create_publisher(MarkerArray, TOPIC, 1)
    lab.wait(lambda: False, seconds=2.0)
    assert tissue.get_subscription_count() == 0
    browser.open(re.search(r"http://localhost:\d+", lab.log("review")).group())
    assert lab.wait(lambda: tissue.get_subscription_count() == 1)
    assert lab.wait(lambda: lab.node.count_subscribers("joint_states") == 1)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    phase = lab.node.create_publisher(ProcedureState, "procedure/state", LATCHED)
    cord = Cords(np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, -0.9]]]), np.array([120.0]))

    def shown(text):
        phase.publish(ProcedureState(phase="reduction", message="reduce"))
        state = ArmState(state=ArmState.REDUCING, body="wing", fragment_tracked=True, force=42.0)
        state.force_limit, state.target_distance = 300.0, 0.0031
        arm.publish(state)
        tissue.publish(cord_markers({"traction": cord}, 0.0))
        return browser.run(f"document.body.innerText.includes({text!r})")

    for text in ("reducing wing", "42 of 300 N", "3.1 mm", "120 N"):
        assert lab.wait(lambda text=text: shown(text)), browser.run("document.body.innerText")
    browser.screenshot(tmp_path / "page.png")
    browser.open("about:blank")
    assert lab.wait(lambda: tissue.get_subscription_count() == 0)
    assert lab.wait(lambda: lab.node.count_subscribers("joint_states") == 0)
    assert lab.stop("review") == 0
