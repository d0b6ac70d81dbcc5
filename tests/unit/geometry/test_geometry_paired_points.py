"""The predicted registration error is the one that simulated registrations make."""

import numpy as np
import pytest

from rafr.errors import RafrError
from rafr.geometry import fit_rigid, localisation_error, predicted_tre
from rafr.tracking.tools import FIDUCIALS_MM

TARGETS = np.array([[40.0, 150, -80], [0, 0, 0], [-200, 30, 10]])
SIGMA = 0.2  # mm per axis


@pytest.fixture(scope="module")
def registrations():
    """(2000, n, 3) residuals at the fiducials and (2000, m, 3) errors at the targets."""
    rng = np.random.default_rng(0)
    residuals, errors = [], []
    for _ in range(2000):
        noisy = FIDUCIALS_MM + rng.normal(0, SIGMA, FIDUCIALS_MM.shape)
        T = fit_rigid(FIDUCIALS_MM, noisy)
        residuals.append(T.apply(FIDUCIALS_MM) - noisy)
        errors.append(T.apply(TARGETS) - TARGETS)
    return np.array(residuals), np.array(errors)


def test_localisation_error_is_recovered_from_the_fit(registrations):
    fre = np.sqrt((registrations[0] ** 2).sum(axis=2).mean())
    # 2 %: 2000 samples
    assert localisation_error(fre, len(FIDUCIALS_MM)) == pytest.approx(SIGMA * np.sqrt(3), rel=0.02)


def test_predicted_tre_agrees_with_simulated_registrations_near_and_far(registrations):
    rms = np.sqrt((registrations[1] ** 2).sum(axis=2).mean(axis=0))
    # 5 %: first-order formula and 2000 samples
    assert predicted_tre(FIDUCIALS_MM, SIGMA * np.sqrt(3), TARGETS) == pytest.approx(rms, rel=0.05)


def test_the_mean_of_the_fiducials_is_known_best():
    centre = FIDUCIALS_MM.mean(axis=0)
    assert predicted_tre(FIDUCIALS_MM, 0.1, centre) == pytest.approx(0.1 / np.sqrt(len(FIDUCIALS_MM)))


def test_two_fiducials_are_refused():
    with pytest.raises(RafrError, match="three"):
        localisation_error(0.1, 2)
    with pytest.raises(RafrError, match="three"):
        predicted_tre(np.eye(3)[:2], 0.1, np.zeros(3))
