"""Stiff forces between fragments: nothing diverges, nothing is lost."""

import numpy as np
import pytest

from rafr.simulation.bushing import Load
from rafr.simulation.fragment import Loaded, PairLoad, implicit_step
from rafr.simulation.motion import carried, shifter

DT = 1e-3
ARM = np.array([0.02, -0.05, 0.03])  # from the second's centroid to the first's


def masses(light, heavy):
    return {
        "first": np.diag([light] * 3 + [1e-3 * light] * 3),
        "second": np.diag([heavy] * 3 + [2e-3 * heavy] * 3),
    }


def springs(stiffness):
    """All six directions, softer in rotation."""
    return np.diag([stiffness] * 3 + [1e-4 * stiffness] * 3)


def run(mass, stiffness, steps=400):
    """Two free fragments on a stiff spring that starts compressed; their twists, and the largest ever."""
    twists = {name: np.zeros(6) for name in mass}
    gap = np.array([1e-3, -5e-4, 2e-4, 0.01, 0.0, -0.02])
    K, largest = springs(stiffness), 0.0
    for _ in range(steps):
        relative = twists["first"] - carried(twists["second"], ARM)
        load = Load(-K @ gap, K, 1e-4 * K)
        bodies = {name: Loaded(m, np.zeros(6)) for name, m in mass.items()}
        moved = implicit_step(bodies, [PairLoad("first", "second", load, relative, shifter(ARM))], DT)
        twists = {name: twists[name] + change for name, change in moved.items()}
        gap = gap + DT * (twists["first"] - carried(twists["second"], ARM))
        largest = max(largest, *(float(np.abs(t).max()) for t in twists.values()))
    return twists, gap, largest


@pytest.mark.parametrize("light", [0.03, 0.4])
@pytest.mark.parametrize("stiffness", [1e4, 1e6, 1e8])
def test_two_fragments_pressed_together_come_to_rest(light, stiffness):
    _, gap, largest = run(masses(light, 0.4), stiffness)
    assert largest < 50.0
    if stiffness >= 1e6:
        assert np.abs(gap).max() < 1e-4


def test_momentum_is_kept():
    mass = masses(0.1, 0.5)
    twists, _, _ = run(mass, 1e5, steps=50)
    linear = sum(m[:3, :3] @ twists[n][:3] for n, m in mass.items())
    assert linear == pytest.approx(np.zeros(3), abs=1e-9)
    # about the second's centroid
    first = mass["first"] @ twists["first"]
    angular = first[3:] + np.cross(ARM, first[:3]) + mass["second"][3:, 3:] @ twists["second"][3:]
    assert angular == pytest.approx(np.zeros(3), abs=1e-9)


def test_fragments_that_do_not_touch_move_as_if_alone():
    mass = masses(0.1, 0.5)
    K = springs(1e6)
    load = (Load(np.arange(6.0), K, 1e-3 * K), np.linspace(-1e-2, 1e-2, 6))
    bodies = {
        "first": Loaded(mass["first"], np.ones(6), [load]),
        "second": Loaded(mass["second"], np.ones(6)),
    }
    together = implicit_step(bodies, [], DT)
    alone = implicit_step({"first": bodies["first"]}, [], DT)
    assert together["first"] == pytest.approx(alone["first"])
    assert mass["second"] @ together["second"] == pytest.approx(DT * np.ones(6))
