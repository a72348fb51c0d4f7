"""Checks of what consumers read."""

from insights_assets.published_asset import audit_check
from insights_assets.serving.assets import PRODUCT_SUMMARIES
from insights_resources.warehouse import tables

product_summaries_audit = audit_check(PRODUCT_SUMMARIES, tables.product_summaries)
