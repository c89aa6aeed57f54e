"""What a mirror's quick answers say of how old they are: the same as the ordinary answers and their header fields."""

from __future__ import annotations

import msgspec

from api.mirror.head import Head, ServedHead
from api.mirror.layer import age_fields


class QuickAge:
    """Says it, and makes it anew when a second has passed or another head is served.

    Args:
        served: The head that everything rests on.
    """

    def __init__(self, served: ServedHead) -> None:
        self._served = served
        self._max_age_seconds = served.max_age.total_seconds()
        self._said: tuple[Head | None, int, str | None, str | None] = (None, -1, None, None)
        self._parts = b"", b""

    def __call__(self) -> tuple[bytes, bytes] | None:
        """Lines of an answer's head, and the end of its body; None when the head is too old to speak of the present."""
        served = self._served
        head, age = served.head, served.age_seconds()
        if head is None or age is None or age > self._max_age_seconds:
            return None
        said = (head, int(age), served.trouble, served.misbehaviour)
        if said != self._said:
            freshness = served.freshness()
            lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in age_fields(freshness).items())
            self._said = said
            self._parts = lines.encode("latin-1"), b',"freshness":%b}' % msgspec.json.encode(freshness)
        return self._parts
