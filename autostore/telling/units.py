"""Sizes, times and names as people read them."""

from __future__ import annotations

from datetime import datetime

__all__ = ["count", "moment", "plain", "size", "span"]


def size(number: int) -> str:
    """`1234567` is `1.2 MB`: three digits, powers of 1,000, as disks and clouds count."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5:
            return f"{number} B" if unit == "B" else f"{value:.3g} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.3g} PB"


def moment(time: datetime) -> str:
    """To the second, in this machine's time zone."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """`75` is `1 min 15 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 key`, `2,000 keys`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def plain(text: str) -> str:
    """The text on one line, with every unprintable sign spelt out."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
