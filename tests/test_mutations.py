"""Mutation test of gradcheck: faults planted in the rules of every operation are caught, nearly all of them."""

import argparse

import numpy as np
import pytest
from mutations import FAULTS, REQUIRED, caught, part_of, planted_faults


def test_a_sample_of_planted_faults_is_caught():
    faults = list(planted_faults())
    chosen = np.random.default_rng(0).choice(len(faults), 50, replace=False)
    tally = caught([faults[i] for i in chosen])
    assert sum(tally.planted.values()) > 25
    assert tally.share >= REQUIRED, str(tally)


def test_every_kind_of_fault_is_planted_in_nearly_every_operation():
    faults = list(planted_faults())
    assert {kind for *_, kind in faults} == set(FAULTS)
    assert len(faults) >= 1000
    assert len({name for name, *_ in faults}) > 180


def test_a_part_is_read_and_the_parts_are_all():
    assert part_of("2/8") == (2, 8)
    for text in ("0/8", "9/8", "2", "a/b", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="is no part"):
            part_of(text)


@pytest.mark.slow
def test_planted_faults_are_caught():
    tally = caught(planted_faults())
    print(tally)
    assert sum(tally.planted.values()) >= 1000
    assert tally.share >= REQUIRED, str(tally)
