"""The operation as an explicit state machine: phases, entry conditions, timeouts, ways back."""
