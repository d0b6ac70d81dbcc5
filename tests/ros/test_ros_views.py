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
    assert {key[0] for key in found} == {
        "table", "bones", "targets",
        "path_force", "path_clearance", "path_poses", "path_labels", "path_legend",
    }  # fmt: skip
    assert found["targets", 1].pose.position.x == pytest.approx(-0.010, abs=1e-9)  # m
    for namespace in ("path_force", "path_clearance"):
        assert len(found[namespace, 1].points) == len(found[namespace, 1].colors) == 6
    assert found["path_labels", 1].text == "wing: force up to 30 N, clearance from 2.0 mm"
    path = Path(found["bones", 1].mesh_resource.removeprefix("file://"))
    size = read_mesh(path).vertices.max(axis=0) - read_mesh(path).vertices.min(axis=0)
    # ten voxels of 3 mm, in m; smoothing takes up to a voxel
    assert size[0] == pytest.approx(0.030, abs=0.003)
    assert lab.wait(lambda: bool(lab.received["/robot_description"]))
    assert "<robot" in lab.received["/robot_description"][0].data
    assert lab.stop("view") == 0
    assert not path.exists()


@pytest.mark.slow
def test_the_page_is_served_and_survives_a_plan_that_is_not_what_it_says(lab, box_case, box_plan):
    from diagnostic_msgs.msg import DiagnosticArray

    lab.listen(DiagnosticArray, "/diagnostics")
    lab.start("review", case=str(box_case))
    lab.wait_ready("review")
    url = re.search(r"http://localhost:\S+", lab.log("review")).group()
    keep = publish_plan(lab, box_plan, hash="0" * 64)

    def complained():
        texts = [s.message for array in lab.received["/diagnostics"] for s in array.status]
        return any("hash" in text for text in texts)

    assert lab.wait(complained), keep
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(url, timeout=60) as answer:
        assert answer.status == 200
    assert lab.stop("review") == 0


@pytest.mark.slow
def test_the_page_shows_what_the_topics_say_and_listens_to_the_tissue_while_one_looks(
    lab, box_case, browser, tmp_path
):
    import numpy as np
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
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
    browser.open(re.search(r"http://localhost:\S+", lab.log("review")).group())
    assert lab.wait(lambda: tissue.get_subscription_count() == 1)
    assert lab.wait(lambda: lab.node.count_subscribers("joint_states") == 1)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    phase = lab.node.create_publisher(ProcedureState, "procedure/state", LATCHED)
    cord = Cords(np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, -0.9]]]), np.array([120.0]))

    drill = lab.node.create_publisher(DiagnosticArray, "drill/guidance", 10)
    guided = [DiagnosticArray(status=[DiagnosticStatus(message="pin 1: axis 2.0 mm off")])]

    def shown(text):
        for message in guided:
            drill.publish(message)
        phase.publish(ProcedureState(phase="reduction", message="reduce"))
        state = ArmState(state=ArmState.REDUCING, body="wing", fragment_tracked=True, force=42.0)
        state.force_limit, state.target_distance = 300.0, 0.0031
        arm.publish(state)
        tissue.publish(cord_markers({"traction": cord}))
        return browser.run(f"document.body.innerText.includes({text!r})")

    for text in ("reducing wing", "42 of 300 N", "3.1 mm", "120 N", "pin 1: axis 2.0 mm off"):
        assert lab.wait(lambda text=text: shown(text)), browser.run("document.body.innerText")
    guided.clear()  # the drill's guidance has ended
    assert lab.wait(lambda: shown("no guidance for")), browser.run("document.body.innerText")
    assert not shown("pin 1: axis")
    browser.screenshot(tmp_path / "page.png")
    browser.open("about:blank")
    assert lab.wait(lambda: tissue.get_subscription_count() == 0)
    assert lab.wait(lambda: lab.node.count_subscribers("joint_states") == 0)
    assert lab.stop("review") == 0


@pytest.mark.slow
def test_overlap_along_the_path_is_marked_until_a_plan_has_none(lab, box_case, box_plan):
    from dataclasses import replace

    from visualization_msgs.msg import Marker, MarkerArray

    from rafr.nodes.runtime import LATCHED

    lab.listen(MarkerArray, "markers", LATCHED)
    lab.start("view", case=str(box_case))
    lab.wait_ready("view")
    body = box_plan.bodies[0]
    path = (replace(body.path[0], clearance_mm=-0.4), *body.path[1:])
    # another target, so that it is another plan by its hash, too
    other = replace(body, path=path, T_reduced_displaced=body.path[-2].T_path_displaced)
    keep = publish_plan(lab, replace(box_plan, bodies=(other,)))

    def overlaps(action):
        arrays = lab.received["markers"]
        return [m for a in arrays for m in a.markers if m.ns == "path_overlap" and m.action == action]

    assert lab.wait(lambda: overlaps(Marker.ADD)), keep
    assert len(overlaps(Marker.ADD)[0].points) == 1
    again = publish_plan(lab, box_plan)
    assert lab.wait(lambda: overlaps(Marker.DELETE)), again
    assert lab.stop("view") == 0


@pytest.mark.slow
def test_a_spare_view_shows_nothing_beside_another_and_offers_no_handles(lab, box_case):
    from visualization_msgs.msg import MarkerArray

    from rafr.nodes.runtime import LATCHED

    lab.listen(MarkerArray, "markers", LATCHED)
    lab.start("view", case=str(box_case), spare=True)
    lab.wait_ready("view")
    assert lab.wait(lambda: bool(lab.received["markers"]))
    assert "/rafr/targets/get_interactive_markers" not in dict(lab.node.get_service_names_and_types())
    first = lab.node.create_publisher(MarkerArray, "markers", LATCHED)
    lab.wait(lambda: False, seconds=2.0)
    lab.received["markers"].clear()
    lab.wait(lambda: False, seconds=1.0)
    assert lab.received["markers"] == [], first
