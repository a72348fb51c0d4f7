"""Shows the progress of a run on the terminal: a line an asset, with what it last said."""

from __future__ import annotations

import time

from rich.console import Console

from insights_jobs.runs import StepProgress


class RunPrinter:
    """Prints each asset as it ends, with the seconds it took; its log lines with ``verbose``.

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
            self._status.update(f"{asset}: {progress.text[:100]}")
            if self._verbose:
                self._console.print(f"    {progress.text}", style="dim", highlight=False)
        elif asset in self._started:
            seconds = time.monotonic() - self._started[asset]
            mark, style = ("✓", "green") if progress.kind == "done" else ("✗", "red")
            self._console.print(
                f"[{style}]{mark}[/] {asset:<34} {seconds:5.1f} s  ", end="", highlight=False
            )
            self._console.print(
                self._said.get(asset, "").split(": build")[0][:90],
                style="dim",
                highlight=False,
                markup=False,
            )
