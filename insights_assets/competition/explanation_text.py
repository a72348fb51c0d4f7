"""An explained score, and a what-if, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unicodedata import combining, east_asian_width

from babel.numbers import get_currency_precision

from insights_assets.competition.explanation import ExplainedDimension, Explanation, Member
from insights_assets.competition.formulas import (
    OVERALL_DIMENSIONS,
    PRIOR_RATINGS,
    SHARED_BY,
    Dimension,
    Method,
)
from insights_assets.competition.group_day import GroupDay, plain_value
from insights_assets.competition.reasons import left_out_words, reason_words
from insights_assets.competition.what_if import Change, Changed, WhatIf
from insights_assets.display_names import short_name
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse.column_types import MONEY_SCALE

_NONE = "–"
#: Columns of a label, and of what stands before the text of a dimension.
_LABEL, _INDENT = 12, 22
#: Members that a what-if lists; more are counted.
_MOST_MEMBERS = 20

_KEPT = "kept within 0 to 100"


def explanation_lines(explained: Explanation) -> Iterator[str]:
    """The explanation: the score, each dimension with its formula, peers, who was left out."""
    group_day = explained.group_day
    name = group_day.names.get(explained.product)
    yield f"{explained.product}{f'  {short_name(name)}' if name else ''}"
    group = group_day.group_id
    if group_day.group_name != group:
        group += f" ({short_name(group_day.group_name)})"
    yield f"in {group} on {group_day.day}, method {explained.method}"
    yield ""
    yield from _overall_lines(explained)
    for dimension in explained.dimensions:
        yield ""
        yield from _dimension_lines(explained, dimension)
    yield ""
    yield from _members_lines(explained)
    if not explained.is_reproduced:
        yield ""
        yield (
            "Note: this version of the code gives another score from the features of then. To "
            f"score the day anew: insights backfill --from {group_day.day}"
        )


def _overall_lines(explained: Explanation) -> Iterator[str]:
    if explained.overall is None:
        yield (
            f"{'overall':<{_LABEL}}{_NONE:>8}  none: {len(_present(explained))} of "
            f"{len(explained.dimensions)} dimensions have a score, and "
            f"{OVERALL_DIMENSIONS} are needed"
        )
        return
    parts = " + ".join(
        f"{number_text(each.contribution)} ({each.dimension})"
        for each in explained.dimensions
        if each.contribution is not None
    )
    yield f"{'overall':<{_LABEL}}{explained.overall:>8.2f}  {parts}"
    yield (
        f"{'':<{_INDENT}}place {explained.position} of {explained.position_of} in the group, among "
        f"those scored on {explained.coverage.replace(',', ', ')}"
    )


def _present(explained: Explanation) -> list[ExplainedDimension]:
    return [each for each in explained.dimensions if each.score is not None]


def _dimension_lines(explained: Explanation, each: ExplainedDimension) -> Iterator[str]:
    margin = " " * _INDENT
    if each.score is None:
        yield (
            f"{each.dimension:<{_LABEL}}{_NONE:>8}  none: the product "
            f"{reason_words(each.reason or 'not known')}{_needed(each.reason, explained.method)}"
        )
    else:
        yield (
            f"{each.dimension:<{_LABEL}}{each.score:>8.2f}  "
            f"{formula_text(each.dimension, explained.method)}"
        )
        yield f"{margin}= {filled_formula(each.dimension, explained.method, each.inputs)}"
    for line in _input_lines(each, explained):
        yield margin + line
    if each.contribution is not None:
        weight, total = number_text(each.weight), number_text(each.total_weight)
        yield (
            f"{margin}adds {number_text(each.contribution)} points: weight {weight} of {total} "
            f"of the dimensions present"
        )


def _needed(reason: str | None, method: Method) -> str:
    if reason != "too_few_peers_in_nodes":
        return ""
    return f" ({SHARED_BY[method]} are needed)"


def formula_text(dimension: Dimension, method: Method) -> str:
    """The formula of a dimension in words."""
    match dimension, method:
        case Dimension.PRICE, Method.STANDARD:
            return f"(2 − price / median price of the peers) × 50, {_KEPT}"
        case Dimension.PRICE, _:
            return f"50 − 50 × log2(price / median price of the peers), {_KEPT}"
        case Dimension.QUALITY, Method.STANDARD:
            return f"rating / 5 × 100, {_KEPT}"
        case Dimension.QUALITY, _:
            return (
                f"(({PRIOR_RATINGS} × mean rating of the peers + ratings × rating) / "
                f"({PRIOR_RATINGS} + ratings) − 1) / 4 × 100, {_KEPT}"
            )
        case _, Method.STANDARD:
            return f"50 − 50 × log10(rank / median rank of the peers), {_KEPT}"
    return f"50 − 50 × log10(median rank of 7 days / median of the same of the peers), {_KEPT}"


def filled_formula(dimension: Dimension, method: Method, inputs: Mapping[str, Any]) -> str:
    """The formula with its numbers, for a dimension that has a score."""

    def of(name: str) -> str:
        return number_text(inputs[name])

    match dimension, method:
        case Dimension.PRICE, Method.STANDARD:
            return f"(2 − {of('price')} / {of('peer_median_price')}) × 50"
        case Dimension.PRICE, _:
            return f"50 − 50 × log2({of('price')} / {of('peer_median_price')})"
        case Dimension.QUALITY, Method.STANDARD:
            return f"{of('rating')} / 5 × 100"
        case Dimension.QUALITY, _:
            return (
                f"(({PRIOR_RATINGS} × {of('peer_mean_rating')} + {of('rating_count')} × "
                f"{of('rating')}) / ({PRIOR_RATINGS} + {of('rating_count')}) − 1) / 4 × 100"
            )
        case _, Method.STANDARD:
            return f"50 − 50 × log10({of('rank')} / {of('peer_median_rank')})"
    return f"50 − 50 × log10({of('rank_median_7d')} / {of('peer_median_rank_median_7d')})"


def _input_lines(each: ExplainedDimension, explained: Explanation) -> Iterator[str]:
    inputs, method = each.inputs, explained.method
    match each.dimension:
        case Dimension.PRICE:
            currency = inputs.get("currency", "currency not known")
            if "price" in inputs:
                yield f"price {number_text(inputs['price'])} {currency}"
            else:
                yield f"no price ({inputs.get('price_missing_reason', 'not known')})"
            if "peer_median_price" in inputs:
                yield (
                    f"median price of {_peers(inputs['priced_peers'])} "
                    f"{number_text(inputs['peer_median_price'])} {currency}"
                )
        case Dimension.QUALITY:
            yield f"rating {number_text(inputs.get('rating'))} of 5 stars" + (
                f", {number_text(inputs.get('rating_count'))} ratings"
                if method is Method.ROBUST
                else ", compared with nobody"
            )
            if "peer_mean_rating" in inputs:
                yield (
                    f"mean rating of {_peers(inputs['rated_peers'])} "
                    f"{number_text(inputs['peer_mean_rating'])}; it counts as "
                    f"{PRIOR_RATINGS} ratings"
                )
        case Dimension.POPULARITY:
            kind = "rank" if method is Method.STANDARD else "rank_median_7d"
            words = "rank" if method is Method.STANDARD else "median rank of 7 days"
            if "rank_node" in inputs:
                category = explained.category
                named = f" ({short_name(category, 40)})" if category else ""
                yield (
                    f"{words} {number_text(inputs[kind])} in node {inputs['rank_node']}{named}, "
                    f"the deepest that {SHARED_BY[method]} peers or more share"
                )
                yield (
                    f"median of {_peers(inputs['ranked_peers'])} there "
                    f"{number_text(inputs[f'peer_median_{kind}'])}"
                )


def _peers(count: int) -> str:
    return f"{count} {'peer' if count == 1 else 'peers'}"


def _members_lines(explained: Explanation) -> Iterator[str]:
    peers = explained.peers
    currency = explained[Dimension.PRICE].inputs.get("currency", "")
    node = explained[Dimension.POPULARITY].inputs.get("rank_node")
    if peers:
        rank = f"{'rank' if explained.method is Method.STANDARD else '7-day rank'} in {node}"
        yield from _table(
            (f"peers ({len(peers)})", f"price {currency}".strip(), "rating", "ratings")
            + ((rank,) if node is not None else ()),
            [_peer_row(explained, peer, with_rank=node is not None) for peer in peers],
        )
    else:
        yield "peers (0): nobody in the group can be compared with it"
    if explained.left_out:
        yield ""
        yield f"left out ({len(explained.left_out)})"
        for member in explained.left_out:
            yield (
                f"  {_name(explained.group_day, explained.product, member.product)}: it "
                f"{left_out_words(member.left_out or '')}"
            )


def _peer_row(explained: Explanation, peer: Member, *, with_rank: bool) -> tuple[str, ...]:
    currency = explained[Dimension.PRICE].inputs.get("currency")
    decimals = get_currency_precision(currency) if currency else MONEY_SCALE
    price = (
        f"{peer.price:,.{decimals}f}"
        if peer.price is not None
        else f"none ({(peer.price_missing_reason or 'not known').replace('_', ' ')})"
    )
    return (
        _name(explained.group_day, explained.product, peer.product),
        price,
        number_text(peer.rating),
        number_text(peer.rating_count),
        *((number_text(peer.rank),) if with_rank else ()),
    )


def _name(group_day: GroupDay, beside: ProductKey, product: ProductKey) -> str:
    """A member: its ASIN (with the marketplace where that is another), and its name."""
    key = product.asin if product.marketplace == beside.marketplace else str(product)
    name = group_day.names.get(product)
    return f"{key}  {short_name(name, 40)}" if name else key


# --- what-if -------------------------------------------------------------------------------------


def what_if_lines(group_day: GroupDay, found: WhatIf) -> Iterator[str]:
    """What the changes do to each dimension, the overall score and the place of the product, and to
    the other members."""
    yield "what if " + ", ".join(_change_text(change) for change in found.changes) + "?"
    yield ""
    before, after = _rows(found.before), _rows(found.after)
    own_before, own_after = before[found.product], after[found.product]
    names = [*(f"{name}_score" for name in Dimension), "overall_score"]
    yield from _table(
        ("", "now", "then", ""),
        [
            (
                name.removesuffix("_score"),
                _score(own_before[name]),
                _score(own_after[name]),
                _move(own_before[name], own_after[name]),
            )
            for name in names
        ]
        + [("place", _place(own_before), _place(own_after), "")],
    )
    for name in Dimension:
        reason = own_after["missing_reasons"].get(str(name))
        if reason is not None:
            yield f"{name}: the product {reason_words(reason)}"
    moved = [
        product
        for product in sorted(before)
        if product != found.product and _outcome(before[product]) != _outcome(after[product])
    ]
    others = len(before) - 1
    yield ""
    if not moved:
        yield f"nothing changes for the other {others} of the group" if others else "it is alone"
        return
    yield f"{len(moved)} of the other {others} of the group change in score or place:"
    yield from _table(
        ("", "overall now", "then", "", "place now", "then"),
        [
            (
                _name(group_day, found.product, product),
                _score(before[product]["overall_score"]),
                _score(after[product]["overall_score"]),
                _move(before[product]["overall_score"], after[product]["overall_score"]),
                _place(before[product]),
                _place(after[product]),
            )
            for product in moved[:_MOST_MEMBERS]
        ],
    )
    if len(moved) > _MOST_MEMBERS:
        yield f"  and {len(moved) - _MOST_MEMBERS} more"


def _rows(scores: Any) -> dict[ProductKey, dict[str, Any]]:
    return {
        ProductKey(row["marketplace"], row["asin"]): {
            name: plain_value(value) if not isinstance(value, dict) else value
            for name, value in row.items()
        }
        for row in scores.to_dict("records")
    }


def _outcome(row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("price_score", "quality_score", "popularity_score", "overall_score", "position")
    return tuple(row[name] for name in (*names, "position_of"))


def _change_text(change: Change) -> str:
    where = "" if change.node is None else f" in node {change.node}"
    now = "none" if change.before is None else number_text(change.before)
    if change.what is Changed.RATING:
        return f"its rating were {number_text(change.value)} stars (now {now})"
    return f"its {change.what}{where} were {number_text(change.value)} (now {now})"


def _score(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _move(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    # Of the rounded scores, as a reader would subtract them.
    return f"{round(after - before, 2) + 0.0:+.2f}" if before != after else "="


def _place(row: Mapping[str, Any]) -> str:
    if row["position"] is None:
        return _NONE
    return f"{row['position']} of {row['position_of']}"


# --- text ----------------------------------------------------------------------------------------


def number_text(value: Any) -> str:
    """A number with at most six decimals (as inputs are stored), a dash for none."""
    if value is None:
        return _NONE
    text = f"{value:,.6f}"
    return text.rstrip("0").rstrip(".")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns: the first to the left, the others to the right."""
    lines = [tuple(header), *map(tuple, rows)]
    # Rows stand two columns further in than the header.
    lines = [lines[0], *(("  " + line[0], *line[1:]) for line in lines[1:])]
    widths = [max(_width(line[place]) for line in lines) for place in range(len(header))]
    for first, *others in lines:
        padded = [first + " " * (widths[0] - _width(first))]
        padded += [
            " " * (width - _width(text)) + text
            for text, width in zip(others, widths[1:], strict=True)
        ]
        yield "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal: two for a wide character (Japanese titles)."""
    return sum(
        0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text
    )
