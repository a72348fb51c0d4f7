"""Checks of the scores."""

from insights_assets.competition.assets import COMPETITIVE_SCORES
from insights_assets.published_asset import audit_check
from insights_resources.warehouse import tables

competitive_scores_audit = audit_check(COMPETITIVE_SCORES, tables.competitive_scores)
