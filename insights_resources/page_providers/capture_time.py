"""When a saved page was served, where the page itself reliably says so.

Taken are the marks of those who save pages: the answer's ``Date`` header in front of the page, the
comments of SingleFile and HTTrack. Dates within the page (deliveries, reviews, offers) say nothing
about it, and are never taken.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from insights_resources.page_providers.document import PageDocument

#: The marks stand at the beginning of the file.
_HEAD_CHARACTERS = 20_000

_HTTP_DATE = re.compile(
    r"^Date:\s*([A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT)\s*$", re.M
)
_HTTRACK = re.compile(
    r"<!--\s*(?:Mirrored from|Added by HTTrack).{0,400}?([A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT)",
    re.S,
)
_SINGLE_FILE = re.compile(
    r"saved date:\s*[A-Z][a-z]{2} ([A-Z][a-z]{2} \d{1,2} \d{4} [\d:]{8}) GMT([+-])(\d{2})(\d{2})"
)

#: Nothing was saved before Amazon sold anything, nor after tomorrow.
_EARLIEST = datetime(1996, 1, 1, tzinfo=UTC)


def capture_time_of(document: PageDocument) -> datetime | None:
    """The instant (aware, UTC) at which the page was served; None when it does not say."""
    head = document.html[:_HEAD_CHARACTERS]
    found = _from_http_header(head) or _from_comments(head)
    if found is None or not _EARLIEST <= found <= datetime.now(UTC) + timedelta(days=1):
        return None
    return found


def _from_http_header(head: str) -> datetime | None:
    """An answer that was stored whole begins with its status line."""
    if not head.lstrip().startswith("HTTP/"):
        return None
    match = _HTTP_DATE.search(head)
    return _parse_http_date(match[1]) if match else None


def _from_comments(head: str) -> datetime | None:
    match = _SINGLE_FILE.search(head)
    if match:
        try:
            local = datetime.strptime(match[1], "%b %d %Y %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        offset = timedelta(hours=int(match[3]), minutes=int(match[4]))
        return local - offset if match[2] == "+" else local + offset
    match = _HTTRACK.search(head)
    return _parse_http_date(match[1]) if match else None


def _parse_http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
