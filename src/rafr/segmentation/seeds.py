"""Seeds: points that say which label the bone around them has; a file people edit.

```yaml
unit: LPS mm
seeds:
  1: [[2.0, 31.5, 60.0], …]     # sacrum 1-10, left hip 11-20, right hip 21-30
  0: [[80.1, 10.0, -90.3]]      # 0: other bone, such as femur and spine
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rafr.errors import InputError
from rafr.files import written_whole
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import LARGEST_LABEL
from rafr.imaging.volume import Volume
from rafr.strict import read_yaml

UNIT = "LPS mm"
_EXPECTED = f"`seeds:` with label values 0..{LARGEST_LABEL}, each a list of [x, y, z] in {UNIT}"


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """Label value to points (n, 3), LPS mm; 0 is bone that belongs to no bone of the pelvis."""

    points: Mapping[int, FloatArray]

    @property
    def labels(self) -> tuple[int, ...]:
        return tuple(sorted(self.points))


def read_seeds(path: Path | str) -> Seeds:
    """Read a seeds file, YAML or JSON.

    Raises:
        InputError: unreadable, unknown keys, labels outside 0..30, or points that are no three numbers.
    """
    data = read_yaml(path)
    unknown = set(data) - {"unit", "seeds"}
    if unknown or not isinstance(data.get("seeds"), dict) or not data["seeds"]:
        problem = f"unknown key {min(map(str, unknown))!r}" if unknown else "holds no seeds"
        raise InputError(path, problem, _EXPECTED)
    if data.get("unit", UNIT) != UNIT:
        raise InputError(path, f"unit is {data['unit']!r}", UNIT)
    points = {_label(path, k): _points(path, k, v) for k, v in data["seeds"].items()}
    if not any(points):
        raise InputError(path, "names no bone of the pelvis (label 0 alone)", _EXPECTED)
    return Seeds(points)


def write_seeds(path: Path, seeds: Seeds) -> None:
    """Write YAML, one line per point; never half-written."""
    lines = [
        "# Which label the bone around each point has. Move, add or delete points and segment again",
        "# with --seeds. 1-10 sacrum, 11-20 left hip, 21-30 right hip, 0 other bone.",
        f"unit: {UNIT}",
        "seeds:",
    ]
    for label in seeds.labels:
        lines.append(f"  {label}:")
        lines += [f"  - [{x:.1f}, {y:.1f}, {z:.1f}]" for x, y, z in seeds.points[label]]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_seeds(seeds: Seeds, ct: Volume) -> None:
    """Raise InputError where a seed lies outside of the CT."""
    pick = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    last = np.array(ct.size) - 1
    box = ct.index_to_lps(pick * last)
    for label, points in seeds.points.items():
        index = ct.lps_to_index(points)
        outside = ((index < -0.5) | (index > last + 0.5)).any(axis=1)
        if outside.any():
            ends = zip(box.min(axis=0), box.max(axis=0), strict=True)
            spans = ", ".join(f"{low:.0f}..{high:.0f}" for low, high in ends)
            point = ", ".join(f"{c:.6g}" for c in points[int(np.argmax(outside))])
            problem = f"the point [{point}] of label {label} lies outside the CT"
            raise InputError("seeds", problem, f"{UNIT} within {spans}")


def rounded(seeds: Seeds) -> Seeds:
    """As a file holds them: to 0.1 mm."""
    return Seeds({k: np.round(v, 1) for k, v in seeds.points.items()})


def _label(path: Path | str, key: Any) -> int:
    try:
        value = int(str(key))
    except ValueError:
        value = -1
    if not 0 <= value <= LARGEST_LABEL:
        raise InputError(path, f"the label {key!r} is no label value", _EXPECTED)
    return value


def _points(path: Path | str, key: Any, value: Any) -> FloatArray:
    try:
        points = np.array(value, dtype=float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(
            path, f"the points of label {key} are {str(yaml.safe_dump(value)).strip()[:80]!r}", _EXPECTED
        )
    return points
