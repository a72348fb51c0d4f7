"""``insights search``: products by the words of their listings."""

from __future__ import annotations

import os

import click


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--marketplace", help="Only of this one (amazon.de).")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="The best so many.",
)
def search(words: tuple[str, ...], marketplace: str | None, limit: int) -> None:
    """Find products by words of title, brand, bullets and description, the best first.

    Case and accents do not count; a star ends the beginning of a word; marks make a phrase.

    \b
    insights search wasserkocher edelst* --marketplace amazon.de
    insights search '"electric kettle" 1.7'
    insights search 電気ケトル
    """
    from insights_resources.marketplaces import marketplace as marketplace_named

    # Checked before anything is opened.
    domain = None if marketplace is None else marketplace_named(marketplace).domain

    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.settings import read_settings
    from insights_resources.warehouse.product_search import search_products

    query = " ".join(words)
    found = search_products(open_warehouse(read_settings(os.environ)), query, limit, domain)
    for product in found:
        click.echo(
            f"{product.rank:.2f}  {product.marketplace}/{product.asin}  {product.title or ''}"
            + (f"  ({product.brand})" if product.brand else "")
        )
    if not found:
        click.echo(f"no product's listing has all of: {query}", err=True)
