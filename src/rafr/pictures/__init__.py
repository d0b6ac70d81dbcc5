"""Pictures of bones without a window: ray-cast on the CPU, lettered."""
