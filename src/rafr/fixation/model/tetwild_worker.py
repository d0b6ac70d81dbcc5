"""Run fTetWild in a process and a folder of its own: it writes files where it runs and may end its process.

    python tetwild_worker.py IN.npz OUT.npz

IN holds vertices (n, 3) float64, faces (m, 3) int32 and the scalars edge, epsilon, energy; OUT gets nodes
and tets.
"""

import sys

import numpy as np


def main(source: str, target: str) -> None:
    import pytetwild

    with np.load(source) as given:
        nodes, tets = pytetwild.tetrahedralize(  # type: ignore[attr-defined]
            given["vertices"],
            given["faces"],
            edge_length_abs=float(given["edge"]),
            epsilon=float(given["epsilon"]),
            stop_energy=float(given["energy"]),
            num_threads=1,
        )
    np.savez(target, nodes=nodes, tets=tets)


if __name__ == "__main__":
    main(*sys.argv[1:3])
