"""The writer that needs no model: a report in sentences from the facts alone.

What is here decides which sentence is told about whom. Its words are phrases (``phrases``), what is
worth telling, and in which order, stands in the group's industry template. Each sentence cites the
facts that it is filled with, and is checked like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from insights_assets.competition.formulas import Dimension
from insights_assets.reports.change_facts import LISTING_RULE, SELLER_RULE
from insights_assets.reports.comparisons import (
    best,
    best_rated,
    differ,
    dimensions,
    is_ahead,
    leader,
    movers,
    out_of_stock,
    priced_alike,
    ranked_alike,
)
from insights_assets.reports.fact import GROUP, Member
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.group_facts import OUT_OF_STOCK
from insights_assets.reports.prose import Prose
from insights_assets.reports.schema import STATEMENT_SECTIONS, Report, Statement
from insights_assets.reports.structured_recommendations import recommendations

WRITER = "structured"
#: Version of the writer, its wording and templates, and of the pages: raise it when equal facts
#: would give another report.
PROMPT_VERSION = "4"


def write_report(sheet: FactSheet) -> Report:
    """The report of a group that has scores."""
    n = Prose(sheet)
    sections = {section: _section(n, section) for section in STATEMENT_SECTIONS}
    return Report(**sections, recommendations=recommendations(n))


def _section(n: Prose, section: str) -> list[Statement]:
    for sentence in getattr(n.template.sections, section):
        SENTENCES[sentence](n)
    return n.statements()


# --- position ------------------------------------------------------------------------------------


def _leader(n: Prose) -> None:
    ranked = n.sheet.ranked()
    among = len(n.sheet.scored()) > len(ranked)
    if len(ranked) > 1:
        first, second = ranked[:2]
        counted = _coverage(n, first) if among else ""
        if is_ahead(n.sheet):
            phrase = "leads_among" if among else "leads"
            n.say(phrase, first=first, second=second, dimensions=counted)
            return
        level = [member for member in ranked if not differ(n.sheet, member, first, "overall")]
        for member in level[: n.template.limits.of_a_kind]:
            n.also(member, "overall")
        phrase = "share_the_lead_among" if among else "share_the_lead"
        n.say(phrase, first=first, names=_names(n, level), dimensions=counted)
    elif len(n.sheet.scored()) > 1:
        n.say("no_common_lead", first=ranked[0])
    elif ranked:
        n.say("only_scored", first=ranked[0])
    else:
        n.say("none_scored")


def _price_range(n: Prose) -> None:
    priced = priced_alike(n.sheet)
    if len(priced) > 1 and differ(n.sheet, priced[0], priced[-1], "price"):
        n.say("price_range", cheapest=priced[0], dearest=priced[-1])


def _best_rated(n: Prose) -> None:
    for member in best_rated(n.sheet)[:1]:
        is_counted = n.sheet.get(member.subject, "rating_count") is not None
        n.say("best_rated_of" if is_counted else "best_rated", about=member)


def _best_seller(n: Prose) -> None:
    by_rank = ranked_alike(n.sheet)
    if len(by_rank) > 1:
        n.say("best_seller", about=by_rank[0])


def _stock(n: Prose) -> None:
    n.also(None, "members")
    out = out_of_stock(n.sheet)
    if not out:
        n.also(None, "out_of_stock")
        n.say("none_out_of_stock")
        return
    for member in out:
        n.also(member, "availability")
    if len(out) <= n.template.limits.of_a_kind:
        n.say("out_of_stock", names=_names(n, out))
    else:
        n.say("many_out_of_stock")


def _alerts(n: Prose) -> None:
    if not n.sheet.number(GROUP, "alerts_7d"):
        n.also(None, "alerts_7d")
        n.say("no_alerts")
        return
    critical = n.part("alerts_critical") if n.sheet.number(GROUP, "critical_7d") else ""
    most = best(n.sheet, n.sheet.members, "alerts_7d")
    is_telling = len(most) > 1 and (n.sheet.number(most[0].subject, "alerts_7d") or 0) > 1
    n.say(
        "alerts",
        critical=critical,
        most=n.part("alerts_most", most[0]) if is_telling else "",
    )


# --- what changed --------------------------------------------------------------------------------


def _last_report(n: Prose) -> None:
    """What the changes below are told since."""
    if n.sheet.get(GROUP, "last_report") is None:
        return
    has_changed = _moved_places(n) or _moved_prices(n) or _moved_stock(n)
    n.say("since_last_report" if has_changed else "nothing_changed")


def _places(n: Prose) -> None:
    for member in _moved_places(n):
        place, before = (n.sheet.number(member.subject, k) for k in ("position", "position_before"))
        if place == before:
            has_gained = (n.sheet.number(member.subject, "overall_change") or 0.0) > 0
            n.say("score_rose" if has_gained else "score_fell", about=member)
        elif place == 1 and leader(n.sheet) == member and is_ahead(n.sheet):
            n.say("took_the_lead", "took_the_lead_matters", about=member)
        else:
            has_risen = (place or 0) < (before or 0)
            phrase = "rose" if has_risen else "fell"
            n.say(phrase, about=member, score=_score_beside(n, member, has_risen))


def _score_beside(n: Prose, member: Member, has_risen: bool) -> str:
    """What its score did meanwhile: places also move with the scores of the others."""
    change = n.sheet.number(member.subject, "overall_change")
    if not change:
        return ""
    if change > 0:
        return n.part("with_a_higher_score" if has_risen else "despite_a_higher_score", member)
    return n.part("despite_a_lower_score" if has_risen else "with_a_lower_score", member)


def _moved_places(n: Prose) -> list[Member]:
    """Members at another place than before: who took or lost the first, then by their places;
    where none is, those whose score moved most."""
    found = [
        member
        for member in n.sheet.ranked()
        if n.sheet.get(member.subject, "position") is not None
        and n.sheet.get(member.subject, "position_before") is not None
    ]
    moved = [
        member
        for member in found
        if n.sheet.number(member.subject, "position")
        != n.sheet.number(member.subject, "position_before")
    ]
    moved.sort(
        key=lambda m: (
            1 not in [n.sheet.number(m.subject, k) for k in ("position", "position_before")]
        )
    )
    by_score = movers(n.sheet, "overall_change", n.template.thresholds.score_move)
    return (moved or [m for m in by_score if m in found])[: n.template.limits.of_a_kind]


def _price_changes(n: Prose) -> None:
    for member in _moved_prices(n):
        n.also(member, "price_since_report")
        if (n.sheet.number(member.subject, "price_since_report") or 0.0) > 0:
            n.say("price_rose", "price_rise_matters", about=member)
        else:
            n.say("price_fell", "price_cut_matters", about=member)


def _moved_prices(n: Prose) -> list[Member]:
    moved = movers(n.sheet, "price_since_report", n.template.thresholds.price_move)
    return moved[: n.template.limits.of_a_kind]


def _stock_changes(n: Prose) -> None:
    for member in _moved_stock(n)[: n.template.limits.of_a_kind]:
        n.also(member, "availability")
        n.also(member, "availability_before")
        if n.sheet.text(member.subject, "availability") in OUT_OF_STOCK:
            n.say("went_out", "went_out_matters", about=member)
        else:
            n.say("came_back", "came_back_matters", about=member)


def _moved_stock(n: Prose) -> list[Member]:
    """Members that went out of stock or came back; from and to what is not known is no move."""
    moved = []
    for member in n.sheet.members:
        now, before = (
            n.sheet.text(member.subject, key) for key in ("availability", "availability_before")
        )
        if {now, before} & {None, "unknown"}:
            continue
        if (now in OUT_OF_STOCK) != (before in OUT_OF_STOCK):
            moved.append(member)
    return moved


def _seller_changes(n: Prose) -> None:
    _say_last_events(n, n.sheet.members, SELLER_RULE)


def _listing_changes(n: Prose) -> None:
    _say_last_events(n, n.sheet.members, LISTING_RULE)


def _events(n: Prose) -> None:
    """The last event of each product of which nothing else has been told yet."""
    _say_last_events(n, [member for member in n.sheet.members if not n.has_told_of(member)])


def _say_last_events(n: Prose, members: Iterable[Member], rule: str | None = None) -> None:
    """The last event of each of the products, by this rule or any; the newest first. Each is a
    statement of its own: nothing reads on after the words of an alert."""
    found = []
    for member in members:
        for event in n.sheet.events(member.subject):
            if rule is None or n.sheet.text(member.subject, f"{event}_rule") == rule:
                found.append((n.sheet.text(member.subject, f"{event}_day") or "", member, event))
                break
    found.sort(key=lambda each: each[0], reverse=True)
    for _, member, event in found[: n.template.limits.of_a_kind]:
        day, text = n.fact(member, f"{event}_day"), n.fact(member, event)
        n.say("event", product=member, day=day, event=text)


def _price_moves(n: Prose) -> None:
    """The largest move of the week; of a product whose price moved since the last report, that has
    been told."""
    for member in movers(n.sheet, "price_change_7d", n.template.thresholds.price_move)[:1]:
        if member in _moved_prices(n):
            continue
        if (n.sheet.number(member.subject, "price_change_7d") or 0.0) > 0:
            n.say("price_rose_7d", "price_rise_matters", about=member)
        else:
            n.say("price_fell_7d", "price_cut_matters", about=member)


def _rank_moves(n: Prose) -> None:
    for member in movers(n.sheet, "rank_change_7d", n.template.thresholds.rank_move)[:1]:
        if (n.sheet.number(member.subject, "rank_change_7d") or 0.0) > 0:
            n.say("rank_worsened_7d", "rank_worsened_matters", about=member)
        else:
            n.say("rank_improved_7d", "rank_improved_matters", about=member)


def _rating_moves(n: Prose) -> None:
    for member in movers(n.sheet, "rating_change_30d", n.template.thresholds.rating_move)[:1]:
        has_risen = (n.sheet.number(member.subject, "rating_change_30d") or 0.0) > 0
        n.say("rating_rose_30d" if has_risen else "rating_fell_30d", about=member)


# --- strengths and weaknesses --------------------------------------------------------------------


def _lead_rests_on(n: Prose) -> None:
    first = leader(n.sheet)
    if first is None:
        return
    strong = [
        dimension
        for dimension, score in dimensions(n.sheet, first)
        if score >= n.template.thresholds.strong_score
    ]
    if strong:
        scores = n.listed([n.part(f"{dimension}_points", first) for dimension in strong])
        is_lead = is_ahead(n.sheet)
        n.say("lead_rests_on" if is_lead else "score_rests_on", about=first, scores=scores)


def _best_scores(n: Prose) -> None:
    """Who is best at what; what the leader is best at is told of its lead."""
    for dimension in Dimension:
        for member in best(n.sheet, n.sheet.members, f"{dimension}_score")[:1]:
            score = n.sheet.number(member.subject, f"{dimension}_score") or 0.0
            if member != leader(n.sheet) and score >= n.template.thresholds.strong_score:
                n.say(f"best_{dimension}_score", about=member)


def _cheapest_below_peers(n: Prose) -> None:
    for member in priced_alike(n.sheet)[:1]:
        difference = n.sheet.number(member.subject, "price_to_median") or 0.0
        if -difference >= n.template.thresholds.price_move:
            n.say("below_peers", about=member)


def _most_new_ratings(n: Prose) -> None:
    for member in best(n.sheet, n.sheet.members, "ratings_gained_30d")[:1]:
        gained = n.sheet.number(member.subject, "ratings_gained_30d") or 0
        if gained > 0 and len(n.sheet.members) > 1:
            n.say("most_new_ratings", about=member)


def _largest_discount(n: Prose) -> None:
    for member in best(n.sheet, n.sheet.members, "discount_from_list")[:1]:
        discount = n.sheet.number(member.subject, "discount_from_list") or 0.0
        has_list_price = n.sheet.get(member.subject, "list_price") is not None
        if has_list_price and discount >= n.template.thresholds.discount:
            n.say("largest_discount", about=member)


def _subscriptions(n: Prose) -> None:
    """The best offers of Subscribe & Save."""
    offers = best(n.sheet, n.sheet.members, "subscribe_save_discount")
    for member in offers[: n.template.limits.of_a_kind]:
        discount = n.sheet.number(member.subject, "subscribe_save_discount") or 0.0
        if discount >= n.template.thresholds.price_move:
            n.say("subscription", about=member)


def _last_place(n: Prose) -> None:
    ranked = n.sheet.ranked()
    if len(ranked) > 2 and differ(n.sheet, ranked[0], ranked[-1], "overall"):
        last = ranked[-1]
        is_behind = is_ahead(n.sheet) and n.sheet.get(last.subject, "overall_behind") is not None
        weakest = dimensions(n.sheet, last)[-1][0]
        n.say(
            "last_place_behind" if is_behind else "last_place",
            about=last,
            scores=n.part(f"{weakest}_points", last),
        )


def _leader_weakest(n: Prose) -> None:
    first = leader(n.sheet)
    if first is None:
        return
    dimension, score = dimensions(n.sheet, first)[-1]
    if score < n.template.thresholds.strong_score:
        n.say(
            "leader_weakest" if is_ahead(n.sheet) else "scored_weakest",
            about=first,
            scores=n.part(f"{dimension}_points", first),
        )


def _leader_above_cheapest(n: Prose) -> None:
    first = leader(n.sheet)
    if first is None or not is_ahead(n.sheet):
        return
    share = n.sheet.number(first.subject, "price_above_cheapest_share") or 0.0
    if share >= n.template.thresholds.price_move:
        n.say("leader_above_cheapest", about=first)


def _dearest_above_peers(n: Prose) -> None:
    for member in best(n.sheet, n.sheet.members, "price_to_median")[:1]:
        score = n.sheet.number(member.subject, "price_score") or 0.0
        difference = n.sheet.number(member.subject, "price_to_median") or 0.0
        if score < n.template.thresholds.weak_score and difference > 0:
            n.say("above_peers", about=member)


def _weak_listing(n: Prose) -> None:
    for member in best(n.sheet, n.sheet.members, "listing_quality", lowest=True)[:1]:
        quality = n.sheet.number(member.subject, "listing_quality") or 0.0
        if quality < n.template.thresholds.weak_listing:
            n.say("weak_listing", about=member)


def _often_out_of_stock(n: Prose) -> None:
    for member in best(n.sheet, n.sheet.members, "in_stock_share_30d", lowest=True)[:1]:
        share = n.sheet.number(member.subject, "in_stock_share_30d") or 0.0
        if share < n.template.thresholds.low_stock_share:
            n.say("often_out_of_stock", about=member)


# --- opportunities and threats -------------------------------------------------------------------


def _others_out_of_stock(n: Prose) -> None:
    out = out_of_stock(n.sheet)
    if not out or len(out) == len(n.sheet.members):
        return
    for member in out[: n.template.limits.of_a_kind]:
        n.also(member, "availability")
    n.say("other_out_of_stock" if len(out) == 1 else "others_out_of_stock", names=_names(n, out))


def _dearer(n: Prose) -> None:
    _moves_in_price(n, "dearer", "risen_price", _price_moved(n, 1))


def _cheaper(n: Prose) -> None:
    """Price cuts, where they are not told as a price war."""
    cheaper = _price_moved(n, -1)
    if "price_war" not in n.template.sections.threats or not _is_war(n, cheaper):
        _moves_in_price(n, "cheaper", "fallen_price", cheaper)


def _price_war(n: Prose) -> None:
    cheaper = _price_moved(n, -1)
    if _is_war(n, cheaper):
        _moves_in_price(n, "price_war", "fallen_price", cheaper)


def _is_war(n: Prose, cheaper: list[Member]) -> bool:
    return len(cheaper) >= n.template.limits.price_war


def _price_moved(n: Prose, way: int) -> list[Member]:
    """Members whose price moved that way (1: up, -1: down) over 7 days and is known."""
    return [
        member
        for member in movers(n.sheet, "price_change_7d", n.template.thresholds.price_move)
        if way * (n.sheet.number(member.subject, "price_change_7d") or 0.0) > 0
        and n.sheet.get(member.subject, "price") is not None
    ]


def _moves_in_price(n: Prose, phrase: str, of_each: str, moved: list[Member]) -> None:
    told = moved[: n.template.limits.of_a_kind]
    if told:
        n.say(phrase, names=n.listed([n.part(of_each, member) for member in told]))


def _losing_rank(n: Prose) -> None:
    for member in _rank_moved(n, 1)[:1]:
        n.say("losing_rank", about=member)


def _gaining_rank(n: Prose) -> None:
    for member in _rank_moved(n, -1)[:1]:
        n.say("gaining_rank", about=member)


def _rank_moved(n: Prose, way: int) -> list[Member]:
    """Members whose rank moved that way (1: it worsened) over 7 days."""
    return [
        member
        for member in movers(n.sheet, "rank_change_7d", n.template.thresholds.rank_move)
        if way * (n.sheet.number(member.subject, "rank_change_7d") or 0.0) > 0
    ]


def _leader_room(n: Prose) -> None:
    first, thresholds = leader(n.sheet), n.template.thresholds
    if first is None:
        return
    room = n.sheet.number(first.subject, "room_change") or 0.0
    if thresholds.price_move <= room <= thresholds.largest_price_change:
        n.say("leader_room", about=first)


def _falling_ratings(n: Prose) -> None:
    falling = [
        member
        for member in movers(n.sheet, "rating_change_30d", n.template.thresholds.rating_move)
        if (n.sheet.number(member.subject, "rating_change_30d") or 0.0) < 0
    ]
    for member in falling[: n.template.limits.of_a_kind]:
        n.say("rating_fell_30d", about=member)


def _catch_up(n: Prose) -> None:
    first, ranked = leader(n.sheet), n.sheet.ranked()
    if first is None or len(ranked) < 2:
        return
    change = n.sheet.number(ranked[1].subject, "catch_up_change")
    if change is not None and -n.template.thresholds.largest_price_change <= change < 0:
        n.say("catch_up", about=ranked[1], first=first)


# --- caveats -------------------------------------------------------------------------------------


def _unscored(n: Prose) -> None:
    scored = n.sheet.number(GROUP, "scored")
    if scored != n.sheet.number(GROUP, "members"):
        n.say("one_scored" if scored == 1 else "some_scored")


def _other_dimensions(n: Prose) -> None:
    others = n.sheet.scored()[len(n.sheet.ranked()) :]
    for member in others[: n.template.limits.of_a_kind]:
        n.say("other_dimensions", about=member, dimensions=_coverage(n, member))


def _missing_scores(n: Prose) -> None:
    """Products without a score of a dimension, and why."""
    told = 0
    for member in n.sheet.members:
        by_reason: dict[str, list[Dimension]] = {}
        for dimension in Dimension:
            reason = n.sheet.text(member.subject, f"missing_{dimension}_score")
            if reason is not None:
                by_reason.setdefault(reason, []).append(dimension)
        if not by_reason or told == n.template.limits.of_a_kind:
            continue
        told += 1
        for reason, missing in by_reason.items():
            for dimension in missing:
                n.also(member, f"missing_{dimension}_score")
            phrase = f"missing_{reason}"
            n.say(
                "missing_score",
                about=member,
                dimensions=_dimension_words(n, missing),
                reason=n.part(phrase if n.has_phrase(phrase) else "missing_other"),
            )


def _price_ranges(n: Prose) -> None:
    for member in n.sheet.members:
        if n.sheet.text(member.subject, "price_missing_reason") == "variation_range":
            n.also(member, "price_missing_reason")
            n.say("price_range_only", about=member)


def _carried(n: Prose) -> None:
    if n.sheet.number(GROUP, "carried"):
        n.say("carried")


def _robust_leader(n: Prose) -> None:
    first = leader(n.sheet)
    if first is None:
        return
    # The robust method may count other dimensions: again only equal ones are compared.
    counted = n.sheet.text(first.subject, "robust_coverage")
    alike = [m for m in n.sheet.ranked() if n.sheet.text(m.subject, "robust_coverage") == counted]
    for member in best(n.sheet, alike, "robust_overall")[:1]:
        if member != first:
            n.say("robust_leader", about=member)


# --- parts of sentences --------------------------------------------------------------------------


def _names(n: Prose, members: list[Member]) -> str:
    """Their names; of many, the first ones'."""
    most = n.template.limits.of_a_kind
    names = [n.name(member) for member in members[:most]]
    return n.listed(names + ([n.part("others")] if len(members) > most else []))


