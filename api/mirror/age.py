"""What a mirror's quick answers say of how old they are: the same as the ordinary answers and their header fields."""

from __future__ import annotations

import msgspec

from api.mirror.head import Head, ServedHead
from api.mirror.layer import age_fields


class QuickAge:
    """Says it, and makes it anew when a second has passed or another head is served.

    As long as the moment of asking stands still, for a millisecond at most, what was said before holds.

    Args:
        served: The head that everything rests on.
    """

    def __init__(self, served: ServedHead) -> None:
        self._served = served
        self._max_age_seconds = served.max_age.total_seconds()
        self._said: tuple[Head | None, int, str | None, str | None] = (None, -1, None, None)
        self._parts = b"", b""
        self._moment = -1.0
        self._head: Head | None = None
        self._present: tuple[bytes, bytes] | None = None

    def __call__(self, moment: float) -> tuple[bytes, bytes] | None:
        """Lines of an answer's head, and the end of its body; None when the head is too old to speak of the present.

        Args:
            moment: Seconds that never run backwards, and may stand still for a millisecond.
        """
        head = self._served.head
        if moment != self._moment or head is not self._head:
            self._present = self._look(head)
            self._moment, self._head = moment, head
        return self._present

    def _look(self, head: Head | None) -> tuple[bytes, bytes] | None:
        served = self._served
        age = served.age_seconds()
        if head is None or age is None or age > self._max_age_seconds:
            return None
        said = (head, int(age), served.trouble, served.misbehaviour)
        if said != self._said:
            freshness = served.freshness()
            lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in age_fields(freshness).items())
            self._said = said
            self._parts = lines.encode("latin-1"), b',"freshness":%b}' % msgspec.json.encode(freshness)
        return self._parts
