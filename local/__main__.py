"""`python -m local`: see `python -m local --help`."""

import sys

from local import ROOT

sys.path.append(str(ROOT / "layers" / "common"))

if __name__ == "__main__":
    from local.cli import main

    sys.exit(main())
