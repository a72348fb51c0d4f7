"""Checks of the features."""

from insights_assets.features.assets import PRODUCT_FEATURES, RANK_FEATURES
from insights_assets.published_asset import audit_check
from insights_resources.warehouse import tables

product_features_audit = audit_check(PRODUCT_FEATURES, tables.product_features)
rank_features_audit = audit_check(RANK_FEATURES, tables.rank_features)
