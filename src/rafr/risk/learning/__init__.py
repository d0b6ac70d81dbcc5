"""From windows to probabilities: classifiers, their calibration, when they should rather say nothing."""
