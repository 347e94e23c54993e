"""Data-parallel training: each rank computes the gradient of its part of every batch, and the ranks add them up."""

from .flat import Flat
from .mpi import THREADS, MPIWorld, launched, world
from .world import ALONE, World

__all__ = ["ALONE", "THREADS", "Flat", "MPIWorld", "World", "launched", "world"]
