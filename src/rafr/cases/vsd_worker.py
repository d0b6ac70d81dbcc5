"""Read a VSD pelvis in a process of its own: SciPy's reader of MATLAB files ends it on damaged ones.

    python -m rafr.cases.vsd_worker FILE.mat OUT.npz

OUT gets `<name> vertices` (n, 3) and `<name> faces` (m, 3) of every bone that has a mesh, as the file has
them; exit code 1 and one line on standard output where it is no such file.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def main(source: str, target: str) -> int:
    from scipy.io import loadmat

    try:
        content: Any = loadmat(source, struct_as_record=False, squeeze_me=True)
        arrays = {
            f"{bone.name} {part}": np.asarray(getattr(bone.mesh, part), dtype=float)
            for bone in np.atleast_1d(content["B"])
            if np.size(bone.mesh)  # some files lack a femur's
            for part in ("vertices", "faces")
        }
    except Exception as error:  # SciPy and a struct of another make raise many kinds
        print(" ".join(str(error).split())[:120])
        return 1
    np.savez(target, **arrays)  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
