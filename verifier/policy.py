"""Trust policies: whose word on a log a verifier takes. Nothing is trusted that is not in it.

    # the ledger of the university network
    log demo.cairn.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
    witness north north.example/witness+7b0c...+BNn...
    witness south south.example/witness+81aa...+BKf...
    group both all north south
    quorum both
    tsa dfn MIID...base64 of the authority's signing certificate, DER...
    tsa dfn MIIE...the one that issued it, and so on up to a self-signed one...

Lines as in C2SP tlog-policy, and one of our own: `tsa` names an RFC 3161 authority, under the name
that the log gives its anchors. Its lines are a chain, signing certificate first; a self-signed
certificate closes it, so that a later line of that name starts another (the authority's next key).
URLs after a key are allowed and not used: nothing here reaches for the network.

Source: C2SP tlog-policy; docs/spec/policy.md.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.cosignature import CosignatureVerifier
from anchoring.error import MalformedError
from anchoring.note import NoteVerifier, decode_base64
from verifier.error import PolicyError

MAX_POLICY_BYTES: Final = 262_144
"""Longest policy text; a certificate line takes about 2 KiB."""
MAX_LINES: Final = 512
"""Longest policy, in lines."""
NO_QUORUM: Final = "none"
_RESERVED: Final = frozenset({NO_QUORUM})
_NAME: Final = re.compile(r"[^\s#]{1,128}")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_BEFORE_MEMBERS: Final = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Some witnesses or groups, of which `threshold` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


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
class Policy:
    """Whom a verifier trusts.

    Attributes:
        logs: Log keys (type 01).
        witnesses: Witness keys (type 04) by their name in this policy.
        groups: In order; a group names only what stands above it.
        quorum: Name of the witness or group that must have cosigned, or "none".
        authorities: Time-stamping authorities.
        pinned: vkeys that were taken on first use rather than checked by a person.
    """

    logs: tuple[NoteVerifier, ...] = ()
    witnesses: tuple[tuple[str, CosignatureVerifier], ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM
    authorities: tuple[Authority, ...] = ()
    pinned: frozenset[str] = field(default_factory=frozenset)

    def satisfied_by(self, names: frozenset[str]) -> bool:
        """Tell whether cosignatures by these witnesses (policy names) meet the quorum."""
        met = set(names)
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum == NO_QUORUM or self.quorum in met


def parse_policy(text: str) -> Policy:
    """Read a policy.

    Raises:
        PolicyError: A line is unknown or malformed, a name is used twice or not defined above,
            a quorum is given twice, or an authority's
            certificates do not end in a self-signed one. The pointer is `line N`.

    Source: C2SP tlog-policy.
    """
    if len(text.encode("utf-8", "replace")) > MAX_POLICY_BYTES or text.count("\n") > MAX_LINES:
        raise PolicyError(f"a policy of more than {MAX_POLICY_BYTES} bytes or {MAX_LINES} lines")
    policy = Policy()
    quorums = 0
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        read = _LINES.get(words[0])
        quorums += words[0] == "quorum"
        if read is None or quorums > 1:
            raise PolicyError(f"unknown or repeated line {words[0][:40]!r}", f"line {number}")
        policy = _read_line(read, policy, words[1:], number)
    open_chain = next((one.name for one in policy.authorities if not one.is_closed), None)
    if open_chain is not None:
        raise PolicyError(f"the certificates of {open_chain[:40]!r} do not end in a self-signed one")
    return policy


def format_policy(policy: Policy) -> str:
    """Write a policy as text that `parse_policy` reads back to the same one (pins aside)."""
    lines = [f"log {log.vkey}" for log in policy.logs]
    lines += [f"witness {name} {witness.vkey}" for name, witness in policy.witnesses]
    for group in policy.groups:
        lines.append(f"group {group.name} {group.threshold} {' '.join(group.members)}")
    if policy.quorum != NO_QUORUM:
        lines.append(f"quorum {policy.quorum}")
    for one in policy.authorities:
        lines += [f"tsa {one.name} {_certificate_text(link)}" for link in (one.certificate, *one.chain)]
    return "".join(line + "\n" for line in lines)


def trust_key(policy: Policy, vkey: str, *, pinned: bool = False) -> Policy:
    """Add a log's key (type 01) or a cosigner's key (type 04) to a policy.

    Args:
        policy: What is trusted already.
        vkey: The key, as the log or witness publishes it.
        pinned: It was taken on first use, not checked by a person; reports say so.

    Returns:
        The policy with the key; the same policy if it was in it. A witness is named after its
        key, with the key id behind it when another witness has that name.

    Raises:
        PolicyError: Neither kind of key.
    """
    try:
        added = replace(policy, logs=_with_log(policy, NoteVerifier(vkey)))
    except MalformedError:
        added = _with_cosigner(policy, vkey)
    return replace(added, pinned=added.pinned | {vkey}) if pinned else added


def merge_policies(one: Policy, other: Policy) -> Policy:
    """Trust what either policy trusts; the first one's quorum holds unless it has none.

    Raises:
        PolicyError: They give one name to two different things.
    """
    merged = one
    for log in other.logs:
        merged = replace(merged, logs=_with_log(merged, log))
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
    return replace(merged, quorum=quorum, authorities=authorities, pinned=one.pinned | other.pinned)


def _read_line(
    read: Callable[[Policy, Sequence[str]], Policy],
    policy: Policy,
    words: Sequence[str],
    number: int,
) -> Policy:
    try:
        return read(policy, words)
    except (MalformedError, ValueError, IndexError) as error:
        raise PolicyError(f"malformed line: {error}", f"line {number}") from error
    except PolicyError as error:
        raise PolicyError(error.reason, f"line {number}") from error


def _read_log(policy: Policy, words: Sequence[str]) -> Policy:
    _require_words(words, 1, 2)
    return replace(policy, logs=_with_log(policy, NoteVerifier(words[0])))


def _read_witness(policy: Policy, words: Sequence[str]) -> Policy:
    _require_words(words, 2, 3)
    _require_new_name(policy, words[0])
    witness = CosignatureVerifier(words[1])
    if any(known.vkey == witness.vkey for _, known in policy.witnesses):
        raise PolicyError("the same witness key under two names")
    return replace(policy, witnesses=(*policy.witnesses, (words[0], witness)))


def _read_group(policy: Policy, words: Sequence[str]) -> Policy:
    _require_words(words, _BEFORE_MEMBERS, MAX_LINES)
    name, wanted, members = words[0], words[1], tuple(words[2:])
    _require_new_name(policy, name)
    known = {known for known, _ in policy.witnesses} | {group.name for group in policy.groups}
    if len(set(members)) != len(members) or not known.issuperset(members):
        raise PolicyError("a group of members that are repeated or not defined above it")
    threshold = {"any": 1, "all": len(members)}.get(wanted)
    if threshold is None:
        threshold = int(wanted) if _COUNT.fullmatch(wanted) else 0
    if not 1 <= threshold <= len(members):
        raise PolicyError("a group takes any, all, or a number from 1 to its members")
    return replace(policy, groups=(*policy.groups, Group(name, threshold, members)))


def _read_quorum(policy: Policy, words: Sequence[str]) -> Policy:
    _require_words(words, 1, 1)
    known = {known for known, _ in policy.witnesses} | {group.name for group in policy.groups}
    if words[0] not in known | _RESERVED:
        raise PolicyError("a quorum that is not defined above it")
    return replace(policy, quorum=words[0])


def _read_authority(policy: Policy, words: Sequence[str]) -> Policy:
    _require_words(words, 2, 2)
    if _NAME.fullmatch(words[0]) is None:
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


def _require_names(certificate: x509.Certificate) -> None:
    """Raise ValueError here, where the line is known, if the certificate's names cannot be read."""
    _ = (certificate.issuer, certificate.subject)


