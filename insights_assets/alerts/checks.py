"""Checks of the alerts."""

from insights_assets.alerts.assets import ALERTS
from insights_assets.published_asset import audit_check
from insights_resources.warehouse import tables

alerts_audit = audit_check(ALERTS, tables.alerts)
