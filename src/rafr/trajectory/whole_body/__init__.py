"""Base and arm moving together with an empty clamp, as one optimisation problem."""
