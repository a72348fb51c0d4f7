"""Random numbers that are the same in every process: one stream for each named purpose."""

from __future__ import annotations

import hashlib
import random


def digest(*parts: object) -> bytes:
    """32 bytes that depend on nothing but the parts' texts and their order."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()


def stream(*parts: object) -> random.Random:
    """A generator of its own for this purpose, such as ``stream(seed, "price", asin)``."""
    return random.Random(int.from_bytes(digest(*parts)[:8], "big"))


def letters(length: int, *parts: object) -> str:
    """Upper-case letters and digits, as ids on Amazon's pages are made of."""
    alphabet = "0123456789BCDFGHJKLMNPQRSTVWXYZ"
    number = int.from_bytes(digest(*parts), "big")
    out = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        out.append(alphabet[index])
    return "".join(out)
