"""What tissue and bone may bear during a reduction: the planner keeps below, the controller stops there.

300 N lies above the 216 N (mean) to 251 N (largest) measured in fracture reductions on people and far below
bone failure.
"""

FORCE_LIMIT = 300.0
"""N, force on a fragment."""

TORQUE_LIMIT = 25.0
"""N m, torque about a fragment's centre."""
