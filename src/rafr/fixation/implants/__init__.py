"""Screws, rods and pins of a fixation: where they fit in the reduced pelvis, and their meshes (LPS mm)."""
