"""The ranks of an MPI job, by mpi4py."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from .world import ALONE, World

#: Where MPI's launchers say how many processes they started: MPICH and Intel, Open MPI, Slurm with PMIx.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "MV2_COMM_WORLD_SIZE")

#: Where they say which of them this one is.
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK")

#: What tells the linear algebra libraries how many threads to take.
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class MPIWorld(World):
    """All ranks of the MPI job that this process belongs to.

    Each rank's linear algebra takes its share of the machine's cores, unless the environment says how many threads.
    Start the program with ``python -m mpi4py``, so that an exception in one rank ends all of them.
    """

    def __init__(self) -> None:
        try:
            from mpi4py import MPI
            from threadpoolctl import threadpool_limits
        except ImportError as problem:
            raise ModuleNotFoundError(
                f"training on several processes needs mpi4py and an MPI library ({problem}): "
                f'pip install "tinygrad_nn[mpi]" brings both'
            ) from None
        self._mpi = MPI
        self._comm = MPI.COMM_WORLD
        self.rank = self._comm.Get_rank()
        self.size = self._comm.Get_size()
        if not any(name in os.environ for name in THREADS):
            neighbours = self._comm.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
            threadpool_limits(max(1, cores() // neighbours))

    def add_up(self, array: ndarray[Any, Any]) -> None:
        """Replace an array, C-contiguous, by the sum of all ranks' arrays."""
        self._comm.Allreduce(self._mpi.IN_PLACE, array, self._mpi.SUM)

    def gather(self, array: ndarray[Any, Any] | None) -> ndarray[Any, Any]:
        """Give all ranks' arrays, one after the other along the first axis; None is of a rank that has no row."""
        return np.concatenate([a for a in self._comm.allgather(array) if a is not None])

    def broadcast(self, value: Any) -> Any:
        """Give rank 0's value on all ranks."""
        return self._comm.bcast(value)

    def abort(self, code: int) -> None:
        """End all ranks at once."""
        self._comm.Abort(code)


def cores() -> int:
    """Give how many cores this process may use: fewer than the machine has where it is pinned to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def launched_rank(environment: Mapping[str, str] = os.environ) -> int | None:
    """Give which of the launcher's processes this one is, before MPI is asked; None without a launcher.

    >>> launched_rank({"PMI_RANK": "1", "PMI_SIZE": "4"}), launched_rank({})
    (1, None)
    """
    found = [environment[name] for name in RANKS if environment.get(name, "").isdigit()]
    return int(found[0]) if found else None


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """Give how many processes MPI's launcher started with this one; 1 without a launcher.

    >>> launched({"PMI_SIZE": "4"}), launched({})
    (4, 1)
    """
    found = [environment[name] for name in SIZES if environment.get(name, "").isdigit()]
    return max([int(text) for text in found], default=1)


def world() -> World:
    """Give the ranks of the MPI job that this process was started in, or a world of one where there is none.

    ModuleNotFoundError where a launcher started several processes and mpi4py is missing. RuntimeError where mpi4py was
    built for another MPI than the launcher's, so that each process would train alone.
    """
    size = launched()
    if size == 1:
        return ALONE
    found = MPIWorld()
    if found.size != size:
        raise RuntimeError(
            f"parallel: the launcher started {size} processes and mpi4py sees {found.size}: they belong to different "
            f"MPI libraries; use the mpiexec of the library that mpi4py was installed with"
        )
    return found
