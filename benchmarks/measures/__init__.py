"""One module for each subject: `measure(bench)` yields measures, `guarantees(bench)` checks what always holds."""
