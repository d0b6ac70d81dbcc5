"""The simulated operating room: plant, sensors, faults, on two engines."""
