"""Options and argument types that several commands share."""

from __future__ import annotations

from datetime import date, timedelta

import click

from insights_resources.scope import today_utc


class Day(click.ParamType):
    """A UTC day: YYYY-MM-DD, ``today`` or ``yesterday``."""

    name = "day"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        text = str(value).strip().lower()
        if text == "today":
            return today_utc()
        if text == "yesterday":
            return today_utc() - timedelta(days=1)
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is not a day: YYYY-MM-DD, today or yesterday", param, ctx)


DAY = Day()
