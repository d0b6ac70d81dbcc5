"""Every limit of the judge matters, and its reasons name body, value and limit."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.registration.judge import JudgeConfig, Quality, judge_body, judge_contact

GOOD = Quality(overlap=0.9, found=0.95, residual_mm=0.1, spread_mm=0.05, tre_mm=0.2)


def box(offset: float) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((20.0, 20, 20))
    return TriangleMesh(np.asarray(mesh.vertices) + np.array([offset, 0, 0]), np.asarray(mesh.faces))


def test_good_registration_is_accepted_without_a_word() -> None:
    assert judge_body("reference", GOOD, JudgeConfig()).accepted
    assert judge_body("reference", GOOD, JudgeConfig()).reasons == ()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"overlap": 0.1}, "field of view"),
        ({"found": 0.4}, "another patient"),
        ({"residual_mm": 0.9}, "edges"),
        ({"spread_mm": 0.9}, "repeated"),
        ({"tre_mm": 1.6}, "expected error"),
    ],
)
def test_each_finding_rejects_with_its_reason(changes: dict[str, float], word: str) -> None:
    verdict = judge_body("wing", replace(GOOD, **changes), JudgeConfig())
    assert not verdict.accepted
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith("wing: ")
    assert word in verdict.reasons[0]


def test_bodies_pushed_into_each_other_are_rejected_but_touching_ones_are_not() -> None:
    meshes = {"reference": box(0.0), "wing": box(20.5)}
    still = {name: RigidTransform.identity() for name in meshes}
    rng = np.random.default_rng(0)
    assert judge_contact(meshes, still, JudgeConfig(), rng).accepted
    pushed = {**still, "wing": RigidTransform.from_translation([-8.0, 0, 0])}
    verdict = judge_contact(meshes, pushed, JudgeConfig(), rng)
    assert not verdict.accepted
    assert "deep in" in verdict.reasons[0]
    assert judge_contact(meshes, pushed, JudgeConfig(max_penetration_mm=9.0), rng).accepted
