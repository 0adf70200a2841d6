"""One subject a module: `measure(stage)` yields figures, `guarantees(stage)` says what must hold at any speed."""
