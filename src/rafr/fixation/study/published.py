"""The table of the case report and the tests it was given, made again, and why they do not rank schemes.

Source: case report 10.3389/fmed.2025.1710981: vertical displacement at five points of the superior sacral
surface under 500 N on L4, one deterministic finite element model per scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

POINTS = ("A", "B", "C", "D", "E")
DISPLACEMENT_MM: dict[str, tuple[float, ...]] = {
    "SDS1EDS2": (0.640, 0.567, 0.689, 0.740, 0.653),
    "L5SDS1": (0.583, 0.565, 0.674, 0.693, 0.618),
    "L5EDS2": (0.613, 0.616, 0.723, 0.731, 0.659),
}
MAX_VON_MISES_MPA = {"SDS1EDS2": 219.0, "L5SDS1": 253.0, "L5EDS2": 198.0}
WHY_NOT = (
    "The five values of a scheme are five places of one computed deformation: computed again they come out "
    "the same, so they have no sampling error, and are no sample of patients, screws or surgeons (n = 1 a "
    "scheme). Their spread says how unevenly the sacrum tilts, not how unsure the result is. What a test of "
    "variance compares with that spread is therefore no evidence, whether it comes out significant or not."
)


@dataclass(frozen=True, slots=True)
class PointStatistics:
    """The tests of the paper on values at points.

    Attributes:
        mean_mm, sd_mm: by scheme.
        kolmogorov_smirnov, shapiro_wilk: p by scheme, against a normal distribution (the first with mean and
            deviation estimated from the same values, which makes its p too large: Lilliefors 1967).
        levene: p that the variances are equal (about the mean).
        anova_f, anova_p: one-way, between schemes.
    """

    mean_mm: dict[str, float]
    sd_mm: dict[str, float]
    kolmogorov_smirnov: dict[str, float]
    shapiro_wilk: dict[str, float]
    levene: float
    anova_f: float
    anova_p: float


def point_statistics(displacement_mm: Mapping[str, Sequence[float]]) -> PointStatistics:
    """The paper's statistics of a table like its own: scheme -> displacement at points, mm.

    Raises:
        ValueError: fewer than two schemes, or a scheme with fewer than three points or without spread.
    """
    from scipy import stats

    values = {name: np.asarray(v, dtype=float) for name, v in displacement_mm.items()}
    if len(values) < 2:
        raise ValueError(f"{len(values)} scheme; a comparison needs two or more")
    for name, v in values.items():
        if len(v) < 3 or not np.isfinite(v).all() or np.ptp(v) == 0.0:
            raise ValueError(f"{name}: {len(v)} values without spread; three or more that differ are needed")
    anova = stats.f_oneway(*values.values())
    standard = {name: (v - v.mean()) / v.std(ddof=1) for name, v in values.items()}
    return PointStatistics(
        mean_mm={name: float(v.mean()) for name, v in values.items()},
        sd_mm={name: float(v.std(ddof=1)) for name, v in values.items()},
        kolmogorov_smirnov={name: float(stats.kstest(z, "norm").pvalue) for name, z in standard.items()},
        shapiro_wilk={name: float(stats.shapiro(v).pvalue) for name, v in values.items()},
        levene=float(stats.levene(*values.values(), center="mean").pvalue),
        anova_f=float(anova.statistic),
        anova_p=float(anova.pvalue),
    )
