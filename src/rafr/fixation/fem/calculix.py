"""The same problem for CalculiX (ccx), an independent solver, to compare with; not needed to work.

Ties and the elongations of springs become *EQUATION, contact the face-to-face penalty contact with linear
pressure-overclosure (Dhondt, CalculiX CrunchiX User's Manual 2.20).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from rafr.errors import InfeasibleError, InputError
from rafr.fixation.fem.contact import ContactPair, Interface
from rafr.fixation.fem.mesh import Faces, FloatArray, IntArray
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.springs import Springs

_MOST_MATERIALS = 1000
_LENGTH = 1e4  # mm, of the bars that stand for springs
_FAR = 1e3  # mm: no spring is ever stretched this far


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Attributes:
    displacement: (n, 3) mm.   seconds: wall time of ccx.   memory: bytes, its largest resident set.
    """

    displacement: FloatArray
    seconds: float
    memory: int


def run(
    problem: Problem,
    forces: FloatArray,
    folder: Path | None = None,
    solver: str | None = None,
    timeout: float | None = None,
) -> Run:
    """Solves with ccx.

    Args:
        folder: where its files stay; a temporary one when left out.
        solver: SPOOLES, ITERATIVE CHOLESKY ...; ccx's own choice when left out.
        timeout: s.

    Raises:
        InputError: ccx is not installed.
        InfeasibleError: ccx found no solution, with its last lines.
    """
    ccx = shutil.which("ccx")
    if ccx is None:
        raise InputError("ccx", "CalculiX is not installed", "apt-get install calculix-ccx")
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return run(problem, forces, Path(temporary), solver, timeout)
    write(problem, forces, folder / "problem.inp", solver)
    start = time.perf_counter()
    log = folder / "problem.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [ccx, "-i", "problem"], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        memory = _wait(process, None if timeout is None else start + timeout)
    seconds = time.perf_counter() - start
    data = folder / "problem.dat"
    said = log.read_text(encoding="utf-8", errors="replace")
    if "*ERROR" in said or not data.is_file() or "vx,vy,vz" not in data.read_text(encoding="utf-8"):
        raise InfeasibleError((f"ccx found no solution: {' '.join(said.split()[-60:])}",))
    return Run(read_displacements(data, len(problem.mesh.nodes)), seconds, memory)


def write(problem: Problem, forces: FloatArray, path: Path, solver: str | None = None) -> None:
    """The input file; elements of one Young's modulus and Poisson's ratio are one material.

    Raises:
        InputError: more different materials than CalculiX bears (put them into bins), or contacts of points.
    """
    with path.open("w", encoding="utf-8") as file:
        _write_mesh(file, problem)
        equations = list(_tie_equations(problem))
        first = len(problem.mesh.nodes) + 1
        for spring in problem.springs:
            equations += list(_write_springs(file, spring, first, len(problem.mesh.elements)))
            first += 2 * len(spring.stiffness)
        if equations:
            file.write("*EQUATION\n")
            file.writelines(equations)
        for k, pair in enumerate(problem.contacts):
            if isinstance(pair, Interface):
                raise InputError("ccx", "a contact of points alone", "contacts between surfaces")
            _write_contact(file, k, pair)
        _write_step(file, problem, forces, solver)


def read_displacements(path: Path, nodes: int) -> FloatArray:
    """(n, 3) of the last time in a .dat file."""
    displacement = np.zeros((nodes, 3))
    lines = path.read_text(encoding="utf-8").splitlines()
    heads = [k for k, line in enumerate(lines) if line.lstrip().startswith("displacements (vx,vy,vz)")]
    table = np.loadtxt(lines[heads[-1] + 2 : heads[-1] + 2 + nodes])
    displacement[table[:, 0].astype(int) - 1] = table[:, 1:4]
    return displacement


def _wait(process: subprocess.Popen[bytes], until: float | None) -> int:
    """Waits for the end; the largest resident set, bytes, as /proc tells it on the way."""
    memory = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        if until is not None and time.perf_counter() > until:
            process.kill()
            process.wait()
            raise InfeasibleError(("ccx took longer than it was given",))
        try:
            text = status.read_text(encoding="utf-8")
        except OSError:
            text = ""
        memory = max(
            [memory, *(int(x.split()[1]) * 1024 for x in text.splitlines() if x.startswith("VmHWM"))]
        )
        time.sleep(0.02)
    return memory


def _write_mesh(file: TextIO, problem: Problem) -> None:
    mesh = problem.mesh
    m = len(mesh.elements)
    file.write("*NODE, NSET=NALL\n")
    np.savetxt(
        file, np.column_stack([np.arange(1, len(mesh.nodes) + 1), mesh.nodes]), "%d, %.12e, %.12e, %.12e"
    )
    file.write("*ELEMENT, TYPE=C3D10, ELSET=EALL\n")
    np.savetxt(file, np.column_stack([np.arange(1, m + 1), mesh.elements + 1]), "%d", ", ")
    materials, group = np.unique(
        np.column_stack([np.broadcast_to(problem.young, m), np.broadcast_to(problem.poisson, m)]),
        axis=0,
        return_inverse=True,
    )
    if len(materials) > _MOST_MATERIALS:
        raise InputError(
            "ccx", f"{len(materials)} different materials", f"at most {_MOST_MATERIALS}, as in bins"
        )
    for k, (young, poisson) in enumerate(materials):
        file.write(f"*ELSET, ELSET=E{k}\n")
        np.savetxt(file, np.flatnonzero(group.ravel() == k) + 1, "%d,")
        file.write(f"*MATERIAL, NAME=M{k}\n*ELASTIC\n{young:.12e}, {poisson:.12e}\n")
        file.write(f"*SOLID SECTION, ELSET=E{k}, MATERIAL=M{k}\n")


