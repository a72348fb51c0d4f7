"""Which rows of a table are meant: of some products, of a scope, with one of many values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, and_, bindparam, false, or_, true

from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope

#: More values than this are written into the statement: engines limit its parameters.
_MOST_PARAMETERS = 5_000


def of_products(table: FromClause, products: Collection[ProductKey] | None) -> ColumnElement[bool]:
    """Rows of these products; None: of all."""
    if products is None:
        return true()
    by_marketplace: dict[str, list[str]] = defaultdict(list)
    for marketplace, asin in sorted(products):
        by_marketplace[marketplace].append(asin)
    if not by_marketplace:
        return false()
    return or_(
        *(
            and_(table.c.marketplace == marketplace, one_of(table.c.asin, asins))
            for marketplace, asins in by_marketplace.items()
        )
    )


def products_between(
    table: Table, after: ProductKey | None, up_to: ProductKey | None
) -> ColumnElement[bool]:
    """Rows of the products after one (None: from the first) up to another (None: to the last), in
    the database's order of ASIN and marketplace."""
    marketplace, asin = table.c.marketplace, table.c.asin
    conditions: list[ColumnElement[bool]] = [true()]
    if after is not None:
        conditions.append(
            or_(asin > after.asin, and_(asin == after.asin, marketplace > after.marketplace))
        )
    if up_to is not None:
        conditions.append(
            or_(asin < up_to.asin, and_(asin == up_to.asin, marketplace <= up_to.marketplace))
        )
    return and_(*conditions)


def one_of(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """column IN values, however many."""
    return column.in_(
        bindparam(
            None,
            list(values),
            type_=column.type,
            expanding=True,
            unique=True,
            literal_execute=len(values) > _MOST_PARAMETERS,
        )
    )


def in_scope(table: FromClause, scope: Scope) -> ColumnElement[bool]:
    """Rows of the scope's days and products."""
    return and_(
        table.c.day.between(scope.first_day, scope.last_day), of_products(table, scope.products)
    )
