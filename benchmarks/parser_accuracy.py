"""The parser against the labelled real pages beside the checkout, by field and by marketplace.

``python -m benchmarks.parser_accuracy`` prints both tables as Markdown, and every miss.
"""

from __future__ import annotations

import sys
from collections import Counter

from insights_resources.settings import PROJECT_ROOT
from tests.unit.snapshots.labelled_pages import CORE_FIELDS, FIELDS, measure

OUTCOMES = ("right", "missing", "wrong")


def main() -> None:
    data = PROJECT_ROOT.parent / "shared" / "data"
    if not data.is_dir():
        sys.exit(f"{data} with labelled pages is not beside the checkout")
    accuracy = measure(data)
    print("| field | labels | right | missing | wrong |\n|---|--:|--:|--:|--:|")
    for name in FIELDS:
        _print_row(name, accuracy.counts.get(name, Counter()))
    print()
    print("| marketplace | labels | right | missing | wrong | core fields right |")
    print("|---|--:|--:|--:|--:|--:|")
    for domain, by_field in sorted(accuracy.by_marketplace.items()):
        total: Counter[str] = sum(by_field.values(), Counter())
        core: Counter[str] = sum((by_field[f] for f in CORE_FIELDS if f in by_field), Counter())
        share = f"{core['right'] / core.total():.1%}" if core else "-"
        _print_row(domain, total, share)
    print()
    print("\n".join(accuracy.misses) or "no misses")


def _print_row(name: str, counts: Counter[str], *more: str) -> None:
    cells = (name, str(counts.total()), *(str(counts[outcome]) for outcome in OUTCOMES), *more)
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
