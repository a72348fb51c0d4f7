"""Checks of the catalog."""

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check
from sqlalchemy import select

from insights_assets.catalog.assets import COMPETITIVE_GROUPS
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.wiring import WarehouseResource


@asset_check(asset=COMPETITIVE_GROUPS, name="groups_have_competitors")
def groups_have_competitors(warehouse: WarehouseResource) -> AssetCheckResult:
    """Every active group has at least two members today: one alone has nobody to compete with."""
    groups, members = tables.competitive_groups, tables.group_members
    today = today_utc()
    with warehouse.open().begin() as connection:
        active = set(connection.scalars(select(groups.c.group_id).where(groups.c.is_active)).all())
        standing = connection.execute(
            select(members.c.group_id, members.c.asin).where(
                members.c.valid_from <= today,
                members.c.valid_to.is_(None) | (members.c.valid_to >= today),
            )
        ).all()
    sizes = dict.fromkeys(active, 0)
    for group_id, _ in standing:
        if group_id in sizes:
            sizes[group_id] += 1
    lonely = sorted(group_id for group_id, size in sizes.items() if size < 2)
    return AssetCheckResult(
        passed=not lonely,
        severity=AssetCheckSeverity.WARN,
        description=f"fewer than two members: {', '.join(lonely)}" if lonely else None,
        metadata={"groups": len(active)},
    )
