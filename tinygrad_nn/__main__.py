"""``python -m tinygrad_nn`` is the command ``tinygrad-nn``; under MPI's launcher each rank runs it."""

import sys

from .cli import main
from .parallel import MPIWorld, launched

if __name__ == "__main__":
    code = main()
    if code and launched() > 1:
        MPIWorld().abort(code)  # or the other ranks would wait for this one
    sys.exit(code)