def _coverage(n: Prose, member: Member) -> str:
    """The dimensions that its overall score counts."""
    n.also(member, "coverage")
    return _dimension_words(n, (n.sheet.text(member.subject, "coverage") or "").split(","))


def _dimension_words(n: Prose, names: Iterable[str]) -> str:
    return n.listed([n.part(str(name)) for name in names])


#: The sentences that a template may name.
SENTENCES: Mapping[str, Callable[[Prose], None]] = {
    "leader": _leader,
    "price_range": _price_range,
    "best_rated": _best_rated,
    "best_seller": _best_seller,
    "stock": _stock,
    "alerts": _alerts,
    "last_report": _last_report,
    "places": _places,
    "price_changes": _price_changes,
    "stock_changes": _stock_changes,
    "seller_changes": _seller_changes,
    "listing_changes": _listing_changes,
    "events": _events,
    "price_moves": _price_moves,
    "rank_moves": _rank_moves,
    "rating_moves": _rating_moves,
    "lead_rests_on": _lead_rests_on,
    "best_scores": _best_scores,
    "cheapest_below_peers": _cheapest_below_peers,
    "most_new_ratings": _most_new_ratings,
    "largest_discount": _largest_discount,
    "subscriptions": _subscriptions,
    "last_place": _last_place,
    "leader_weakest": _leader_weakest,
    "leader_above_cheapest": _leader_above_cheapest,
    "dearest_above_peers": _dearest_above_peers,
    "weak_listing": _weak_listing,
    "often_out_of_stock": _often_out_of_stock,
    "others_out_of_stock": _others_out_of_stock,
    "dearer": _dearer,
    "losing_rank": _losing_rank,
    "leader_room": _leader_room,
    "price_war": _price_war,
    "cheaper": _cheaper,
    "gaining_rank": _gaining_rank,
    "falling_ratings": _falling_ratings,
    "catch_up": _catch_up,
    "unscored": _unscored,
    "other_dimensions": _other_dimensions,
    "missing_scores": _missing_scores,
    "price_ranges": _price_ranges,
    "carried": _carried,
    "robust_leader": _robust_leader,
}
