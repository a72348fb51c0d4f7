"""A saved page's capture time is what whoever saved it wrote down, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from insights_resources.page_providers.capture_time import capture_time_of
from insights_resources.page_providers.document import PageDocument


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "HTTP/1.1 200 OK\r\nDate: Wed, 13 Feb 2013 09:47:01 GMT\r\n\r\n<html></html>",
            datetime(2013, 2, 13, 9, 47, 1, tzinfo=UTC),
        ),
        (
            "<!-- \n Page saved with SingleFile \n url: https://www.amazon.de/dp/B08N5WRWNW \n"
            " saved date: Tue Nov 24 2020 15:30:00 GMT+0100 (CET)\n--><html></html>",
            datetime(2020, 11, 24, 14, 30, tzinfo=UTC),
        ),
        (
            "<html><!-- Mirrored from www.amazon.de/dp/B08N5WRWNW by HTTrack Website Copier/3.x "
            "[XR&CO'2014], Tue, 24 Nov 2020 10:00:00 GMT --></html>",
            datetime(2020, 11, 24, 10, 0, tzinfo=UTC),
        ),
        # A date on the page is not the page's date.
        ("<html>Date: Wed, 13 Feb 2013 09:47:01 GMT</html>", None),
        ("<html>Get it by Tuesday, 24 November 2020</html>", None),
        ("HTTP/1.1 200 OK\r\nDate: Wed, 13 Feb 2113 09:47:01 GMT\r\n\r\n<html></html>", None),
        ("HTTP/1.1 200 OK\r\nDate: Wed, 99 Feb 2013 09:47:01 GMT\r\n\r\n<html></html>", None),
        ("", None),
    ],
)
def test_capture_time(html: str, expected: datetime | None) -> None:
    assert capture_time_of(PageDocument.from_bytes(html.encode())) == expected
