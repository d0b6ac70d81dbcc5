"""Where every fragment belongs: evidence, search, and how sure the outcome is."""
