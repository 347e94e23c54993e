"""Benchmarks: the same workloads in every engine, each engine in a process of its own, as ratios of medians."""