_LINES: Final[dict[str, Callable[[Policy, Sequence[str]], Policy]]] = {
    "log": _read_log,
    "witness": _read_witness,
    "group": _read_group,
    "quorum": _read_quorum,
    "tsa": _read_authority,
}


def _with_log(policy: Policy, log: NoteVerifier) -> tuple[NoteVerifier, ...]:
    known = {known.vkey for known in policy.logs}
    return policy.logs if log.vkey in known else (*policy.logs, log)


def _with_cosigner(policy: Policy, vkey: str) -> Policy:
    try:
        witness = CosignatureVerifier(vkey)
    except MalformedError as error:
        raise PolicyError("neither a log's key (type 01) nor a cosigner's (type 04)") from error
    if any(known.vkey == vkey for _, known in policy.witnesses):
        return policy
    taken = {name for name, _ in policy.witnesses} | {group.name for group in policy.groups}
    plain = witness.name if witness.name not in taken | _RESERVED else None
    name = plain or f"{witness.name}-{witness.key_id.hex()}"
    _require_new_name(policy, name)
    return replace(policy, witnesses=(*policy.witnesses, (name, witness)))


def _require_words(words: Sequence[str], least: int, most: int) -> None:
    if not least <= len(words) <= most:
        raise PolicyError(f"{len(words)} words where {least} to {most} are due")


def _require_new_name(policy: Policy, name: str) -> None:
    taken = {known for known, _ in policy.witnesses} | {group.name for group in policy.groups}
    if _NAME.fullmatch(name) is None or name in taken | _RESERVED:
        raise PolicyError(f"the name {name[:40]!r} cannot be used, or is used twice")


def _certificate_text(certificate: x509.Certificate) -> str:
    return b64encode(certificate.public_bytes(Encoding.DER)).decode()
