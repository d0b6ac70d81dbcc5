"""What others do the same work with; each module wraps one of them."""
