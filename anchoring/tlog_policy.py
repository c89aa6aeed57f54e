"""Which cosigners a checkpoint needs: the lines of a C2SP tlog-policy, read, and asked.

    log demo.cairn.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
    witness north north.example/witness+7b0c...+BNn... https://witness.north.example
    witness south south.example/witness+81aa...+BKf... https://witness.south.example
    group both all north south
    quorum both

Lines are words between spaces and tabs, and no other white space parts words; no other control character is
allowed. A name is used after the line that defines it. A log asks
the witnesses at their URLs; whoever verifies uses the keys and the quorum alone.

Source: C2SP tlog-policy; docs/spec/policy.md.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from anchoring.cosigner_key import CosignerKey, key_material, parse_cosigner_key
from anchoring.error import MalformedError
from anchoring.note import NoteVerifier
from anchoring.subtree_cosignature import SubtreeVerifier

MAX_POLICY_BYTES: Final = 262_144
"""Longest policy text; an ML-DSA-44 key takes about 1.8 KiB, a certificate about 2 KiB."""
MAX_LINES: Final = 512
"""Longest policy, in lines. Source: C2SP tlog-policy asks for 32 logs, witnesses and groups at least."""
NO_QUORUM: Final = "none"
_NAME: Final = re.compile(r"[^\s#]{1,128}")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_BEFORE_MEMBERS: Final = 3

LogKey = NoteVerifier | SubtreeVerifier
"""A log's own key: Ed25519 (type 01) or ML-DSA-44 (type 06); its name is the origin."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some witnesses or groups, of which `threshold` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TlogPolicy:
    """Logs, witnesses, and which of them are enough.

    Attributes:
        logs: Log keys.
        witnesses: Witness keys (type 04 or 06) by their name in this policy.
        groups: In order; a group names only what stands above it.
        quorum: Name of the witness or group that must have cosigned, or "none".
        urls: Where to ask, by the witness's name in this policy; not every witness needs one.
    """

    logs: tuple[LogKey, ...] = ()
    witnesses: tuple[tuple[str, CosignerKey], ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM
    urls: tuple[tuple[str, str], ...] = ()

    def satisfied_by(self, names: frozenset[str]) -> bool:
        """Tell whether cosignatures by these witnesses (policy names) meet the quorum."""
        met = set(names)
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum == NO_QUORUM or self.quorum in met

    @property
    def names(self) -> frozenset[str]:
        """Every name that is taken: witnesses, groups, and the reserved one."""
        taken = {name for name, _ in self.witnesses} | {group.name for group in self.groups}
        return frozenset(taken | {NO_QUORUM})


P = TypeVar("P", bound=TlogPolicy)


def parse_tlog_policy(text: str) -> TlogPolicy:
    """Read a policy that has the lines of C2SP tlog-policy and no others.

    Raises:
        MalformedError: A line is unknown or malformed, a name is used twice or not defined above,
            or there is not exactly one quorum. The message names the line.

    Source: C2SP tlog-policy.
    """
    policy, quorums = TlogPolicy(), 0
    for number, words in policy_lines(text):
        if words[0] not in LINES:
            raise MalformedError(f"line {number}: unknown line {words[0][:40]!r}")
        quorums += words[0] == "quorum"
        try:
            policy = read_line(policy, words)
        except MalformedError as error:
            raise MalformedError(f"line {number}: {error}") from error
    if quorums != 1:
        raise MalformedError(f"{quorums} quorum lines where one is due; `quorum none` asks for no cosignature")
    return policy


def policy_lines(text: str) -> list[tuple[int, list[str]]]:
    """Cut a policy into numbered lines of words, without comments and empty lines.

    Raises:
        MalformedError: More than 262,144 bytes or 512 lines, or a control character other than tab and newline
            (so a file with CR before each newline is refused).

    Source: C2SP tlog-policy, Character set.
    """
    if len(text.encode("utf-8", "replace")) > MAX_POLICY_BYTES or text.count("\n") > MAX_LINES:
        raise MalformedError(f"a policy of more than {MAX_POLICY_BYTES} bytes or {MAX_LINES} lines")
    lines = list(enumerate(text.split("\n"), 1))
    for number, line in lines:
        if _FORBIDDEN.search(line):
            raise MalformedError(f"line {number}: a control character; lines end in a newline alone")
    cut = [(number, [word for word in line.replace("\t", " ").split(" ") if word]) for number, line in lines]
    return [(number, words) for number, words in cut if words and not words[0].startswith("#")]


def read_line(policy: P, words: Sequence[str]) -> P:
    """Add one line, whose first word is among `LINES`, to a policy.

    Raises:
        MalformedError: The line is malformed, or contradicts those above it.
    """
    read = LINES[words[0]]
    return replace(policy, **read(policy, words[1:]))


def tlog_lines(policy: TlogPolicy) -> list[str]:
    """Write the policy as lines that `read_line` reads back to the same one."""
    urls = dict(policy.urls)
    lines = [f"log {log.vkey}" for log in policy.logs]
    for name, witness in policy.witnesses:
        lines.append(" ".join(filter(None, ("witness", name, witness.vkey, urls.get(name)))))
    lines += [f"group {group.name} {group.threshold} {' '.join(group.members)}" for group in policy.groups]
    if policy.quorum != NO_QUORUM:
        lines.append(f"quorum {policy.quorum}")
    return lines


def parse_log_key(vkey: str) -> LogKey:
    """Read a log's key of either type; MalformedError if it is neither."""
    try:
        return NoteVerifier(vkey)
    except MalformedError:
        pass
    try:
        return SubtreeVerifier(vkey)
    except MalformedError as error:
        raise MalformedError("not a log's key: neither Ed25519 (type 01) nor ML-DSA-44 (type 06)") from error


def with_log(logs: tuple[LogKey, ...], log: LogKey) -> tuple[LogKey, ...]:
    """Return the keys with one more; the same ones if it is among them.

    Raises:
        MalformedError: It is among them under another name: one key, one log.
    """
    if log.vkey in {known.vkey for known in logs}:
        return logs
    if key_material(log.vkey) in {key_material(known.vkey) for known in logs}:
        raise MalformedError("the same log key under two names")
    return (*logs, log)


def require_new_name(policy: TlogPolicy, name: str) -> None:
    """Raise MalformedError unless a witness or group may be called so."""
    if _NAME.fullmatch(name) is None or name in policy.names:
        raise MalformedError(f"the name {name[:40]!r} cannot be used, or is used twice")


def require_words(words: Sequence[str], least: int, most: int) -> None:
    """Raise MalformedError unless the line has so many words after its first."""
    if not least <= len(words) <= most:
        raise MalformedError(f"{len(words)} words where {least} to {most} are due")


def _read_log(policy: TlogPolicy, words: Sequence[str]) -> dict[str, Any]:
    require_words(words, 1, 2)
    log = parse_log_key(words[0])
    if log.vkey in {known.vkey for known in policy.logs}:
        raise MalformedError("the same log key twice")
    return {"logs": with_log(policy.logs, log)}


def _read_witness(policy: TlogPolicy, words: Sequence[str]) -> dict[str, Any]:
    require_words(words, 2, 3)
    require_new_name(policy, words[0])
    witness = parse_cosigner_key(words[1])
    if key_material(witness.vkey) in {key_material(known.vkey) for _, known in policy.witnesses}:
        raise MalformedError("the same witness key under two names")
    urls = policy.urls if len(words) == 2 else (*policy.urls, (words[0], words[2]))  # noqa: PLR2004  (name, key)
    return {"witnesses": (*policy.witnesses, (words[0], witness)), "urls": urls}


def _read_group(policy: TlogPolicy, words: Sequence[str]) -> dict[str, Any]:
    require_words(words, _BEFORE_MEMBERS, MAX_LINES)
    name, wanted, members = words[0], words[1], tuple(words[2:])
    require_new_name(policy, name)
    taken = {member for group in policy.groups for member in group.members}
    if len(set(members)) != len(members) or taken.intersection(members):
        raise MalformedError("a member that is in a group already; each counts in one way only")
    if not (policy.names - {NO_QUORUM}).issuperset(members):
        raise MalformedError("a group of members that are not defined above it")
    threshold = {"any": 1, "all": len(members)}.get(wanted)
    if threshold is None:
        threshold = int(wanted) if _COUNT.fullmatch(wanted) else 0
    if not 1 <= threshold <= len(members):
        raise MalformedError("a group takes any, all, or a number from 1 to its members")
    return {"groups": (*policy.groups, Group(name, threshold, members))}


def _read_quorum(policy: TlogPolicy, words: Sequence[str]) -> dict[str, Any]:
    require_words(words, 1, 1)
    if words[0] not in policy.names:
        raise MalformedError("a quorum that is not defined above it")
    return {"quorum": words[0]}


LINES: Final[dict[str, Callable[[TlogPolicy, Sequence[str]], dict[str, Any]]]] = {
    "log": _read_log,
    "witness": _read_witness,
    "group": _read_group,
    "quorum": _read_quorum,
}
