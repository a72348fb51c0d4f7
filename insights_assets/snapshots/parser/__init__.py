"""A product page -> a typed snapshot, or why the page is none.

``parse_page`` is the whole of it; ``explain_page`` says why as well. Pages differ by year,
device, marketplace and language; each module reads one idea (money, ranks, ratings, the buy box,
the listing) through a list of the places where layouts show it. ``docs/parser.md`` says which
places, and when they lie.
"""

from insights_assets.snapshots.parser.composition import PARSER_VERSION, explain_page, parse_page

__all__ = ["PARSER_VERSION", "explain_page", "parse_page"]
