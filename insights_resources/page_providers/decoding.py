"""A page's bytes as text, whatever the server or the crawler made of them."""

from __future__ import annotations

import codecs
import re

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.I)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Charsets that a page may ask for. What browsers read as another is read as that one here.
_CHARSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "cp1252": "cp1252",
    "iso8859-15": "iso8859-15",
    "iso8859-2": "iso8859-2",
    "cp1250": "cp1250",
    "cp1254": "cp1254",
    "iso8859-9": "cp1254",
    "cp1256": "cp1256",
    "shift_jis": "cp932",
    "cp932": "cp932",
    "euc_jp": "euc_jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc_kr": "cp949",
}
#: Leading bytes of what is saved or served in place of a page.
_OTHER_FILES = (
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
)
#: Bytes that no text has; the null is left out, for those are taken out of pages.
_CONTROL = bytes([*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F])
_SAMPLE = 20_000


def decode_page(content: bytes) -> bytes:
    """The page's text in UTF-8: for most pages their own bytes. Never raises.

    A byte order mark decides first, then UTF-8 where it is valid, then the page's own charset,
    then windows-1252. Null bytes are left out.
    """
    if b"\x00" not in content and not content.startswith(codecs.BOM_UTF8) and is_utf8(content):
        return content
    # "replace": a lone surrogate is no character.
    return _decode_otherwise(content).encode(errors="replace")


def is_utf8(content: bytes, block_size: int = 16_384) -> bool:
    """Whether the bytes are valid UTF-8. Most blocks of a page are plain ASCII, which shows
    without decoding them."""
    start = 0
    while start < len(content):
        end = start + block_size
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end += 1  # the rest of a character
        block = content[start:end]
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError:
                return False
        start = end
    return True


def _decode_otherwise(content: bytes) -> str:
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _without_nulls(content[len(mark) :].decode(name, errors="replace"))
    wide = _unmarked_wide_encoding(content)
    if wide is not None:
        return _without_nulls(content.decode(wide, errors="replace"))
    try:
        return _without_nulls(content.decode("utf-8"))
    except UnicodeDecodeError:
        declared = _declared_charset(content)
    if declared is not None:
        return _without_nulls(content.decode(declared, errors="replace"))
    text = content.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    beyond_ascii = len(text) - _ascii_length(text)
    # A few broken sequences among many good ones are UTF-8 that was cut or patched.
    if broken * 2 > beyond_ascii:
        text = content.decode("cp1252", errors="replace")
    return _without_nulls(text)


def not_text(content: bytes, utf8: bytes) -> str | None:
    """What a page's bytes are instead of text, in words; None for text. ``utf8`` is what they
    decode to."""
    for start, name in _OTHER_FILES:
        if content.startswith(start):
            return name
    sample = utf8[:_SAMPLE]
    control = len(sample) - len(sample.translate(None, _CONTROL))
    text = sample.decode(errors="ignore")
    if (control + text.count("\ufffd")) * 10 > len(text):
        return "binary data"
    return None


def _ascii_length(text: str) -> int:
    return len(text.encode("ascii", errors="ignore"))


def _without_nulls(text: str) -> str:
    return text.replace("\x00", "") if "\x00" in text else text


def _unmarked_wide_encoding(content: bytes) -> str | None:
    """UTF-16 without a mark shows as a null in every other byte of the markup."""
    start = content[:400]
    if len(start) < 8 or start.count(0) * 3 < len(start):
        return None
    if start[1::2].count(0) * 10 > len(start[1::2]) * 9:
        return "utf-16-le"
    if start[0::2].count(0) * 10 > len(start[0::2]) * 9:
        return "utf-16-be"
    return None


def _declared_charset(content: bytes) -> str | None:
    found = _DECLARED.search(content, 0, 4096)
    if found is None:
        return None
    try:
        name = codecs.lookup(found.group(1).decode("ascii")).name
    except LookupError:
        return None
    return _CHARSETS.get(name)
