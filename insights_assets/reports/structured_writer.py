"""The writer that needs no model: a report in sentences from the facts alone.

Each sentence notes the facts that it uses while it is written, and is checked like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

from insights_assets.competition.formulas import Dimension
from insights_assets.reports.comparisons import (
    best,
    best_rated,
    dimensions,
    leader,
    movers,
    out_of_stock,
    priced_alike,
    ranked_alike,
)
from insights_assets.reports.fact import GROUP, Member
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.prose import Prose, listed
from insights_assets.reports.schema import Report, Statement
from insights_assets.reports.structured_recommendations import (
    LARGEST_PRICE_CHANGE,
    PRICE_MOVE,
    WEAK_LISTING,
    recommendations,
)

WRITER = "structured"
#: Version of the writer and of the pages: raise it when equal facts would give another report.
PROMPT_VERSION = "2"

#: Smaller moves of a rank (ratio) or a rating (stars) are not worth a sentence.
_RANK_MOVE = 0.25
_RATING_MOVE = 0.1
#: A score is strong or weak from here on (points).
_STRONG, _WEAK = 60.0, 40.0
_MOST_OF_A_KIND = 3


def write_report(sheet: FactSheet) -> Report:
    """The report of a group that has scores."""
    n = Prose(sheet)
    return Report(
        position=list(_position(sheet, n)),
        strengths=list(_strengths(sheet, n)),
        weaknesses=list(_weaknesses(sheet, n)),
        opportunities=list(_opportunities(sheet, n)),
        threats=list(_threats(sheet, n)),
        recommendations=recommendations(sheet, n),
        caveats=list(_caveats(sheet, n)),
    )


def _position(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    ranked = sheet.ranked()
    if len(ranked) > 1:
        first, second = ranked[:2]
        if not _is_ahead(sheet):
            yield n.statement(
                f"{_level_names(sheet, n)} share the lead of {n.group()} with an "
                f"overall score of {n.points(first, 'overall')} points "
                f"each{_among(sheet, n, first)}."
            )
        else:
            yield n.statement(
                f"{n.name(first)} leads {n.group()} with an overall score of "
                f"{n.points(first, 'overall')} points, {n.decimal(None, 'lead', 2)} ahead of "
                f"{n.name(second)}{_among(sheet, n, first)}."
            )
    elif len(sheet.scored()) > 1:
        yield n.statement(
            f"Each overall score of {n.group()} counts other dimensions, so that none leads; "
            f"{n.name(ranked[0])} has {n.points(ranked[0], 'overall')} points."
        )
    elif ranked:
        yield n.statement(
            f"{n.name(ranked[0])} is the only product of {n.group()} with an overall score, "
            f"{n.points(ranked[0], 'overall')} points."
        )
    else:
        yield n.statement(f"No product of {n.group()} has an overall score.")
    priced = priced_alike(sheet)
    if len(priced) > 1 and _differ(sheet, priced[0], priced[-1], "price"):
        yield n.statement(
            f"{n.name(priced[0])} is the cheapest at {n.money(priced[0], 'price')}, "
            f"{n.name(priced[-1])} the dearest at {n.money(priced[-1], 'price')}."
        )
    if rated := best_rated(sheet):
        yield n.statement(_best_rated_words(n, sheet, rated[0]))
    by_rank = ranked_alike(sheet)
    if len(by_rank) > 1:
        yield n.statement(
            f"{n.name(by_rank[0])} sells best by its top-level Best Sellers Rank of "
            f"{n.count(by_rank[0], 'primary_rank')}."
        )
    yield from _largest_moves(sheet, n)
    yield n.statement(_stock_words(n, sheet))
    yield n.statement(_alert_words(n, sheet))


def _is_ahead(sheet: FactSheet) -> bool:
    """Whether the first has a higher score than the second."""
    return (sheet.number(GROUP, "lead") or 0.0) > 0


def _differ(sheet: FactSheet, one: Member, other: Member, key: str) -> bool:
    return sheet.number(one.subject, key) != sheet.number(other.subject, key)


def _level_names(sheet: FactSheet, n: Prose) -> str:
    """The products with the highest score, where it is not one alone."""
    ranked = sheet.ranked()
    level = [member for member in ranked if not _differ(sheet, member, ranked[0], "overall")]
    names = []
    for member in level[:_MOST_OF_A_KIND]:
        n.also(member, "overall")
        names.append(n.name(member))
    return listed(names + (["others"] if len(level) > _MOST_OF_A_KIND else []))


def _among(sheet: FactSheet, n: Prose, first: Member) -> str:
    """Whom the lead is over, where it is not over all."""
    if len(sheet.scored()) == len(sheet.ranked()):
        return ""
    return (
        f", among the {n.count(first, 'position_of')} products that have a score for "
        f"{_dimension_words(sheet, n, first)}"
    )


def _dimension_words(sheet: FactSheet, n: Prose, member: Member) -> str:
    n.also(member, "coverage")
    return listed((sheet.text(member.subject, "coverage") or "").split(","))


def _best_rated_words(n: Prose, sheet: FactSheet, member: Member) -> str:
    text = f"{n.name(member)} is the best rated with {n.points(member, 'rating')} stars"
    if sheet.get(member.subject, "rating_count") is None:
        return f"{text}."
    return f"{text} from {n.counted(member, 'rating_count', 'rating', 'ratings')}."


def _largest_moves(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    prices = movers(sheet, "price_change_7d", PRICE_MOVE)
    if prices:
        yield n.statement(f"The largest price move: {_price_move(n, sheet, prices[0])}")
    ranks = movers(sheet, "rank_change_7d", _RANK_MOVE)
    if ranks:
        yield n.statement(f"The largest rank move: {_rank_move(n, sheet, ranks[0])}")


def _price_move(n: Prose, sheet: FactSheet, member: Member) -> str:
    change = sheet.number(member.subject, "price_change_7d") or 0.0
    verb = "became dearer" if change > 0 else "became cheaper"
    return (
        f"{n.name(member)} {verb} by {n.percent(member, 'price_change_7d')} over 7 days and now "
        f"costs {n.money(member, 'price')}."
    )


def _rank_move(n: Prose, sheet: FactSheet, member: Member) -> str:
    change = sheet.number(member.subject, "rank_change_7d") or 0.0
    verb = "worsened" if change > 0 else "improved"
    return (
        f"the top-level Best Sellers Rank of {n.name(member)} {verb} by "
        f"{n.percent(member, 'rank_change_7d')} over 7 days to "
        f"{n.count(member, 'primary_rank')}."
    )


def _stock_words(n: Prose, sheet: FactSheet) -> str:
    n.also(None, "members")
    out = out_of_stock(sheet)
    if not out:
        n.also(None, "out_of_stock")
        return "No product is known to be out of stock."
    for member in out:
        n.also(member, "availability")
    if len(out) <= _MOST_OF_A_KIND:
        return f"Out of stock: {listed([n.name(member) for member in out])}."
    return f"{n.count(None, 'out_of_stock')} of {n.count(None, 'members')} are out of stock."


def _alert_words(n: Prose, sheet: FactSheet) -> str:
    if not sheet.number(GROUP, "alerts_7d"):
        n.also(None, "alerts_7d")
        return "No alert fired in the last 7 days."
    text = f"{n.counted(None, 'alerts_7d', 'alert', 'alerts')} fired in the last 7 days"
    if sheet.number(GROUP, "critical_7d"):
        text += f", {n.count(None, 'critical_7d')} of them critical"
    most = best(sheet, sheet.members, "alerts_7d")
    if len(most) > 1 and (sheet.number(most[0].subject, "alerts_7d") or 0) > 1:
        text += f"; most, {n.count(most[0], 'alerts_7d')}, concern {n.name(most[0])}"
    return f"{text}."


def _strengths(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    first = leader(sheet)
    if first is not None:
        strong = [d for d in dimensions(sheet, first) if d[1] >= _STRONG]
        if strong:
            yield n.statement(
                f"{n.name(first)} owes its {'lead' if _is_ahead(sheet) else 'score'} to "
                f"{listed([_score_words(n, first, d) for d, _ in strong])}."
            )
    for dimension in Dimension:
        leading = best(sheet, sheet.members, f"{dimension}_score")
        if not leading or leading[0] == first:
            continue
        if (sheet.number(leading[0].subject, f"{dimension}_score") or 0.0) < _STRONG:
            continue
        yield n.statement(
            f"{n.name(leading[0])} has the best {dimension} score, "
            f"{n.points(leading[0], f'{dimension}_score')} points."
        )
    cheapest = priced_alike(sheet)[:1]
    for member in cheapest:
        if (sheet.number(member.subject, "price_to_median") or 0.0) <= -PRICE_MOVE:
            yield n.statement(_against_median(n, sheet, member))
    gained = best(sheet, sheet.members, "ratings_gained_30d")[:1]
    for member in gained:
        if (sheet.number(member.subject, "ratings_gained_30d") or 0) > 0 and len(sheet.members) > 1:
            yield n.statement(
                f"{n.name(member)} gained the most ratings over 30 days, "
                f"{n.count(member, 'ratings_gained_30d')}."
            )


def _against_median(n: Prose, sheet: FactSheet, member: Member) -> str:
    way = "below" if (sheet.number(member.subject, "price_to_median") or 0.0) < 0 else "above"
    return (
        f"At {n.money(member, 'price')} {n.name(member)} is {n.percent(member, 'price_to_median')} "
        f"{way} the median of its peers, {n.money(member, 'peer_median_price')}."
    )


def _score_words(n: Prose, member: Member, dimension: Dimension) -> str:
    return f"{dimension} ({n.points(member, f'{dimension}_score')} points)"


def _weaknesses(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    ranked = sheet.ranked()
    if len(ranked) > 2 and _differ(sheet, ranked[0], ranked[-1], "overall"):
        last = ranked[-1]
        yield n.statement(
            f"{n.name(last)} comes last with an overall score of {n.points(last, 'overall')} "
            f"points; it falls behind most on "
            f"{_score_words(n, last, dimensions(sheet, last)[-1][0])}."
        )
    first = leader(sheet)
    if first is not None:
        dimension, score = dimensions(sheet, first)[-1]
        if score < _STRONG:
            yield n.statement(
                f"{'The leader ' if _is_ahead(sheet) else ''}{n.name(first)} is weakest on "
                f"{_score_words(n, first, dimension)}."
            )
    for member in best(sheet, sheet.members, "price_to_median")[:1]:
        score = sheet.number(member.subject, "price_score") or 0.0
        if score < _WEAK:
            yield n.statement(_against_median(n, sheet, member))
    listings = best(sheet, sheet.members, "listing_quality", lowest=True)
    if listings and (sheet.number(listings[0].subject, "listing_quality") or 0) < WEAK_LISTING:
        yield n.statement(
            f"The listing of {n.name(listings[0])} is the least complete, "
            f"{n.points(listings[0], 'listing_quality')} points."
        )
    for member in best(sheet, sheet.members, "in_stock_share_30d", lowest=True)[:1]:
        if (sheet.number(member.subject, "in_stock_share_30d") or 0.0) < 0.9:
            yield n.statement(
                f"{n.name(member)} was in stock on only "
                f"{n.percent(member, 'in_stock_share_30d')} of the "
                f"captured days of the last 30 days."
            )


def _opportunities(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    everyone_out = out_of_stock(sheet)
    out = everyone_out[:_MOST_OF_A_KIND]
    if out and len(everyone_out) < len(sheet.members):
        for member in out:
            n.also(member, "availability")
        whose = "its" if len(out) == 1 else "their"
        yield n.statement(
            f"While {listed([n.name(m) for m in out])} cannot be bought, {whose} buyers are open "
            f"to the others."
        )
    dearer = [
        m
        for m in movers(sheet, "price_change_7d", PRICE_MOVE)
        if (sheet.number(m.subject, "price_change_7d") or 0.0) > 0
    ]
    for member in dearer[:_MOST_OF_A_KIND]:
        yield n.statement(f"{_price_move(n, sheet, member)} That leaves room below it.")
    worse = [
        m
        for m in movers(sheet, "rank_change_7d", _RANK_MOVE)
        if (sheet.number(m.subject, "rank_change_7d") or 0.0) > 0
    ]
    for member in worse[:1]:
        yield n.statement(
            f"{n.name(member)} is losing sales to others: {_rank_move(n, sheet, member)}"
        )
    first = leader(sheet)
    if first is not None and (
        PRICE_MOVE <= (sheet.number(first.subject, "room_change") or 0.0) <= LARGEST_PRICE_CHANGE
    ):
        yield n.statement(_room_words(n, first))


def _room_words(n: Prose, first: Member) -> str:
    return (
        f"{n.name(first)} could cost up to {n.money(first, 'room_price')}, "
        f"{n.percent(first, 'room_change')} more than now, before it lost the lead, with all else "
        f"as it is."
    )


def _threats(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    cheaper = [
        m
        for m in movers(sheet, "price_change_7d", PRICE_MOVE)
        if (sheet.number(m.subject, "price_change_7d") or 0.0) < 0
    ]
    for member in cheaper[:_MOST_OF_A_KIND]:
        yield n.statement(f"{_price_move(n, sheet, member)} The others come under pressure.")
    better = [
        m
        for m in movers(sheet, "rank_change_7d", _RANK_MOVE)
        if (sheet.number(m.subject, "rank_change_7d") or 0.0) < 0
    ]
    for member in better[:1]:
        yield n.statement(f"{n.name(member)} is gaining ground: {_rank_move(n, sheet, member)}")
    falling = [
        m
        for m in movers(sheet, "rating_change_30d", _RATING_MOVE)
        if (sheet.number(m.subject, "rating_change_30d") or 0.0) < 0
    ]
    for member in falling[:_MOST_OF_A_KIND]:
        yield n.statement(
            f"The rating of {n.name(member)} fell by "
            f"{n.points(member, 'rating_change_30d')} over 30 "
            f"days to {n.points(member, 'rating')} stars."
        )
    first, ranked = leader(sheet), sheet.ranked()
    if first is not None and len(ranked) > 1:
        second = ranked[1]
        change = sheet.number(second.subject, "catch_up_change")
        if change is not None and -LARGEST_PRICE_CHANGE <= change < 0:
            yield n.statement(
                f"{n.name(second)} would draw level with the leader {n.name(first)} at "
                f"{n.money(second, 'catch_up_price')}, {n.percent(second, 'catch_up_change')} "
                f"less than now."
            )


def _caveats(sheet: FactSheet, n: Prose) -> Iterator[Statement]:
    members, scored = sheet.number(GROUP, "members"), sheet.number(GROUP, "scored")
    if scored != members:
        yield n.statement(
            f"Of {n.counted(None, 'members', 'product', 'products')} "
            f"{n.count(None, 'scored')} have an overall score; the score table says why the "
            f"others have none."
        )
    for member in sheet.scored()[len(sheet.ranked()) :][:_MOST_OF_A_KIND]:
        yield n.statement(
            f"The {n.points(member, 'overall')} points of {n.name(member)} count "
            f"{_dimension_words(sheet, n, member)}, not the dimensions of the others: they have "
            f"no place among theirs."
        )
    if sheet.number(GROUP, "carried"):
        yield n.statement(
            f"{n.counted(None, 'carried', 'product', 'products')} had no capture on the day; "
            f"the last known values stand in where they are recent enough."
        )
    first = leader(sheet)
    if first is None:
        return
    # The robust method may count other dimensions: again only equal ones are compared.
    counted = sheet.text(first.subject, "robust_coverage")
    alike = [m for m in sheet.ranked() if sheet.text(m.subject, "robust_coverage") == counted]
    robust = best(sheet, alike, "robust_overall")
    if robust and robust[0] != first:
        yield n.statement(
            f"The robust method puts {n.name(robust[0])} first with "
            f"{n.points(robust[0], 'robust_overall')} points: the lead depends on the method."
        )
