"""What every measurement shares: PostgreSQL, programs that are measured, results with goals, and their report."""
