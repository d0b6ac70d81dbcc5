"""Young's modulus of every element: from the CT's greys, with a cortex that partial volume leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement

import numpy as np

from rafr.config import check_config, option
from rafr.errors import InputError
from rafr.fixation.model.laws import MODULUS_LAWS, density_law, modulus_law
from rafr.fixation.model.tets import IntArray, Tets
from rafr.geometry.rigid_transform import FloatArray

UNIFORM = "uniform"
_CUTS = 4  # an element's modulus is the mean over the middles of this many parts along its edges: 20 points
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class MaterialOptions:
    """How bone gets its stiffness. Sources: docs/fixation_model.md."""

    density_law: str = "ash"
    """How apparent density follows from HU: a name in `laws.DENSITY_LAWS`."""
    modulus_law: str = "dalstra"
    """How the modulus follows from density: a name in `laws.MODULUS_LAWS`, or `uniform` cancellous bone."""
    bins: int = option(10, "materials that elements are sorted into", lower=1, upper=200)
    shell_mm: float = option(
        1.0, "thickness of cortex that every bone has; 0: none", unit="mm", lower=0.0, upper=4.0
    )
    shell_young: float = option(
        17_000.0, "least modulus of that cortex", unit="MPa", lower=100.0, upper=30_000.0
    )
    cancellous_young: float = option(
        100.0, "of `uniform` inside the cortex", unit="MPa", lower=1.0, upper=5_000.0
    )
    least_young: float = option(20.0, "floor: marrow and holes", unit="MPa", lower=0.1, upper=1_000.0)
    most_young: float = option(
        20_000.0, "ceiling: no bone is stiffer", unit="MPa", lower=1_000.0, upper=40_000.0
    )
    cortical_above: float = option(
        2_000.0, "bins stiffer than this have cortical bone's Poisson's ratio", unit="MPa", lower=1.0
    )
    poisson_cortical: float = option(0.3, "", lower=0.0, upper=0.45)
    poisson_cancellous: float = option(0.2, "", lower=0.0, upper=0.45)


@dataclass(frozen=True, slots=True)
class MaterialBin:
    """One of the materials.

    Attributes:
        lower, upper: MPa, bounds of the moduli sorted into it.
        young, poisson: MPa; what its elements have: their mean by volume, so stiffness is conserved.
        density: g/cm³ and hu: that would have `young` by the laws chosen; None under `uniform`.
        elements: how many.   volume_share: of all bone.
    """

    lower: float
    upper: float
    young: float
    poisson: float
    density: float | None
    hu: float | None
    elements: int
    volume_share: float

    def to_json(self) -> dict[str, float | None]:
        return asdict(self)


def check_materials(options: MaterialOptions) -> None:
    """Raise InputError naming an option that cannot be used."""
    check_config(options, "materials")
    density_law(options.density_law)
    if options.modulus_law != UNIFORM:
        modulus_law(options.modulus_law)
    if options.least_young >= options.most_young:
        raise InputError("materials", f"least_young is {options.least_young}", "less than most_young")


def element_moduli(
    tets: Tets,
    hu_at: Callable[[FloatArray], FloatArray],
    depth_at: Callable[[FloatArray], FloatArray] | None,
    options: MaterialOptions,
) -> FloatArray:
    """Young's modulus (m,), MPa, of every element: mean of the moduli at 20 points spread over it.

    The mean is of moduli, not of HU (Taddei 2007, Med Eng Phys 29:973). Points nearer to the cortical surface
    than the shell's thickness have at least the shell's modulus.

    Args:
        tets: in the CT's own frame, where `hu_at` (points (n, 3) -> HU) samples it.
        depth_at: points (n, 3) -> mm below the cortical surface; None: no cortex anywhere.
    """
    shares = lattice(_CUTS)
    young = np.empty(len(tets.elements))
    for first in range(0, len(young), _CHUNK):
        part = tets.elements[first : first + _CHUNK]
        points = np.einsum("qi,eij->eqj", shares, tets.nodes[part]).reshape(-1, 3)
        E = modulus_of_hu(hu_at(points), options)
        if depth_at is not None and options.shell_mm > 0:
            shell = _in_shell(points, tets.nodes[part], depth_at, options.shell_mm, len(shares))
            E[shell] = np.maximum(E[shell], options.shell_young)
        young[first : first + _CHUNK] = E.reshape(-1, len(shares)).mean(axis=1)
    return young


def _in_shell(
    points: FloatArray,
    corners: FloatArray,
    depth_at: Callable[[FloatArray], FloatArray],
    thickness: float,
    each: int,
) -> np.ndarray:
    """Mask (n,) of points within the shell; only elements that can reach it are asked about."""
    centres = corners.mean(axis=1)
    radius = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    ask = np.repeat(depth_at(centres) < thickness + radius, each)
    shell = np.zeros(len(points), dtype=bool)
    shell[ask] = depth_at(points[ask]) < thickness
    return shell


def modulus_of_hu(hu: FloatArray, options: MaterialOptions) -> FloatArray:
    """MPa (n,) of HU (n,), between floor and ceiling."""
    if options.modulus_law == UNIFORM:
        return np.full(len(hu), options.cancellous_young)
    density = density_law(options.density_law).density(hu)
    E: FloatArray = modulus_law(options.modulus_law).modulus(density)
    return np.clip(E, options.least_young, options.most_young)


def sort_into_bins(
    young: FloatArray, volumes: FloatArray, options: MaterialOptions
) -> tuple[tuple[MaterialBin, ...], IntArray]:
    """Materials, softest first, and the material (m,) of every element; bins without elements are left out.

    Bounds are equally spaced in the density that would have the modulus: that is, in grey value.
    """
    exponent = 1.0 if options.modulus_law == UNIFORM else MODULUS_LAWS[options.modulus_law].exponent
    grey = young ** (1.0 / exponent)
    bounds = np.linspace(grey.min(), grey.max(), options.bins + 1)
    number = np.clip(np.searchsorted(bounds, grey, side="right") - 1, 0, options.bins - 1)
    used, number = np.unique(number, return_inverse=True)
    bins = []
    for k, b in enumerate(used):
        own = number == k
        E = float(np.average(young[own], weights=volumes[own]))
        density, hu = _equivalent(E, options)
        bins.append(
            MaterialBin(
                float(bounds[b] ** exponent),
                float(bounds[b + 1] ** exponent),
                E,
                options.poisson_cortical if options.cortical_above < E else options.poisson_cancellous,
                density,
                hu,
                int(own.sum()),
                float(volumes[own].sum() / volumes.sum()),
            )
        )
    return tuple(bins), number.astype(np.int64)


def bin_table(bins: tuple[MaterialBin, ...]) -> str:
    """The bins as a table to read."""
    lines = [" bin     E from       to     used   nu  g/cm3     HU  elements  volume"]
    for k, b in enumerate(bins):
        grey = "    -      -" if b.density is None or b.hu is None else f"{b.density:5.2f} {b.hu:6.0f}"
        lines.append(
            f"{k + 1:4d} {b.lower:10.0f} {b.upper:8.0f} {b.young:8.0f} {b.poisson:4.2f}  {grey}"
            f" {b.elements:9d} {100 * b.volume_share:6.1f}%"
        )
    return "\n".join(lines)


def _equivalent(young: float, options: MaterialOptions) -> tuple[float | None, float | None]:
    if options.modulus_law == UNIFORM:
        return None, None
    density = float(modulus_law(options.modulus_law).density(np.array(young)))
    return density, density_law(options.density_law).hu(density)


def lattice(cuts: int) -> FloatArray:
    """Barycentric coordinates (q, 4) of points spread evenly over a tetrahedron, equal weights.

    They are a lattice of `cuts` points along every edge, drawn in from the faces by a quarter of a step.
    """
    counts = [[c.count(k) for k in range(4)] for c in combinations_with_replacement(range(4), cuts - 1)]
    return (np.array(counts, dtype=float) + 0.25) / cuts
