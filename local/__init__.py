"""The project's template.yaml on one machine, without Docker: what AWS would do, on loopback.

`cli` reads the command line, `stack` wires the parts; every other module is one of the parts.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
