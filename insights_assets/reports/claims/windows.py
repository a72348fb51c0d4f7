"""The windows that changes are told over: "over 7 days", "since the last report"."""

from __future__ import annotations

import re

from insights_assets.reports.fact import Fact

_WINDOW = re.compile(
    r"(?P<days>\b(?:7|30|seven|thirty))[ -]days?\b(?! (?:mean|median|average))"
    r"|(?P<day>\b(?:a|one) (?:single )?day\b|\bovernight\b|\b24 hours\b)"
    r"|(?P<week>\bweek\b)"
    r"|(?P<month>\bmonth\b)"
    # A date has been blanked by then.
    r"|(?P<report>\b(?:last|previous) report\b|\breport of\b|\bsince _)"
)
_WORDS = {"seven": "7", "thirty": "30"}
_KEY = re.compile(r"_(\d+)d$")
_REPORT = "report"
_SINCE_REPORT = frozenset({"overall_change", "price_since_report"})


def window_of(fact: Fact) -> str | None:
    """The window of a change: days as digits, or ``report``; None: it has none."""
    if fact.key in _SINCE_REPORT:
        return _REPORT
    found = _KEY.search(fact.key)
    return None if found is None else found[1]


def windows_in(text: str) -> set[str]:
    """The windows that words name."""
    return {_window(match) for match in _WINDOW.finditer(text)}


def _window(match: re.Match[str]) -> str:
    if match["days"]:
        return _WORDS.get(match["days"], match["days"])
    if match["day"]:
        return "1"
    return "7" if match["week"] else "30" if match["month"] else _REPORT
