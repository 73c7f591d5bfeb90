"""``python -m medcodec``."""

import sys

from medcodec.cli import main

if __name__ == "__main__":
    sys.exit(main())
