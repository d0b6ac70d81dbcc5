"""`rafr calibrate payload`: what hangs on the wrist sensor, and its bias, from still postures."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from rafr.assessment import Assessment
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, write_json
from rafr.errors import InfeasibleError
from rafr.robot.description import ARMS

if TYPE_CHECKING:
    from rafr.robot.payload import PayloadCalibration


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", metavar="RECORDING.csv", help="of the node `wrist`: joints, raw wrench")
    parser.add_argument("--arm", choices=ARMS, default="ur16e", help="robot arm (default ur16e)")
    parser.add_argument("-o", "--out", metavar="DIR", help="folder for payload.yaml, made where absent")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    import numpy as np

    from rafr.control.posture_recording import read_postures, still_postures
    from rafr.robot.arm import ArmModel
    from rafr.robot.driver import wrist_of
    from rafr.robot.payload import identify_payload
    from rafr.robot.wrist import Wrist, described_down, described_payload, write_payload

    check_json_target(args.json)
    arm, config = ArmModel.named(args.arm), wrist_of(args.arm).config
    recording = read_postures(args.recording, arm.joint_names)
    joints, wrenches = still_postures(recording)
    wrist = Wrist(arm, config, described_payload(arm, config.frame))
    rotations = np.array([wrist.rotation(q) for q in joints]).reshape(-1, 3, 3)
    try:
        result = identify_payload(rotations, config.direction * wrenches, described_down(arm))
    except InfeasibleError as error:
        return _report(args, {"postures": len(joints)}, Assessment(False, error.reasons))
    if args.out is not None and result.assessment.accepted:
        write_payload(made_folder(args.out) / "payload.yaml", result.payload)
    if args.json != "-":
        _show(result)
    return _report(args, _to_json(result), result.assessment)


def _to_json(result: PayloadCalibration) -> dict[str, Any]:
    import numpy as np

    payload = result.payload
    return {
        "mass_kg": payload.mass,
        "mass_sd_kg": result.mass_sd,
        "centre_m": list(payload.centre),
        "centre_sd_m": result.centre_sd if np.isfinite(result.centre_sd) else None,
        "bias": list(payload.bias),
        "down": list(payload.down),
        "tilt_deg": float(np.degrees(result.tilt)),
        "postures": len(result.residuals),
        "spread": result.spread,
        "force_rms_n": result.force_rms,
        "torque_rms_nm": result.torque_rms,
        "residuals": result.residuals.tolist(),
    }


def _show(result: PayloadCalibration) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    payload = result.payload
    verdict = "[green]accepted[/]" if result.assessment.accepted else "[red]not accepted[/]"
    table = Table(title=f"payload: {verdict}", title_justify="left", show_header=False)
    table.add_row("mass", f"{payload.mass:.3f} kg, standard deviation {result.mass_sd:.3f} kg")
    centre = ", ".join(f"{1e3 * v:.1f}" for v in payload.centre)
    table.add_row("centre of mass, sensor's frame", f"{centre} mm")
    table.add_row("  standard deviation", f"{1e3 * result.centre_sd:.1f} mm along the weakest direction")
    table.add_row("bias", ", ".join(f"{v:.2f}" for v in payload.bias[:3]) + " N")
    table.add_row("", ", ".join(f"{v:.3f}" for v in payload.bias[3:]) + " N m")
    table.add_row("gravity against the description", f"{np.degrees(result.tilt):.2f} deg")
    table.add_row("postures, spread (0 alike … 1)", f"{len(result.residuals)}, {result.spread:.2f}")
    table.add_row("residuals, rms", f"{result.force_rms:.2f} N, {result.torque_rms:.3f} N m")
    Console().print(table)


def _report(args: argparse.Namespace, data: dict[str, Any], assessment: Assessment) -> int:
    if args.json is not None:
        write_json(args.json, {**data, "assessment": assessment.to_json()})
    for reason in assessment.reasons:
        print(f"rafr calibrate payload: {reason}", file=sys.stderr)
    return EXIT_DONE if assessment.accepted else EXIT_NOT_ACCEPTABLE
