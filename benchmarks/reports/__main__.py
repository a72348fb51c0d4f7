"""Reports measured on sandbox groups of which the truth is known.

``python -m benchmarks.reports evaluation [--writer NAME ...] [--eventful] [--verbose]``: how many
of the events that matter each writer's reports tell, which share of their sentences is verified,
how many published claims are false, who wrote and what it took (see ``evaluation``). Writers are
``structured``, and a model with the answers of ``model_answers`` or the faults of ``writers``.

``python -m benchmarks.reports speed [--groups N] [--runs N] [--model-seconds S [--workers N]]``:
seconds from features to the stored report of one group, and of many in one run, with the peak
memory, by the structured writer or a model whose answers take so long (see ``speed``).

``python -m benchmarks.reports outage [--groups N]``: whether every group has its report when the
model is down for the whole run (see ``outage``).

``python -m benchmarks.reports falsehoods [--verbose]``: how many hand-written false sentences the
verification publishes, by kind, and how many true ones it keeps (see ``falsehoods``).

``--url`` of an empty PostgreSQL database in place of a SQLite file in a temporary folder.
"""

from __future__ import annotations

import argparse

from benchmarks.reports.evaluation import evaluate
from benchmarks.reports.falsehoods import measure as measure_falsehoods
from benchmarks.reports.outage import measure as measure_outage
from benchmarks.reports.speed import Reporter, with_a_model
from benchmarks.reports.speed import measure as measure_speed
from benchmarks.reports.writers import WRITERS
from insights_assets.reports.rebuild import rebuild_reports


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reports",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_subparsers(dest="what", required=True)
    evaluation = what.add_parser("evaluation")
    evaluation.add_argument("--writer", action="append", choices=list(WRITERS))
    evaluation.add_argument("--eventful", action="store_true", help="also among other events")
    evaluation.add_argument("--verbose", action="store_true", help="with all sentences")
    speed = what.add_parser("speed")
    speed.add_argument("--groups", type=int, default=100)
    speed.add_argument("--runs", type=int, default=5)
    speed.add_argument("--model-seconds", type=float)
    speed.add_argument("--workers", type=int, default=4)
    outage = what.add_parser("outage")
    outage.add_argument("--groups", type=int, default=100)
    falsehoods = what.add_parser("falsehoods")
    falsehoods.add_argument("--verbose", action="store_true", help="with what is judged wrongly")
    for each in (evaluation, speed, outage):
        each.add_argument("--url", help="an empty PostgreSQL database")
    options = parser.parse_args()
    match options.what:
        case "evaluation":
            writers = options.writer or ["structured"]
            evaluate(writers, options.url, eventful=options.eventful, verbose=options.verbose)
        case "speed":
            reporter: Reporter = rebuild_reports
            if options.model_seconds is not None:
                reporter = with_a_model(options.model_seconds, options.workers)
            measure_speed(options.groups, options.runs, options.url, reporter)
        case "outage":
            measure_outage(options.groups, options.url)
        case "falsehoods":
            measure_falsehoods(verbose=options.verbose)


if __name__ == "__main__":
    main()
