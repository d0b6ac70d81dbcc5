"""Recordings made for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from rafr.geometry import RigidTransform


def sequence_text(poses_mm: Mapping[str, Sequence[RigidTransform | None]], rate: float = 20.0) -> str:
    """The header of a PLUS sequence file; None is a frame that the device called invalid."""
    n = len(next(iter(poses_mm.values())))
    lines = ["ObjectType = Image", "NDims = 3", "CompressedData = False", f"DimSize = 0 0 {n}"]
    for k in range(n):
        for name, poses in poses_mm.items():
            pose = poses[k]
            matrix = (pose or RigidTransform.identity()).matrix
            numbers = " ".join(f"{x:.17g}" for x in matrix.ravel())
            lines.append(f"Seq_Frame{k:04d}_{name}Transform = {numbers} ")
            lines.append(f"Seq_Frame{k:04d}_{name}TransformStatus = {'OK' if pose else 'INVALID'}")
        lines.append(f"Seq_Frame{k:04d}_Timestamp = {100.0 + k / rate}")
        lines.append(f"Seq_Frame{k:04d}_ImageStatus = INVALID")
    return "\n".join([*lines, "ElementDataFile = LOCAL\n"])


@pytest.fixture
def write_sequence(tmp_path) -> Callable[..., Path]:
    """Writes poses (mm) by transform name into a sequence file."""

    def write(poses_mm: Mapping[str, Sequence[RigidTransform | None]], name: str = "made.igs.mha") -> Path:
        path = tmp_path / name
        path.write_text(sequence_text(poses_mm))
        return path

    return write
