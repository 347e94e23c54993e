"""Data-parallel training: each rank computes the gradient of its part of every batch, and the ranks add them up."""

from .flat import Flat
from .hosts import hosts_of
from .mpi import RANKS, THREADS, MPIWorld, cores, launched, launched_rank, world
from .world import ALONE, World

__all__ = [
    "ALONE",
    "RANKS",
    "THREADS",
    "Flat",
    "MPIWorld",
    "World",
    "cores",
    "hosts_of",
    "launched",
    "launched_rank",
    "world",
]
