"""Calibrations of tracked tools from recordings: pivot, phantom and hand-eye."""
