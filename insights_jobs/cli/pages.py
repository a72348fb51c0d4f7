"""``insights parse``."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from pathlib import Path

import click

from insights_resources.errors import ArchiveError
from insights_resources.page_archive import unpack_page

#: A page larger than this is not read into memory at all (real ones have up to 3 MB).
_MAX_PAGE_BYTES = 200 * 1024 * 1024


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--marketplace", help="Marketplace of the pages, such as amazon.de.")
@click.option("--asin", help="Product that the pages must be of.")
@click.option(
    "--explain",
    is_flag=True,
    help="Print for people: each field, its source, who disagrees, what was rejected and why.",
)
def parse(
    files: tuple[Path, ...], marketplace: str | None, asin: str | None, *, explain: bool
) -> None:
    """Print what each page (.html, .html.gz, or .zst of the archive) says, one JSON object a line.

    The marketplace is read from the page when not given. A file that is no product page is an
    answer as well: its verdict and reason say what it is. A file that cannot be read is reported,
    the others are still parsed, and the exit code is 1.
    """
    from insights_assets.snapshots.parse_explanation import explanation
    from insights_assets.snapshots.parse_output import parse_result_to_json
    from insights_assets.snapshots.parser import explain_page, parse_page
    from insights_resources import marketplaces
    from insights_resources.marketplaces import ProductKey
    from insights_resources.page_providers.document import PageDocument
    from insights_resources.page_providers.verdict import page_marketplace

    known = marketplaces.marketplace(marketplace).domain if marketplace else None
    wanted_asin = marketplaces.parse_asin(asin) if asin else None
    unreadable = 0
    for path in files:
        try:
            content = read_page_file(path)
        except OSError as error:
            unreadable += 1
            click.echo(f"Error: {path}: {error.strerror or error}", err=True)
            continue
        document = PageDocument.from_bytes(content)
        site = known or page_marketplace(document)
        target = ProductKey(site, wanted_asin) if site and wanted_asin else None
        if explain:
            click.echo(f"{path}")
            click.echo(explanation(*explain_page(document, target=target, marketplace=known)))
            continue
        parsed = parse_page(document, target=target, marketplace=known)
        click.echo(json.dumps(parse_result_to_json(parsed), ensure_ascii=False))
    if unreadable:
        sys.exit(1)


def read_page_file(path: Path) -> bytes:
    """The page's bytes, decompressed; raises ``OSError`` for what cannot be read."""
    if path.suffix == ".zst":
        try:
            return unpack_page(path.read_bytes(), path.stem)
        except ArchiveError as error:
            raise OSError(str(error)) from error
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            content = file.read(_MAX_PAGE_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"damaged gzip file ({error})") from error
    if len(content) > _MAX_PAGE_BYTES:
        raise OSError("larger than 200 MB: no product page")
    return bytes(content)
