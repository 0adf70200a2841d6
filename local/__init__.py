"""Runs template.yaml on one machine, without Docker: does on loopback what AWS would do.

`cli` reads the command line and `stack` connects the parts.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
