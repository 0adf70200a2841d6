"""One subject a module: `measure(bench)` yields figures, `guarantees(bench)` says what must hold at any speed."""
