"""Kills of the loader and of PostgreSQL lose nothing and leave nothing twice: the short form of
``benchmarks.crash_recovery``."""

from __future__ import annotations

import pytest

from benchmarks.crash_recovery import disturb


@pytest.mark.slow
def test_kills_leave_what_an_undisturbed_run_leaves() -> None:
    outcome = disturb(kills=5, products=200, days=3, seed=1)
    assert outcome.wrong == []
    assert len(outcome.kills) > 1
    assert all(outcome.rows.values())
