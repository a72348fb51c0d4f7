"""The partitions of every dated asset: UTC days, today included.

The first day is the one setting that is part of the definitions themselves.
"""

import os
import warnings

from dagster import BackfillPolicy, BetaWarning, DailyPartitionsDefinition

from insights_resources.settings import read_settings

#: ``end_offset=1``: the partition of today exists while the day lasts.
DAILY = DailyPartitionsDefinition(
    start_date=read_settings(os.environ).first_day.isoformat(), timezone="UTC", end_offset=1
)

# The policy is beta, and every asset would say so at every start. Taken on purpose (ADR 4).
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", BetaWarning)

#: A range of days is one run, on every partitioned asset alike.
SINGLE_RUN = BackfillPolicy.single_run()
