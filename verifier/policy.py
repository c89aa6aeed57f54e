"""Trust policies: whose word on a log a verifier takes. Nothing is trusted that is not in it.

    # the ledger of the university network
    log demo.cairn.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
    witness north north.example/witness+7b0c...+BNn...
    witness south south.example/witness+81aa...+BKf...
    group both all north south
    quorum both
    tsa dfn MIID...base64 of the authority's signing certificate, DER...
    tsa dfn MIIE...the one that issued it, and so on up to a self-signed one...
    retired demo.cairn.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k 2026-11-24T09:00:00Z

Lines as in C2SP tlog-policy, and two of our own. `retired` says from when a key of a log or of its
operator counts no more by itself: what a retired log key signed counts if somebody outside saw it
before. `tsa` names an RFC 3161 authority, under the name
that the log gives its anchors. Its lines are a chain, signing certificate first; a self-signed
certificate closes it, so that a later line of that name starts another (the authority's next key).
URLs after a key are allowed and not used: nothing here reaches for the network.

The lines of C2SP tlog-policy are read by `anchoring.tlog_policy`, which a log goes by as well.

Source: C2SP tlog-policy; docs/spec/policy.md.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.cosigner_key import parse_cosigner_key
from anchoring.error import MalformedError
from anchoring.note import decode_base64
from anchoring.subtree_cosignature import SubtreeVerifier
from anchoring.tlog_policy import (
    LINES,
    NO_QUORUM,
    LogKey,
    TlogPolicy,
    parse_log_key,
    policy_lines,
    read_line,
    require_new_name,
    require_words,
    tlog_lines,
    with_log,
)
from verifier.error import FormatError, PolicyError
from verifier.wire import format_instant, parse_instant

_AUTHORITY: Final = "tsa"
_RETIRED: Final = "retired"
_MAX_AUTHORITY_CHARS: Final = 128


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority.

    Attributes:
        name: What the log calls it.
        certificate: Its signing certificate; no other signer's tokens count.
        chain: What issued that, nearest first, the self-signed root last; empty if the signing
            certificate is self-signed.
    """

    name: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether the chain ends in a self-signed certificate, as it has to for any token."""
        last = self.chain[-1] if self.chain else self.certificate
        return last.issuer == last.subject


@dataclass(frozen=True, slots=True)
class Policy(TlogPolicy):
    """Whom a verifier trusts.

    Attributes:
        authorities: Time-stamping authorities.
        retired: Keys of logs and their operators (vkeys), each with the instant from which it counts
            no more by itself.
        pinned: vkeys that were taken on first use rather than checked by a person.
    """

    authorities: tuple[Authority, ...] = ()
    retired: tuple[tuple[str, datetime], ...] = ()
    pinned: frozenset[str] = field(default_factory=frozenset)

    def retired_at(self, vkey: str) -> datetime | None:
        """Return from when a key counts no more by itself; None if it is in use."""
        return dict(self.retired).get(vkey)


def parse_policy(text: str) -> Policy:
    """Read a policy.

    Raises:
        PolicyError: A line is unknown or malformed, a name is used twice or not defined above,
            a quorum is given twice, or an authority's
            certificates do not end in a self-signed one. The pointer is `line N`.

    Source: C2SP tlog-policy.
    """
    policy = Policy()
    quorums = 0
    for number, words in _lines(text):
        quorums += words[0] == "quorum"
        if words[0] not in {*LINES, _AUTHORITY, _RETIRED} or quorums > 1:
            raise PolicyError(f"unknown or repeated line {words[0][:40]!r}", f"line {number}")
        policy = _read_line(policy, words, number)
    open_chain = next((one.name for one in policy.authorities if not one.is_closed), None)
    if open_chain is not None:
        raise PolicyError(f"the certificates of {open_chain[:40]!r} do not end in a self-signed one")
    return policy


def format_policy(policy: Policy) -> str:
    """Write a policy as text that `parse_policy` reads back to the same one (pins aside)."""
    lines = tlog_lines(policy)
    lines += [f"{_RETIRED} {vkey} {format_instant(at)}" for vkey, at in policy.retired]
    for one in policy.authorities:
        lines += [f"tsa {one.name} {_certificate_text(link)}" for link in (one.certificate, *one.chain)]
    return "".join(line + "\n" for line in lines)


def trust_key(policy: Policy, vkey: str, *, pinned: bool = False) -> Policy:
    """Add a log's key (type 01) or a cosigner's key (type 04 or 06) to a policy.

    Args:
        policy: What is trusted already.
        vkey: The key, as the log or witness publishes it.
        pinned: It was taken on first use, not checked by a person; reports say so.

    Returns:
        The policy with the key; the same policy if it was in it. A witness is named after its
        key, with the key id behind it when another witness has that name. An ML-DSA-44 key with
        the name of a trusted log is that log's second key, and no witness.

    Raises:
        PolicyError: Neither kind of key, or a log's key that is trusted under another name.
    """
    try:
        key = parse_log_key(vkey)
    except MalformedError:
        added = _with_cosigner(policy, vkey)
    else:
        is_logs = not isinstance(key, SubtreeVerifier) or key.name in {log.name for log in policy.logs}
        added = _with_log(policy, key) if is_logs else _with_cosigner(policy, vkey)
    return replace(added, pinned=added.pinned | {vkey}) if pinned else added


def retire_key(policy: Policy, vkey: str, at: datetime) -> Policy:
    """Say from when a key of a log or of its operator counts no more by itself; said again, the date is moved.

    Raises:
        PolicyError: Neither a log's key nor a cosigner's, or the instant is naive.
    """
    _require_key(vkey)
    if at.tzinfo is None:
        raise PolicyError("an instant without a time zone")
    return replace(policy, retired=tuple({**dict(policy.retired), vkey: at}.items()))


def merge_policies(one: Policy, other: Policy) -> Policy:
    """Trust what either policy trusts; the first one's quorum holds unless it has none.

    A key that either of them retires is retired, from the earlier instant on.

    Raises:
        PolicyError: They give one name to two different things, or one log key two names.
    """
    merged = one
    for log in other.logs:
        merged = _with_log(merged, log)
    for name, witness in other.witnesses:
        if (name, witness.vkey) not in {(known, key.vkey) for known, key in merged.witnesses}:
            _require_new_name(merged, name)
            merged = replace(merged, witnesses=(*merged.witnesses, (name, witness)))
    for group in other.groups:
        if group not in merged.groups:
            _require_new_name(merged, group.name)
            merged = replace(merged, groups=(*merged.groups, group))
    quorum = other.quorum if one.quorum == NO_QUORUM else one.quorum
    new = [authority for authority in other.authorities if authority not in merged.authorities]
    authorities = (*merged.authorities, *new)
    merged = replace(merged, retired=_earliest((*one.retired, *other.retired)))
    urls = tuple(dict((*other.urls, *one.urls)).items())
    return replace(merged, quorum=quorum, urls=urls, authorities=authorities, pinned=one.pinned | other.pinned)


def _earliest(dates: Sequence[tuple[str, datetime]]) -> tuple[tuple[str, datetime], ...]:
    keys = dict.fromkeys(vkey for vkey, _ in dates)
    return tuple((vkey, min(at for known, at in dates if known == vkey)) for vkey in keys)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    try:
        return policy_lines(text)
    except MalformedError as error:
        raise PolicyError(str(error)) from error


def _read_line(policy: Policy, words: Sequence[str], number: int) -> Policy:
    try:
        own = {_AUTHORITY: _read_authority, _RETIRED: _read_retired}.get(words[0])
        return read_line(policy, words) if own is None else own(policy, words[1:])
    except (MalformedError, ValueError, IndexError) as error:
        raise PolicyError(f"malformed line: {error}", f"line {number}") from error
    except PolicyError as error:
        raise PolicyError(error.reason, f"line {number}") from error


def _read_authority(policy: Policy, words: Sequence[str]) -> Policy:
    require_words(words, 2, 2)
    if len(words[0]) > _MAX_AUTHORITY_CHARS or "#" in words[0]:
        raise PolicyError("a name of more than 128 characters or with a number sign")
    certificate = x509.load_der_x509_certificate(decode_base64(words[1]))
    last = policy.authorities[-1] if policy.authorities else None
    if last is None or last.name != words[0] or last.is_closed:
        authority, kept = Authority(words[0], certificate), policy.authorities
    else:
        authority = replace(last, chain=(*last.chain, certificate))
        kept = policy.authorities[:-1]
    _require_names(certificate)
    return replace(policy, authorities=(*kept, authority))


def _read_retired(policy: Policy, words: Sequence[str]) -> Policy:
    require_words(words, 2, 2)
    if policy.retired_at(words[0]) is not None:
        raise PolicyError("a key that is retired twice; leave the line with the right instant")
    try:
        at = parse_instant(words[1])
    except FormatError as error:
        raise PolicyError(f"an instant is spelled as in 2026-11-24T09:00:00Z: {error}") from error
    return retire_key(policy, words[0], at)


def _require_key(vkey: str) -> None:
    for read in (parse_log_key, parse_cosigner_key):
        try:
            read(vkey)
        except MalformedError:
            continue
        return
    raise PolicyError("neither a log's key (type 01) nor a cosigner's (type 04 or 06)")


def _require_names(certificate: x509.Certificate) -> None:
    """Raise ValueError here, where the line is known, if the certificate's names cannot be read."""
    _ = (certificate.issuer, certificate.subject)


def _with_log(policy: Policy, log: LogKey) -> Policy:
    try:
        return replace(policy, logs=with_log(policy.logs, log))
    except MalformedError as error:
        raise PolicyError(str(error)) from error


def _with_cosigner(policy: Policy, vkey: str) -> Policy:
    try:
        witness = parse_cosigner_key(vkey)
    except MalformedError as error:
        raise PolicyError("neither a log's key (type 01) nor a cosigner's (type 04 or 06)") from error
    if any(known.vkey == vkey for _, known in policy.witnesses):
        return policy
    plain = witness.name if witness.name not in policy.names else None
    name = plain or f"{witness.name}-{witness.key_id.hex()}"
    _require_new_name(policy, name)
    return replace(policy, witnesses=(*policy.witnesses, (name, witness)))


def _require_new_name(policy: Policy, name: str) -> None:
    try:
        require_new_name(policy, name)
    except MalformedError as error:
        raise PolicyError(str(error)) from error


def _certificate_text(certificate: x509.Certificate) -> str:
    return b64encode(certificate.public_bytes(Encoding.DER)).decode()
