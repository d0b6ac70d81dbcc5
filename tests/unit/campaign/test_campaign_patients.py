"""Patients are drawn by number: the same whoever else is operated on, and every kind as often."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.campaign.patients import (
    CampaignConfig,
    TissueFactors,
    check_campaign,
    draw_patient,
    find_pelvises,
)
from rafr.cases.case import FRACTURE_KINDS
from rafr.errors import InputError
from rafr.tissue.model import TissueParams


def test_every_block_of_patients_has_each_kind_once_in_an_order_of_its_own():
    config = CampaignConfig(seed=4)
    kinds = [draw_patient(config, number).fracture for number in range(3 * len(FRACTURE_KINDS))]
    blocks = np.array(kinds).reshape(3, -1)
    assert all(sorted(block) == sorted(FRACTURE_KINDS) for block in blocks)
    assert len({tuple(block) for block in blocks}) == 3


def test_a_patient_follows_from_seed_and_number_alone():
    config = CampaignConfig(seed=1)
    assert draw_patient(config, 7) == draw_patient(config, 7)
    seeds = {draw_patient(replace(config, seed=s), n).seed for s in range(3) for n in range(40)}
    assert len(seeds) == 120
    # another anatomy or voxel size leaves the rest of the draw as it is
    assert draw_patient(replace(config, spacing_mm=0.9), 7).tissue == draw_patient(config, 7).tissue


def test_tissue_varies_by_what_is_asked_for():
    logs = [
        np.log([t.muscle, t.ligament, t.bedding])
        for t in (draw_patient(CampaignConfig(tissue_spread=0.25), n).tissue for n in range(300))
    ]
    assert np.std(logs) == pytest.approx(0.25, abs=0.02)  # 900 draws: standard error 0.006
    assert np.mean(logs) == pytest.approx(0.0, abs=0.03)
    assert draw_patient(CampaignConfig(tissue_spread=0.0), 3).tissue == TissueFactors()
    assert draw_patient(CampaignConfig(procedure="ros"), 3).tissue == TissueFactors()


def test_tissue_without_a_factor_is_what_the_planner_expects():
    assert TissueFactors().params() == TissueParams()
    stiff = TissueFactors(muscle=1.2, ligament=1.5, bedding=0.5, contracture=0.3).params()
    expected = TissueParams()
    assert stiff.ligament_stiffness == pytest.approx(1.5 * expected.ligament_stiffness)
    assert stiff.bedding_stiffness == pytest.approx(0.5 * expected.bedding_stiffness)
    assert (stiff.muscle_strength, stiff.contracture) == (1.2, 0.3)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (CampaignConfig(procedure="gazebo"), "no procedure 'gazebo'"),
        (CampaignConfig(fractures=("denis2", "ankle")), "no fracture 'ankle'"),
        (CampaignConfig(fractures=()), "no fracture is named"),
        (CampaignConfig(fractures=("rami", "rami")), "named twice"),
        (CampaignConfig(spacing_mm=9.0), "spacing_mm is 9.0"),
        (CampaignConfig(seed=-1), "seed is -1"),
    ],
)
def test_what_cannot_be_drawn_is_said(config, says):
    with pytest.raises(InputError, match=says):
        check_campaign(config)


def test_anatomy_comes_from_whatever_is_a_pelvis_in_a_folder(tmp_path):
    import trimesh

    with pytest.raises(InputError, match="no pelvis in it"):
        find_pelvises(tmp_path)
    for x, bone in ((60.0, "left_hip"), (-60.0, "right_hip"), (0.0, "sacrum")):
        ball = trimesh.creation.icosphere(subdivisions=3, radius=40.0)
        ball.apply_translation([x, 0.0, 0.0])
        (tmp_path / "p1").mkdir(exist_ok=True)
        ball.export(tmp_path / "p1" / f"{bone}.stl")
    (tmp_path / "notes.mat").write_bytes(b"no pelvis")
    found = find_pelvises(tmp_path)
    assert found == (str((tmp_path / "p1").resolve()),)
    patient = draw_patient(CampaignConfig(pelvises=found), 0)
    assert patient.pelvis == found[0]
    assert f"rafr case simulate {found[0]} --fracture {patient.fracture}" in patient.remake()
