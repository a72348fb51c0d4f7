"""Shows the progress of a run on the terminal: a line an asset, with what it last said."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

from insights_jobs.runs import FinishedRun, StepProgress


class RunPrinter:
    """Prints each asset as it ends: the seconds it took, and what it said last; all that it and
    its checks said with ``verbose``.

    On a terminal the running asset and its last words stand in a status line.
    """

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._started: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._status = console.status("starting")

    def __enter__(self) -> RunPrinter:
        self._status.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._status.stop()

    def __call__(self, progress: StepProgress) -> None:
        asset = progress.asset
        if progress.kind == "started":
            self._started[asset] = time.monotonic()
            self._status.update(asset)
        elif progress.kind == "said":
            self._said[asset] = progress.text
            self._status.update(Text(f"{asset}: {progress.text}"[:100]))
            if self._verbose:
                self._console.print(Text(f"    {progress.text}", "dim"), soft_wrap=True)
        elif asset in self._started and not (progress.is_check and progress.kind == "done"):
            seconds = time.monotonic() - self._started[asset]
            mark, style = ("✓", "green") if progress.kind == "done" else ("✗", "red")
            self._console.print(
                Text.assemble(
                    (mark, style),
                    f" {asset:<30} {seconds:5.1f} s  ",
                    (progress.text or self._said.get(asset, ""), "dim"),
                ),
                soft_wrap=True,
            )


def print_failed_checks(console: Console, run: FinishedRun) -> None:
    """The run's failed checks; those that only warn stop nothing."""
    for check in run.failed_checks:
        console.print(Text(f"! {check}", "yellow"), soft_wrap=True)
