"""Measures of speed and accuracy, each beside a peer in the same run (`rafr bench`, docs/bench.md)."""
