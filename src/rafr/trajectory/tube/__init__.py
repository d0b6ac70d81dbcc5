"""The arm's fastest motion along a path of the clamp, free within a tolerance tube about it."""
