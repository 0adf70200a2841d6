"""`python -m local`: see `python -m local --help`."""

import sys

from local import ROOT

sys.path.append(str(ROOT / "layers" / "common"))

if __name__ == "__main__":
    try:
        from local.cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
