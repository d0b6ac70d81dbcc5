"""Calibrations as JSON: mm, degrees, `T_to_from` as 4x4 lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.tracking.calibration.hand_eye import HandEyeCalibration
from rafr.tracking.calibration.phantom import PhantomRegistration
from rafr.tracking.calibration.pivot_result import DwellFit, PivotCalibration


def pivot_json(result: PivotCalibration) -> dict[str, Any]:
    return {
        "tip_mm": result.tip_mm.tolist(),
        "tip_covariance_mm2": result.covariance_mm2.tolist(),
        "sd_mm": result.sd_mm,
        "weakest_direction": result.weakest.tolist(),
        "systematic_mm": result.systematic_mm,
        "rms_mm": result.rms_mm,
        "serial_correlation": result.correlation,
        "condition_number": result.condition_number,
        "tilt_range_deg": result.tilt_range_deg,
        "weakest_turn_deg": result.turn_deg,
        "dwells": [_dwell_json(d) for d in result.dwells],
        "assessment": result.assessment.to_json(),
    }


def _dwell_json(dwell: DwellFit) -> dict[str, Any]:
    return {
        "frames": dwell.label,
        "divot_mm": dwell.divot_mm.tolist(),
        "rms_mm": dwell.rms_mm,
        "tilt_range_deg": dwell.tilt_range_deg,
        "used": len(dwell.used),
        "rejected_frames": dwell.rejected.tolist(),
    }


def phantom_json(result: PhantomRegistration) -> dict[str, Any]:
    return {
        "T_reference_phantom": result.T_reference_phantom.tolist(),
        "fre_mm": result.fre_mm,
        "fle_mm": result.fle_mm,
        "tip_mm": result.tip_mm.tolist(),
        "pivot": None if result.pivot is None else pivot_json(result.pivot),
        "landmarks": {
            mark.name: {
                "frames": mark.frames,
                "measured_mm": mark.measured_mm.tolist(),
                "scatter_mm": mark.scatter_mm,
                "used": mark.used,
                "rejected": mark.rejected,
                "residual_mm": float(np.linalg.norm(mark.residual_mm)),
                "residual_vector_mm": mark.residual_mm.tolist(),
                "leave_one_out_mm": mark.leave_one_out_mm,
                "tre_mm": mark.tre_mm,
            }
            for mark in result.landmarks
        },
        "targets_tre_mm": result.targets_tre_mm,
        "assessment": result.assessment.to_json(),
    }


def hand_eye_json(result: HandEyeCalibration, reference: str) -> dict[str, Any]:
    """`reference`: what Z leads to, `tracker` or `marker` (on the base)."""
    poses = zip(result.pairs.frames, result.shift_mm, result.turn_deg, result.used, strict=True)
    return {
        "T_flange_tool": result.T_flange_tool.tolist(),
        f"T_base_{reference}": result.T_base_reference.tolist(),
        "sd": {
            "T_flange_tool": {"sd_mm": result.sd_mm("X"), "sd_deg": result.sd_deg("X")},
            f"T_base_{reference}": {"sd_mm": result.sd_mm("Z"), "sd_deg": result.sd_deg("Z")},
        },
        "rms_mm": result.rms_mm,
        "rms_deg": result.rms_deg,
        "serial_correlation": result.correlation,
        "turns_deg": result.turns_deg.tolist(),
        "rejected": int((~result.used).sum()),
        "poses": [
            {"frame": int(k), "residual_mm": float(mm), "residual_deg": float(deg), "used": bool(used)}
            for k, mm, deg, used in poses
        ],
        "assessment": result.assessment.to_json(),
    }
