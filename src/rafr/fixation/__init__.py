"""Which fixation holds: finite elements of the reduced pelvis with its implants (mm, N, MPa)."""
