"""Faults that can be injected into a simulated procedure: what a device does from one moment on."""

from rafr.simulation.faults.injector import FAULTS, FaultConfig, FaultInjector, parse_faults

__all__ = ["FAULTS", "FaultConfig", "FaultInjector", "parse_faults"]
