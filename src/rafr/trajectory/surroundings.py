"""What stands around the arm once the base is in place."""

from __future__ import annotations

from rafr.geometry import RigidTransform
from rafr.robot.collision import Block
from rafr.room import OperatingRoom


def arm_surroundings(room: OperatingRoom, T_world_base: RigidTransform) -> tuple[Block, ...]:
    """Table and patient as blocks seen from the base; the clamp may reach into the patient's."""
    table, patient = room.table, room.patient
    T_base_world = T_world_base.inverse()

    def block(name: str, size: tuple[float, float, float], middle: float, *, enter: bool) -> Block:
        T = T_base_world @ RigidTransform.from_translation((0.0, 0.0, middle))
        return Block(name, T, size, enter)

    # the column under the table top belongs to the table: a block down to the floor
    return (
        block("table", (table.length, table.width, table.height), table.height / 2, enter=False),
        block(
            "patient",
            (patient.length, patient.width, patient.height),
            table.height + patient.height / 2,
            enter=True,
        ),
    )
