"""What stands around the arm once the base is in place."""

from __future__ import annotations

import math

from rafr.geometry import RigidTransform
from rafr.robot.collision import Block
from rafr.room import Disc, OperatingRoom

STANDING_HEIGHT = 2.0  # m, of whoever and whatever stands in the room: people, C-arm, trolleys, stands


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


def standing_things(room: OperatingRoom, T_world_base: RigidTransform) -> tuple[Block, ...]:
    """The room's other obstacles as blocks from the floor to `STANDING_HEIGHT`, seen from the base."""
    T_base_world = T_world_base.inverse()
    blocks = []
    for o in room.obstacles[1:]:
        length, width, angle = (
            (2 * o.radius, 2 * o.radius, 0.0)
            if isinstance(o, Disc)
            else (o.length, o.width, math.radians(o.angle_deg))
        )
        T = RigidTransform.from_rotvec((0.0, 0.0, angle), (o.x, o.y, STANDING_HEIGHT / 2))
        size = (length, width, STANDING_HEIGHT)
        blocks.append(Block(o.name, T_base_world @ T, size, is_round=isinstance(o, Disc)))
    return tuple(blocks)
