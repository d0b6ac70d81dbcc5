"""Named nonlinear programmes: the same problem for many parameters, and what is violated by name."""

import numpy as np
import pytest

from rafr.nlp import Problem, excess_name


def nearest_on_a_line():
    """The point of x + y = 1 with x <= top nearest to a parameter (2,)."""
    import casadi as ca

    problem = Problem(ca.SX)
    wanted = problem.parameter("wanted", (2, 1))
    x = problem.variable("x", (2, 1), guess=0.0, upper=[0.8, np.inf])
    problem.constrain("line", x[0] + x[1], 1.0, 1.0)
    problem.minimise(ca.sumsqr(x - wanted))
    return problem


def test_one_programme_serves_many_parameters():
    program = nearest_on_a_line().compile("ipopt", {})
    for wanted, answer in (([0.0, 0.0], [0.5, 0.5]), ([0.3, 1.1], [0.1, 0.9]), ([5.0, 0.0], [0.8, 0.2])):
        solution = program.solve({"wanted": wanted}, {"x": [0.2, 0.2]})
        assert solution.converged
        assert not solution.violated
        assert solution.values["x"].ravel() == pytest.approx(answer, abs=1e-6)


def test_a_missing_parameter_is_an_error():
    with pytest.raises(KeyError, match="wanted"):
        nearest_on_a_line().compile("ipopt", {}).solve({})


def test_constraints_that_cannot_be_met_are_named_with_the_excess():
    problem = nearest_on_a_line()
    problem.constrain("impossible", problem.variable("y", (1, 1), guess=0.0, upper=0.0), 0.5, 2.0)
    problem.constrain("harmless", problem.variable("z", (1, 1), guess=0.0), -1.0, 1.0)
    solution = problem.compile("ipopt", {}).solve({"wanted": [0.0, 0.0]})
    assert not solution.converged
    assert [text.split(" by ")[0] for text in solution.violated] == ["impossible"]
    assert float(solution.violated[0].split(" by ")[1]) == pytest.approx(0.5, abs=0.05)


def test_every_named_cost_is_told():
    import casadi as ca

    problem = nearest_on_a_line()
    x = problem.variable("y", (2, 1), guess=0.0)
    problem.minimise(3.0 * ca.sumsqr(x - 1.0), "first")
    problem.minimise(3.0 * ca.sumsqr(x + 1.0), "first")
    solution = problem.compile("ipopt", {}).solve({"wanted": [0.0, 0.0]})
    assert solution.costs == pytest.approx({"cost": 0.5, "first": 12.0}, abs=1e-6)


def test_the_relaxation_gives_way_where_it_may_by_as_little_as_possible():
    problem = nearest_on_a_line()
    y = problem.variable("y", (1, 1), guess=0.0)
    problem.constrain("wish 1", y, 2.0, 3.0)
    problem.constrain("wish 2", y, -np.inf, 1.5)
    problem.constrain("law", y, -np.inf, 1.9)
    solution = problem.relaxed({"wish": 100.0}).compile("ipopt", {}).solve({"wanted": [0.0, 0.0]})
    assert solution.converged
    # the two wishes are 0.5 apart: each gives way by half of it, the law by nothing
    assert solution.values[excess_name("wish")].item() == pytest.approx(0.25, abs=1e-4)
    assert solution.values["y"].item() == pytest.approx(1.75, abs=1e-4)


def test_a_relaxation_that_is_not_needed_changes_nothing():
    problem = nearest_on_a_line()
    relaxed = problem.relaxed({"line": 100.0}).compile("ipopt", {}).solve({"wanted": [0.3, 1.1]})
    assert relaxed.values[excess_name("line")].item() == pytest.approx(0.0, abs=1e-6)
    assert relaxed.values["x"].ravel() == pytest.approx([0.1, 0.9], abs=1e-4)
