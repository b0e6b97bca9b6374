"""`python -m wuyu` is the command `wuyu`."""

from __future__ import annotations

import sys

from wuyu.cli import main

if __name__ == "__main__":
    sys.exit(main())
