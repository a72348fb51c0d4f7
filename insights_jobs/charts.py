"""The job ``charts``: price and rank history and the score breakdown of a product or a group, shown
in the UI on its asset. ``insights plot`` writes the same as a file.

It is run by hand from the launchpad. The picture is kept with the event, so nothing draws it that
nobody asked for.
"""

from datetime import date

from dagster import (
    AssetObservation,
    Config,
    Failure,
    MetadataValue,
    OpExecutionContext,
    job,
    op,
)
from pydantic import Field

from insights_assets.charts.inputs import DEFAULT_DAYS, MOST_DAYS, read_group, read_product
from insights_assets.charts.pages import group_page, page_as_markdown, product_page
from insights_assets.competition.assets import COMPETITIVE_SCORES
from insights_assets.features.assets import PRODUCT_FEATURES
from insights_resources.errors import InsightsError, InvalidInputError
from insights_resources.marketplaces import parse_product_key
from insights_resources.wiring import WarehouseResource


class ChartsConfig(Config):
    """What is shown: a product or a group, and the days."""

    product: str = Field(
        default="", description="MARKETPLACE/ASIN, such as amazon.de/B08N5WRWNW; or give a group."
    )
    group: str = Field(default="", description="Id of a competitive group; or give a product.")
    days: int = Field(
        default=DEFAULT_DAYS, ge=1, le=MOST_DAYS, description="How many days, up to last_day."
    )
    last_day: str = Field(
        default="", description="Last UTC day, YYYY-MM-DD; empty: the last with something to show."
    )


@op
def draw_charts(
    context: OpExecutionContext, config: ChartsConfig, warehouse: WarehouseResource
) -> None:
    """Draws the charts and observes them on ``product_features`` (a product) or on
    ``competitive_scores`` (a group). Changes nothing."""
    try:
        observation = _observation(config, warehouse)
    except InsightsError as error:
        raise Failure(description=str(error), allow_retries=False) from error
    context.log_event(observation)


def _observation(config: ChartsConfig, warehouse: WarehouseResource) -> AssetObservation:
    if bool(config.product) == bool(config.group):
        raise InvalidInputError("give either product or group in the op's config")
    try:
        last = date.fromisoformat(config.last_day) if config.last_day else None
    except ValueError as error:
        raise InvalidInputError(f"last_day {config.last_day!r} is not a day: YYYY-MM-DD") from error
    database = warehouse.open()
    if config.product:
        product = parse_product_key(config.product)
        inputs = read_product(database, product, last=last, count=config.days)
        page, asset, shown = product_page(inputs), PRODUCT_FEATURES, str(product)
    else:
        inputs = read_group(database, config.group, last=last, count=config.days)
        page, asset, shown = group_page(inputs), COMPETITIVE_SCORES, config.group
    return AssetObservation(
        asset_key=asset,
        partition=inputs.days[-1].isoformat(),
        description=f"Charts of {shown}, {inputs.days[0]} to {inputs.days[-1]}",
        metadata={
            "charts": MetadataValue.md(page_as_markdown(page)),
            "shows": shown,
            "days": f"{inputs.days[0]} to {inputs.days[-1]}",
        },
    )


@job(
    description="Charts of a product or a group on its asset: price and rank history, score "
    "breakdown. Say in the config which."
)
def charts() -> None:
    draw_charts()
