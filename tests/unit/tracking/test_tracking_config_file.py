"""The file that hardware starts with names parameters that exist, with values they accept."""

import dataclasses

import yaml

from rafr.config import check_config
from rafr.resources import resource_path
from rafr.tracking.clock import ClockConfig
from rafr.tracking.drivers.choose import DEVICES, DriverConfigs
from rafr.tracking.filter import PoseFilterConfig
from rafr.tracking.gating import GateConfig
from rafr.tracking.names import ToolNames

CONFIGS = (
    ClockConfig(),
    PoseFilterConfig(),
    GateConfig(),
    *(getattr(DriverConfigs(), field.name) for field in dataclasses.fields(DriverConfigs)),
)


def test_every_parameter_of_the_file_is_one_of_the_nodes():
    parameters = yaml.safe_load(resource_path("config/tracker.yaml").read_text(encoding="utf-8"))[
        "/rafr/tracker"
    ]["ros__parameters"]
    assert parameters.pop("use_sim_time") is False
    assert parameters.pop("driver") in DEVICES
    assert ToolNames.parse(parameters.pop("tools")).missing >= {"reference", "base"}
    known = {field.name: type(getattr(c, field.name)) for c in CONFIGS for field in dataclasses.fields(c)}
    assert {name: type(value) for name, value in parameters.items()} == {n: known[n] for n in parameters}


def test_no_two_configurations_of_the_node_share_a_parameter_and_all_defaults_are_in_bounds():
    names = [field.name for c in CONFIGS for field in dataclasses.fields(c)]
    assert len(names) == len(set(names))
    for config in CONFIGS:
        check_config(config, "defaults")
