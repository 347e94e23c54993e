"""``python -m tinygrad_nn`` is the command ``tinygrad-nn``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
