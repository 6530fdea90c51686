"""`python -m registry.cli`, where the `gatehouse` script is not installed."""

import sys

from registry.cli import main

sys.exit(main())
