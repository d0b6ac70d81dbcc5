"""Step f: what is recorded about the definitive fixation. The choice is the surgeon's."""

from __future__ import annotations

_OPTIONS = {
    "denis1": "iliosacral screws, or a plate across the ala",
    "denis2": "iliosacral or transsacral S1 and S2 screws; lumbopelvic fixation when vertically unstable",
    "denis3": "transsacral screws or lumbopelvic fixation after decompression where needed",
    "si-dislocation": "iliosacral screws across the joint, or an anterior plate",
    "crescent": "screws or plate of the posterior ilium, with or without an iliosacral screw",
    "iliac-wing": "lag screws or a plate of the iliac crest",
    "rami": "retrograde ramus screw, plate, or none when the ring is stable behind",
    "open-book": "plate of the symphysis, with an iliosacral screw when the posterior ring is open",
    "vertical-shear": "iliosacral screws with lumbopelvic fixation, and fixation of the anterior ring",
    "bilateral": "both sides each by its own pattern, lumbopelvic when the sacrum is separated",
}


def fixation_note(fracture: str | None, bodies: tuple[str, ...]) -> str:
    """What goes into the record: common options for the kind of fracture, and that nothing was chosen.

    No scheme is computed or ranked here; that needs a mechanical model of this patient.
    """
    held = f"{', '.join(bodies)} held by K-wires; fixation to be selected by the surgeon"
    options = _OPTIONS.get(fracture or "")
    return held if options is None else f"{held} (common for {fracture}: {options})"
