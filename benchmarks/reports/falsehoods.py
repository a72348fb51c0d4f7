"""How many false sentences the verification publishes, and how many true ones it keeps.

The sentences were written by hand, as an analyst or a model would, from the facts of demo groups
(``sentences/sheets``): half of them true, half with exactly one falsehood of ten kinds. ``known``
sets are those that the rules were made with; what they say of other sentences is too good. The
unseen figure is that of the first measurement of a set, which stands in ``benchmarks/README.md``.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from insights_assets.reports.fact import Fact
from insights_assets.reports.verification import problem_of

SENTENCES = Path(__file__).parent / "sentences"
#: In the order in which the rules were made with them.
SETS = ("a", "b", "c", "d", "e", "f")
TRUE = "true"


@dataclass(frozen=True)
class Judged:
    """A sentence of a set, and what the verification says of it. ``kind``: ``true``, or of the
    falsehood."""

    kind: str
    text: str
    problem: str | None

    @property
    def is_published(self) -> bool:
        return self.problem is None

    @property
    def is_right(self) -> bool:
        return self.is_published == (self.kind == TRUE)


def judged(name: str) -> Iterator[Judged]:
    """The sentences of a set, each verified against the whole sheet that it was written from."""
    for line in (SENTENCES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        facts = _facts(row["sheet"])
        cited = [facts[fact_id] for fact_id in row["fact_ids"]]
        yield Judged(row["kind"], row["text"], problem_of(row["text"], cited, facts))


def measure(*, verbose: bool = False) -> None:
    """Prints the figures of each set; ``verbose``: and the sentences that are judged wrongly."""
    for name in SETS:
        started = time.process_time()
        sentences = list(judged(name))
        seconds = time.process_time() - started
        total, published = Counter[str](), Counter[str]()
        for each in sentences:
            total[each.kind] += 1
            published[each.kind] += each.is_published
        false = len(sentences) - total[TRUE]
        false_published = published.total() - published[TRUE]
        print(
            f"{name}: {published[TRUE]} of {total[TRUE]} true kept, "
            f"{false_published} of {false} false published, {seconds:.1f} s of CPU"
        )
        for kind in sorted(total.keys() - {TRUE}):
            print(f"   {kind}: {published[kind]} of {total[kind]}")
        for each in sentences if verbose else ():
            if not each.is_right:
                print(f"   {each.kind} | {each.text} | {each.problem or 'published'}")


@cache
def _facts(sheet: str) -> dict[str, Fact]:
    rows = json.loads((SENTENCES / "sheets" / f"{sheet}.json").read_text(encoding="utf-8"))
    return {row["id"]: _fact(**row) for row in rows}


def _fact(id: str, name: str, value: str | int | float, unit: str) -> Fact:
    subject, _, _ = id.rpartition(":")
    return Fact(id, subject, name, value, unit, "", {}, "")
