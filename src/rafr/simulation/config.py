"""Tunables of the plant."""

from __future__ import annotations

from dataclasses import dataclass, field

from rafr.config import option
from rafr.simulation.arm_drive import ArmDriveConfig
from rafr.simulation.base_drive import BaseDriveConfig
from rafr.simulation.holding import HoldingConfig
from rafr.simulation.inertia import MassConfig
from rafr.simulation.setup import SetupConfig
from rafr.tissue.contact import ContactParams
from rafr.tissue.model import TissueParams
from rafr.tissue.traction import TractionConfig


@dataclass(frozen=True, slots=True)
class PlantConfig:
    """What the devices and the patient can do; the same for every engine."""

    arm: str = option("ur16e", "robot arm of the description")
    grip_reach: float = option(
        0.010, "the clamp's jaws close on pins within this distance", unit="m", lower=0.001, upper=0.05
    )
    grip_angle_deg: float = option(
        8.0, "and within this angle of its own axes", unit="deg", lower=0.5, upper=30.0
    )
    pin_force: float = option(
        1200.0, "force at which the pins' threads give way (two in the iliac crest)", unit="N", lower=100.0
    )
    pin_torque: float = option(40.0, "torque at which they do", unit="N m", lower=1.0)
    pin_remains: float = option(0.05, "share of the stiffness that loose pins keep", lower=0.0, upper=1.0)
    pin_play: float = option(5e-4, "free way of loose pins", unit="m", lower=0.0, upper=0.01)
    boot_slip: float = option(0.02, "way the boot slips when it does", unit="m", lower=0.0, upper=0.2)
    tissue_factor: float = option(
        3.0, "stiffness of tissue that is not as modelled, against its model", lower=1.0, upper=10.0
    )
    band_stiffness: float = option(8e4, "of an unplanned band", unit="N/m", lower=0.0, upper=1e6)
    band_slack: float = option(2e-3, "its free way", unit="m", lower=0.0, upper=0.05)
    brake_slip: float = option(
        6e-3, "way the base rolls when its brakes slip", unit="m", lower=0.0, upper=0.1
    )
    max_energy: float = option(
        50.0,
        "bones with more kinetic energy than any device here can give them are a defect",
        unit="J",
        lower=0.1,
    )
    max_excursion: float = option(0.5, "a bone farther than this from its start too", unit="m", lower=0.05)
    rest_speed: float = option(
        1e-5, "when everything is slower for half a second, time passes without computing", lower=0.0
    )
    tissue: TissueParams = field(default_factory=TissueParams)
    contact: ContactParams = field(default_factory=ContactParams)
    traction: TractionConfig = field(default_factory=TractionConfig)
    setup: SetupConfig = field(default_factory=SetupConfig)
    masses: MassConfig = field(default_factory=MassConfig)
    holding: HoldingConfig = field(default_factory=HoldingConfig)
    arm_drive: ArmDriveConfig = field(default_factory=ArmDriveConfig)
    base_drive: BaseDriveConfig = field(default_factory=BaseDriveConfig)
