"""Cases and plans for other programs, and targets from them (docs/exchange.md)."""
