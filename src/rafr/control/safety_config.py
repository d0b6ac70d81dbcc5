"""Limits of the safety supervisor."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.config import option


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """Limits of the supervisor. They lie a little outside the controller's own, which should act first."""

    force_limit: float = option(360.0, "raw force at the clamp that stops", unit="N", lower=10.0, upper=700.0)
    torque_limit: float = option(
        90.0,
        "raw torque at the clamp (force times the pins' length) that stops",
        unit="N m",
        lower=1.0,
        upper=150.0,
    )
    wrench_samples: int = option(5, "consecutive samples above a limit that stop", lower=1, upper=50)
    wrench_step: float = option(
        35.0,
        "change of the raw force within 30 ms that stops a reduction",
        unit="N",
        lower=5.0,
        upper=300.0,
    )
    wrench_step_share: float = option(
        0.4,
        "share of the load that this may be where it is more: rubbing bone lets go of twice its friction",
        lower=0.0,
        upper=1.0,
    )
    heartbeat_age: float = option(3.0, "age of a heartbeat that stops", unit="s", lower=0.3, upper=30.0)
    startup_time: float = option(180.0, "how long nodes may take to start", unit="s", lower=1.0, upper=600.0)
    arm_state_age: float = option(2.0, "age of the arm's state that stops", unit="s", lower=0.2, upper=30.0)
    tracker_age: float = option(
        3.0, "age of the tracker that stops a reduction", unit="s", lower=0.2, upper=30.0
    )
    tool_error: float = option(
        1e-3, "tracker's own error of a tool that warns", unit="m", lower=1e-5, upper=0.01
    )
    path_error: float = option(
        0.02, "tracked error of a fragment that stops", unit="m", lower=1e-3, upper=0.1
    )
    base_moved: float = option(
        1e-3, "way of the base while a fragment is held that stops", unit="m", lower=1e-4, upper=0.05
    )
    risk_warning: float = option(
        0.5, "probability of risk that warns, and from which a reduction is slowed", lower=0.0, upper=1.0
    )
    risk_hold: float = option(0.9, "probability of risk that stops a reduction", lower=0.01, upper=1.0)
    risk_hold_time: float = option(0.3, "how long it must last", unit="s", lower=0.0, upper=10.0)
    risk_slowest: float = option(
        0.2, "share of its speed with which a reduction goes on just below that", lower=0.05, upper=1.0
    )
    risk_age: float = option(
        5.0, "age at which a risk is not known any more", unit="s", lower=0.5, upper=60.0
    )
    risk_sources: str = option("patient_emg", "sources that slow and stop; others warn, comma separated")
    required_risks: str = option("", "sources that must be known while a fragment is held, comma separated")
