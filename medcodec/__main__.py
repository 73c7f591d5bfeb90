"""``python -m medcodec`` is the command ``medcodec``."""

import sys

from medcodec.cli import main

sys.exit(main())
