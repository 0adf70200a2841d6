"""Measurements: what a command here prints is what the documents quote."""
