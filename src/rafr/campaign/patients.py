"""Who is operated on: patients drawn by lot, the same from the same seed whatever their number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafr.cases.case import FRACTURE_KINDS, Case
from rafr.cases.pelvis import IntactPelvis
from rafr.config import check_config, option
from rafr.errors import InputError
from rafr.tissue.model import TissueParams

PROCEDURES = ("loop", "ros")
_PELVIS_SUFFIXES = (".mat", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


@dataclass(frozen=True, slots=True)
class CampaignConfig:
    """What patients are drawn from and how they are operated on; one campaign has one of these.

    Attributes:
        procedure: `loop`: in one process, without ROS; `ros`: `rafr sim` with all its nodes.
        fractures: the kinds; every run of as many patients as there are kinds has each of them once.
        pelvises: files to take the anatomy from (`rafr.cases.pelvis.read_pelvis`); none: parametric pelves.
    """

    procedure: str = "loop"
    seed: int = option(0, "of everything drawn by lot", lower=0)
    fractures: tuple[str, ...] = FRACTURE_KINDS
    pelvises: tuple[str, ...] = ()
    arm: str = "ur16e"
    spacing_mm: float = option(1.2, "voxel size of the CT", unit="mm", lower=0.4, upper=2.0)
    tissue_spread: float = option(
        0.25,
        "of the soft tissue against what the planner takes it for: standard deviation of the logarithm of its"
        " strength and stiffness",
        lower=0.0,
        upper=1.0,
    )


@dataclass(frozen=True, slots=True)
class TissueFactors:
    """The patient's soft tissue, in parts of what the planner takes it for; `contracture` as such."""

    muscle: float = 1.0
    ligament: float = 1.0
    bedding: float = 1.0
    contracture: float = 0.5

    def params(self) -> TissueParams:
        """As the plant has it."""
        expected = TissueParams()
        return TissueParams(
            muscle_strength=self.muscle * expected.muscle_strength,
            ligament_stiffness=self.ligament * expected.ligament_stiffness,
            bedding_stiffness=self.bedding * expected.bedding_stiffness,
            contracture=self.contracture,
        )


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient: all that a process must be told to operate on them.

    Attributes:
        number: in the campaign, from 0.   seed: of case, room, devices and noise.
        fracture: kind.   pelvis: file of the anatomy; empty: parametric.
    """

    number: int
    seed: int
    fracture: str
    pelvis: str
    spacing_mm: float
    procedure: str
    arm: str
    tissue: TissueFactors

    @property
    def name(self) -> str:
        """Of the case and its folder."""
        return f"patient-{self.number:04d}"

    def anatomy(self) -> IntactPelvis:
        """The unbroken pelvis, as `rafr case simulate` has it with this seed."""
        from rafr.cases.pelvis import read_pelvis
        from rafr.cases.virtual import virtual_pelvis

        return read_pelvis(self.pelvis) if self.pelvis else virtual_pelvis(np.random.default_rng(self.seed))

    def make_case(self, parent: Path) -> Case:
        """Break the pelvis: CT, labels and truth; displacement and body mass are drawn there."""
        from rafr.cases.load import open_case
        from rafr.cases.simulate import simulate_case

        folder = parent / self.name
        simulate_case(self.anatomy(), self.fracture, self.seed, folder, spacing_mm=self.spacing_mm)
        return open_case(folder)

    def remake(self) -> str:
        """The command that makes the same case again."""
        pelvis = self.pelvis or "--virtual"
        return (
            f"rafr case simulate {pelvis} --fracture {self.fracture} --seed {self.seed} "
            f"--spacing {self.spacing_mm:g} -o DIR"
        )


def check_campaign(config: CampaignConfig) -> None:
    """Raise InputError where a campaign cannot be drawn from this."""
    check_config(config, "campaign")
    if config.procedure not in PROCEDURES:
        raise InputError(
            "--procedure", f"no procedure {config.procedure!r}", f"one of {', '.join(PROCEDURES)}"
        )
    unknown = [kind for kind in config.fractures if kind not in FRACTURE_KINDS]
    if unknown or not config.fractures:
        problem = f"no fracture {unknown[0]!r}" if unknown else "no fracture is named"
        raise InputError("--fractures", problem, f"some of {', '.join(FRACTURE_KINDS)}")
    if len(set(config.fractures)) < len(config.fractures):
        raise InputError("--fractures", "a kind is named twice", "every kind once")


def find_pelvises(folder: Path) -> tuple[str, ...]:
    """Everything below a folder that may be a pelvis: VSD files, labelled volumes, folders of meshes.

    Raises:
        InputError: there is none.
    """
    expected = "a folder of VSD .mat files, labelled volumes or folders of meshes"
    if not folder.is_dir():
        raise InputError(folder, "no such folder", expected)
    found = [p for p in sorted(folder.iterdir()) if p.is_dir() or p.name.lower().endswith(_PELVIS_SUFFIXES)]
    usable = tuple(str(path.resolve()) for path in found if _reads(path))
    if not usable:
        raise InputError(folder, "no pelvis in it", expected)
    return usable


def _reads(path: Path) -> bool:
    """Whether it is a pelvis: other files may lie beside them."""
    from rafr.cases.pelvis import read_pelvis

    try:
        read_pelvis(path)
    except InputError:
        return False
    return True


def draw_patient(config: CampaignConfig, number: int) -> Patient:
    """Patient `number` (from 0); how many others there are makes no difference."""
    block, place = divmod(number, len(config.fractures))
    order = np.random.default_rng([config.seed, 0, block]).permutation(len(config.fractures))
    rng = np.random.default_rng([config.seed, 1, number])
    seed = int(rng.integers(2**31))
    pelvis = str(rng.choice(config.pelvises)) if config.pelvises else ""
    return Patient(
        number=number,
        seed=seed,
        fracture=config.fractures[int(order[place])],
        pelvis=pelvis,
        spacing_mm=config.spacing_mm,
        procedure=config.procedure,
        arm=config.arm,
        tissue=_tissue(config, rng),
    )


def _tissue(config: CampaignConfig, rng: np.random.Generator) -> TissueFactors:
    """By lot, where the procedure has a place for it: the nodes' simulator takes the planner's tissue."""
    draw, contracture = rng.standard_normal(3), float(rng.uniform(0.2, 0.8))
    if config.procedure == "ros" or config.tissue_spread == 0.0:
        return TissueFactors()
    muscle, ligament, bedding = (round(math.exp(config.tissue_spread * d), 4) for d in draw)
    return TissueFactors(muscle, ligament, bedding, round(contracture, 4))
