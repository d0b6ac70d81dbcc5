"""The command `rafr`: one module per command, with its output beside it."""
