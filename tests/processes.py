"""Processes that die for a test."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable

#: A forked child is there at once; a new interpreter would import pandas first.
FORK = multiprocessing.get_context("fork")


def run_and_die(target: Callable[..., None], *arguments: str) -> None:
    """Runs the target in a process of its own, in which it must be killed."""
    process = FORK.Process(target=target, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
