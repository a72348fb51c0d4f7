"""Whether a day is complete: the products expected of it, against those that a table has.

A partition turns green with its first micro-batch; these checks say what is still missing.
"""

from datetime import date

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    asset_check,
)
from sqlalchemy import ColumnElement, Connection, Table, and_, func, select, true

from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current
from insights_resources.wiring import WarehouseResource

#: Missing products that are named.
_NAMED = 20


def day_is_complete(
    key: AssetKey, table: Table, *, what: str, only: ColumnElement[bool] | None = None
) -> AssetChecksDefinition:
    """The check that every active product has a row of the table's newest day.

    ``what`` a row is, in words; ``only``: of these rows alone.
    """

    @asset_check(
        asset=key,
        name="day_is_complete",
        description=f"Every active product has {what} of the newest day.",
    )
    def check(warehouse: WarehouseResource) -> AssetCheckResult:
        counted = and_(
            true() if only is None else only,
            is_current(table) if table.info["versioned"] else true(),
        )
        with warehouse.open().read() as connection:
            day = connection.scalar(select(func.max(table.c.day)).where(counted))
            if day is None:
                return AssetCheckResult(passed=True, description="there is nothing yet")
            found, expected = _products(connection, table, day, counted), _expected(connection)
        missing = sorted(map(str, expected - found))
        return AssetCheckResult(
            passed=not missing,
            severity=AssetCheckSeverity.WARN,
            description=(
                f"{len(missing)} of {len(expected)} products have no {what.split(' ', 1)[1]} of "
                f"{day}"
                if missing
                else None
            ),
            metadata={
                "day": day.isoformat(),
                "expected": len(expected),
                "found": len(expected & found),
                "missing": ", ".join(missing[:_NAMED]) or "none",
            },
        )

    return check


def _products(
    connection: Connection, table: Table, day: date, counted: ColumnElement[bool]
) -> set[ProductKey]:
    query = select(table.c.marketplace, table.c.asin).where(table.c.day == day, counted)
    return {ProductKey(*row) for row in connection.execute(query.distinct())}


def _expected(connection: Connection) -> set[ProductKey]:
    products = tables.products
    query = select(products.c.marketplace, products.c.asin).where(products.c.is_active)
    return {ProductKey(*row) for row in connection.execute(query)}
