"""What a rebuild covers: a range of UTC days, and some products or all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey


def start_of(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def end_of(day: date) -> datetime:
    """The instant at which a UTC day ends, which is the next day's first: use it exclusively."""
    return start_of(day + timedelta(days=1))


def today_utc() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Scope:
    """Days ``first_day`` to ``last_day``, both included; ``products`` None means all of them."""

    first_day: date
    last_day: date
    products: frozenset[ProductKey] | None = None

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise InvalidInputError(f"a range of days from {self.first_day} to {self.last_day}")

    @classmethod
    def of_day(cls, day: date, products: Iterable[ProductKey] | None = None) -> Scope:
        return cls(day, day, None if products is None else frozenset(products))

    @property
    def days(self) -> Iterator[date]:
        """Each day, in order."""
        day = self.first_day
        while day <= self.last_day:
            yield day
            day += timedelta(days=1)

    @property
    def start(self) -> datetime:
        """First instant, inclusive."""
        return start_of(self.first_day)

    @property
    def end(self) -> datetime:
        """Last instant, exclusive."""
        return end_of(self.last_day)

    def __str__(self) -> str:
        days = (
            str(self.first_day)
            if self.first_day == self.last_day
            else f"{self.first_day} to {self.last_day}"
        )
        who = "all products" if self.products is None else f"{len(self.products)} products"
        return f"{days}, {who}"