def _tie_equations(problem: Problem) -> Iterator[str]:
    if problem.ties is None:
        return
    for slave, masters, weights in zip(
        problem.ties.slaves, problem.ties.masters, problem.ties.weights, strict=True
    ):
        used = np.abs(weights) > 1e-12
        for axis in (1, 2, 3):
            terms = [(slave + 1, axis, -1.0)]
            terms += [(n + 1, axis, w) for n, w in zip(masters[used], weights[used], strict=True)]
            yield _equation(terms)


def _write_springs(file: TextIO, springs: Springs, first: int, elements: int) -> Iterator[str]:
    """A bar along x between a node that is held and one that moves by the bar's elongation."""
    own = _ends(springs, first)
    file.write("*NODE\n")
    np.savetxt(file, own, f"%d, 0, 0, 0\n%d, {_LENGTH}, 0, 0")
    for (start, end), k, slack, pulls in zip(
        own, springs.stiffness, springs.slack, springs.tension_only, strict=True
    ):
        pushed = 0.0 if pulls else -k * _FAR
        file.write(f"*ELEMENT, TYPE=SPRINGA, ELSET=S{end}\n{end + elements}, {start}, {end}\n")
        file.write(f"*SPRING, ELSET=S{end}, NONLINEAR\n\n")
        file.write(
            f"{pushed:.12e}, {slack - _FAR:.12e}\n0., {slack:.12e}\n{k * _FAR:.12e}, {slack + _FAR:.12e}\n"
        )
    for end, nodes, coefficients in zip(own[:, 1], springs.nodes, springs.coefficients, strict=True):
        terms = [(int(end), 1, -1.0)]
        for n, c in zip(nodes, coefficients, strict=True):
            terms += [(n + 1, axis + 1, c[axis]) for axis in range(3) if abs(c[axis]) > 1e-12]
        yield _equation(terms)


def _ends(springs: Springs, first: int) -> IntArray:
    """(s, 2) numbers of the nodes that stand for bars."""
    return np.arange(first, first + 2 * len(springs.stiffness), dtype=np.int32).reshape(-1, 2)


def _equation(terms: list[tuple[int, int, float]]) -> str:
    words = [f"{node}, {axis}, {weight:.12e}" for node, axis, weight in terms]
    lines = [", ".join(words[k : k + 4]) for k in range(0, len(words), 4)]
    return f"{len(terms)}\n" + ",\n".join(lines) + "\n"


def _write_contact(file: TextIO, k: int, pair: ContactPair) -> None:
    if pair.offset:
        raise InputError("ccx", f"a gap changed by {pair.offset} mm", "surfaces where their layer begins")
    for name, faces in ((f"SLAVE{k}", pair.slave), (f"MASTER{k}", pair.master)):
        _write_surface(file, name, faces)
    layer = pair.layer
    file.write(f"*SURFACE INTERACTION, NAME=LAYER{k}\n*SURFACE BEHAVIOR, PRESSURE-OVERCLOSURE=LINEAR\n")
    file.write(f"{layer.stiffness:.12e}\n")
    if layer.friction:
        shear = layer.stiffness if layer.shear is None else layer.shear
        file.write(f"*FRICTION\n{layer.friction:.12e}, {shear:.12e}\n")
    file.write(f"*CONTACT PAIR, INTERACTION=LAYER{k}, TYPE=SURFACE TO SURFACE\nSLAVE{k}, MASTER{k}\n")


def _write_surface(file: TextIO, name: str, faces: Faces) -> None:
    file.write(f"*SURFACE, NAME={name}\n")
    file.writelines(f"{e + 1}, S{s + 1}\n" for e, s in zip(faces.element, faces.side, strict=True))


def _write_step(file: TextIO, problem: Problem, forces: FloatArray, solver: str | None) -> None:
    stops = {}
    for dof, value in zip(problem.fixed.dofs, problem.fixed.values, strict=True):
        stops[int(dof)] = float(value)
    file.write("*BOUNDARY\n")
    file.writelines(f"{d // 3 + 1}, {d % 3 + 1}, {d % 3 + 1}, 0.\n" for d, v in stops.items())
    first = len(problem.mesh.nodes) + 1
    for spring in problem.springs:
        own = _ends(spring, first)
        file.writelines(f"{start}, 1, 3, 0.\n{end}, 2, 3, 0.\n" for start, end in own)
        first += own.size
    unilateral = bool(problem.contacts) or bool(problem.springs)
    chosen = f", SOLVER={solver}" if solver else ""
    file.write(f"*STEP, INC=200\n*STATIC{chosen}\n{'1., 1.' if unilateral else ''}\n")
    moved = {d: v for d, v in stops.items() if v}
    if moved:
        file.write("*BOUNDARY\n")
        file.writelines(f"{d // 3 + 1}, {d % 3 + 1}, {d % 3 + 1}, {v:.12e}\n" for d, v in moved.items())
    loaded = np.flatnonzero(forces.ravel())
    if len(loaded):
        file.write("*CLOAD\n")
        file.writelines(f"{d // 3 + 1}, {d % 3 + 1}, {forces.ravel()[d]:.12e}\n" for d in loaded)
    file.write("*NODE PRINT, NSET=NALL\nU\n*END STEP\n")
