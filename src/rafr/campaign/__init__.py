"""Many virtual patients operated on, one after another or side by side, and what the results say together."""
