"""How awards stand, asked for by the first bits of a hash, so that the ledger does not learn which award is meant.

The ledger says how many bits may be named: so few that at least N awards share them (`CAIRN_STATUS_PREFIX_AWARDS`), or
all awards when there are not so many. Hashes spread evenly, so the awards under a prefix are a Poisson number around
their mean. The mean is kept at N + 8·sqrt(N) or above, for N = 1,000 seven standard deviations above N: that any prefix
is shared by fewer comes to less than one in 10^11. (N is what is promised; a mean of N would leave half of all
prefixes below it.)

Every answer at one length of prefix has the same number of bytes, whatever is under the prefix: it is filled up to
what the largest number of awards could take, until the ledger has twice as many awards and prefixes get a bit longer.

Source: the range interface of Have I Been Pwned (Ali, Cloudflare 2018, k-anonymity); docs/adr/0030-status-by-prefix.md.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, Final
from uuid import UUID

import msgspec

from api.error import RETRY_AFTER, FieldError, InvalidRequestError, NotReadyError
from api.lookup import Lookup
from ledger.credential_id import LOOKUP_HASH_BYTES
from projections.achievement_catalogue import AchievementCatalogue
from projections.credential_status import CredentialFacts, CredentialStatus, parse_facts
from projections.error import ViewNotReadyError
from projections.institution_directory import InstitutionDirectory
from projections.status_prefix import HASH_BITS, StatusPrefixes

EVERY: Final = "all"
"""The prefix of no bits, which every award has."""
SHORTER_BITS: Final = 1
"""How much shorter than the longest a prefix may be: who asked before the ledger grew is answered still."""
DEVIATIONS: Final = 8
"""By how many standard deviations a prefix is expected to be shared by more than it has to be."""
AWARD_BYTES: Final = len(b'"%b":["unknown","suspended","2026-01-31T12:00:00.123456Z"],') + 2 * LOOKUP_HASH_BYTES - 2
"""The longest that is said of one award."""
HEAD_BYTES: Final = 4_096
"""Room for everything else in an answer."""
WAIT_SECONDS: Final = 3.0
_BITS: Final = re.compile(f"[01]{{1,{HASH_BITS}}}")
_VIEWS: Final = (StatusPrefixes.NAME, CredentialStatus.NAME, InstitutionDirectory.NAME, AchievementCatalogue.NAME)


class StatusByPrefix:
    """Answers how the awards stand that share a prefix.

    Args:
        lookup: The public look-ups.
        fewest: How many awards share a prefix at least.
    """

    def __init__(self, lookup: Lookup, fewest: int) -> None:
        self._lookup = lookup
        self._fewest = fewest

    def lengths(self) -> dict[str, Any]:
        """How many bits a prefix may have. Raises NotReadyError while the index is being built."""
        self._catch_up()
        awards = self._lookup.views.prefixes.count()
        longest = longest_prefix(awards, self._fewest)
        shortest = max(longest - SHORTER_BITS, 0)
        return {"awards": awards, "shared_by": self._fewest, "shortest_bits": shortest, "longest_bits": longest}

    def under(self, prefix: str) -> tuple[bytes, str | None]:
        """How every award under a prefix stands.

        What an answer on one award says is here as soon as there: before anything is read, the index has all that the
        view of awards has.

        Args:
            prefix: Bits of the look-up hash as ``0`` and ``1``, the highest first; ``all`` for none.

        Returns:
            The body, and a weak entity tag: the same as long as nothing but the time of asking differs. On a mirror,
            whose answers say how old they are, there is none.

        Raises:
            InvalidRequestError: It is no prefix, or one of another length than the ledger takes.
            NotReadyError: The index is being built.
        """
        bits = _bits(prefix)
        lengths = self.lengths()
        _require_length(bits, lengths)
        hashes, found = self._found(bits)
        briefs = self._lookup.statuses.briefs(found)
        awards = {one.hex(): brief for one, brief in zip(hashes, briefs, strict=True)}
        freshness = self._lookup.statuses.freshness()
        told = msgspec.json.encode(awards)
        body: dict[str, Any] = {"prefix": prefix, "checked_at": self._lookup.now(), "awards": msgspec.Raw(told)}
        if freshness is not None:
            body["freshness"] = freshness
        tag = None if freshness is not None else f'W/"{hashlib.sha256(told).hexdigest()[:32]}"'
        spare = lengths["longest_bits"] - len(bits)
        return _filled(body, answer_bytes(self._fewest, spare) if bits else 0), tag

    def _catch_up(self) -> None:
        """Have the index, and all that is judged by, come as far as the view of awards has."""
        views = self._lookup.views
        try:
            views.require_answering()
            is_there = views.projector.wait_for(views.status.position(), WAIT_SECONDS, _VIEWS)
        except ViewNotReadyError as error:
            raise _not_ready() from error
        if not is_there:
            raise _not_ready()

    def _found(self, bits: str) -> tuple[list[bytes], list[tuple[UUID, CredentialFacts]]]:
        """Look-up hash, aggregate id and facts of every award under a prefix, as of one commit of the view of awards.

        The index may be ahead of that view; then the award is not there yet for anyone.
        """
        listed = list(self._lookup.views.prefixes.under(bits))
        with self._lookup.views.status.snapshot() as snapshot:
            stored = [(one, identity, snapshot.get(identity)) for one, identity in listed]
        kept = [(one, UUID(bytes=identity), parse_facts(row)) for one, identity, row in stored if row is not None]
        return [one for one, _, _ in kept], [(identity, facts) for _, identity, facts in kept]


def longest_prefix(awards: int, fewest: int) -> int:
    """How many bits a prefix may have that at least *fewest* of *awards* awards share; 0: no bit may be named."""
    return max(int(awards / _mean(fewest)).bit_length() - 1, 0)


def answer_bytes(fewest: int, spare: int) -> int:
    """How many bytes an answer has, for a prefix that is *spare* bits shorter than the longest."""
    most = (2 << spare) * _mean(fewest)
    return HEAD_BYTES + AWARD_BYTES * math.ceil(most + DEVIATIONS * math.sqrt(most))


def _mean(fewest: int) -> float:
    return fewest + DEVIATIONS * math.sqrt(fewest)


def _bits(prefix: str) -> str:
    if prefix == EVERY:
        return ""
    if _BITS.fullmatch(prefix) is None:
        raise _refused("a prefix is the first bits of a look-up hash, written as 0 and 1, or «all»", {})
    return prefix


def _require_length(bits: str, lengths: dict[str, Any]) -> None:
    shortest, longest = lengths["shortest_bits"], lengths["longest_bits"]
    taken = f"send {longest or EVERY}" if shortest == longest else f"send {shortest or EVERY} or {longest}"
    if len(bits) > longest:
        shared = f"{lengths['shared_by']} awards, and so could tell which one is meant"
        raise _refused(f"a prefix of so many bits is shared by fewer than {shared}; {taken}", lengths)
    if len(bits) < shortest:
        raise _refused(f"the answer for a prefix of so few bits would be too long; {taken}", lengths)


def _refused(message: str, extensions: dict[str, Any]) -> InvalidRequestError:
    return InvalidRequestError(message, errors=(FieldError(message, parameter="prefix"),), extensions=extensions)


def _filled(body: dict[str, Any], size: int) -> bytes:
    """Encode an answer, filled up with a member of zeros to *size* bytes, or to the next multiple of it."""
    made = msgspec.json.encode({**body, "padding": ""})
    lacking = -len(made) % size if size else 0
    return made[:-2] + b"0" * lacking + made[-2:]


def _not_ready() -> NotReadyError:
    message = "the index of statuses by prefix has not caught up; try again in a second"
    return NotReadyError(message, headers=RETRY_AFTER)
