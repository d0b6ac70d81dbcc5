"""Where fragments belong, the path there, the pins that hold them; and how good a result is."""
