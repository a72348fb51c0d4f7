"""When a saved page was served, where the page itself says so.

Only what the server writes while it renders is believed: a response's ``Date`` header saved with
the body, and the server's clock in the page's own logging addresses and form tokens. Search
times, delivery dates, banners and whatever a browser's script wrote say other things.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from insights_resources.page_providers.document import PageDocument

#: Server-rendered moments, in seconds or milliseconds since 1970.
_STAMPS = tuple(
    re.compile(pattern)
    for pattern in (
        r"log-action\.html\?qualifier=(\d{10})(\d{3})?(?!\d)",
        r"[?&;]old_oo=0&(?:amp;)?(?:ts|cb)=(\d{10})(\d{3})?(?!\d)",
        r"\bocInitTimestamp\s*=\s*['\"]?(\d{10})(\d{3})?(?!\d)",
        r"name=[\"']csrfTs[\"']\s+value=[\"'](\d{10})(\d{3})?[\"']",
        r"data-acp-stamp=[\"'](\d{10})(\d{3})?[\"']",
    )
)
_SAVED_RESPONSE = re.compile(r"\s*(?:<[^>]*>\s*)*HTTP/[\d.]+ \d{3}\b")
_DATE_HEADER = re.compile(
    r"^Date:\s*([A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT)", re.M
)
_SINGLE_FILE = re.compile(
    r"<!--\s*Page saved with SingleFile\s[^>]{0,600}?saved date:\s*"
    r"\w{3} (\w{3} \d{1,2} \d{4} \d\d:\d\d:\d\d) GMT([+-]\d{4})"
)
_HTTRACK = re.compile(
    r"<!--\s*Mirrored from [^>]{1,300}? by HTTrack[^>]{0,100}?"
    r"([A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT)\s*-->"
)
#: Amazon opened in 1995; what is earlier is no page's time.
_EARLIEST = datetime(1996, 1, 1, tzinfo=UTC)
_CLOCK_ERROR = timedelta(days=1)
#: A page takes seconds to render; parts that were loaded later carry later times.
_AGREEMENT = timedelta(minutes=30)


def capture_time_of(document: PageDocument) -> datetime | None:
    """The moment (aware UTC, whole seconds) at which the page was served; None when unsure.

    Where the page's stamps lie more than half an hour apart, none of them is believed; a moment
    that has not come yet is none. Without any stamp, the comment of a program that saved the page
    counts.
    """
    html = document.html
    moments = _stamps(html)
    header = _date_header(html)
    if header is not None:
        moments.append(header)
    if not moments:
        saved = _single_file(html) or _httrack(html)
        moments = [] if saved is None else [saved]
    if not moments or max(moments) > datetime.now(UTC) + _CLOCK_ERROR:
        return None
    earliest = min(moments)
    return earliest if max(moments) - earliest <= _AGREEMENT else None


def _stamps(html: str) -> list[datetime]:
    seconds = {int(found.group(1)) for stamp in _STAMPS for found in stamp.finditer(html)}
    moments = [datetime.fromtimestamp(value, UTC) for value in seconds]
    return [moment for moment in moments if moment >= _EARLIEST]


def _date_header(html: str) -> datetime | None:
    if _SAVED_RESPONSE.match(html) is None:
        return None
    found = _DATE_HEADER.search(html, 0, 8192)
    return None if found is None else _http_date(found.group(1))


def _httrack(html: str) -> datetime | None:
    found = _HTTRACK.search(html)
    return None if found is None else _http_date(found.group(1))


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _single_file(html: str) -> datetime | None:
    found = _SINGLE_FILE.search(html, 0, 8192)
    if found is None:
        return None
    try:
        moment = datetime.strptime(" ".join(found.groups()), "%b %d %Y %H:%M:%S %z")
    except ValueError:
        return None
    return moment.astimezone(UTC)
