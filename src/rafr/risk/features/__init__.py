"""Numbers that describe a window of EMG or IMU, computed for all windows at once."""
