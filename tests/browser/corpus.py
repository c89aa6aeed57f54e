"""Evidence files, good and bad: what the pages' verifier and the Python one are both asked about."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner, format_note, parse_note
from tests.verifier.small_log import ISSUED, NORTH, NOW, WELDING, SmallLog, compact, instant, key_row, private_key

Json = dict[str, Any]
DAY: Final = timedelta(days=1)
HASH: Final = "ab" * 32


@dataclass(frozen=True)
class Case:
    """One file and what is asked about it."""

    name: str
    file: Json
    now: datetime = NOW
    at: datetime | None = None
    max_age: timedelta | None = timedelta(minutes=10)
    vkey: str = ""

    @property
    def policy(self) -> str:
        """A policy that takes the log's word alone."""
        return f"log {self.vkey}\n"


def made(name: str, change: Callable[[SmallLog], Any], **asked: Any) -> Case:  # noqa: ANN401  any field of a case
    """A case of a log that *change* has written; it returns the award, or nothing for a plain one."""
    log = SmallLog()
    award = change(log)
    if award is None:
        award = log.issue()
    if not log.note:
        log.publish(NOW)
    return Case(name, log.evidence(award), vkey=log.signer.vkey, **asked)


def changed(*kinds: str, **members: object) -> Callable[[SmallLog], Any]:
    """An award to which these things happen, a day apart."""

    def change(log: SmallLog) -> object:
        award = log.issue()
        for number, kind in enumerate(kinds, 1):
            extra = {"successor": HASH} if kind == "replaced" else {}
            log.change(award, kind, ISSUED + number * DAY, **extra, **members)
        return award

    return change


def with_key(**members: object) -> Callable[[SmallLog], None]:
    """The issuer's key has these dates."""

    def change(log: SmallLog) -> None:
        log.records[1]["keys"][0] |= members

    return change


def with_accreditations(*rows: Json, version: int | None = None) -> Callable[[SmallLog], None]:
    """The issuer has these accreditations."""

    def change(log: SmallLog) -> None:
        row = log.records[1]["accreditations"][0]
        log.records[1]["accreditations"] = [row | one for one in rows]
        log.records[1] |= {} if version is None else {"version": version}

    return change


def limits(**named: object) -> Json:
    return {"limits": {"levels": [], "fields": [], "kinds": [], "country": None} | named}


def issued_with(**members: Any) -> Callable[[SmallLog], object]:  # noqa: ANN401  any member of the event
    """The issue event says something else than usual."""
    return lambda log: log.issue(**members)


def history_of(*topics: tuple[str, Json]) -> Callable[[SmallLog], object]:
    """An award whose history goes on with these events."""

    def change(log: SmallLog) -> object:
        award = log.issue()
        for topic, body in topics:
            award.indexes.append(log.append(topic, award.id, {"recorded_at": instant(ISSUED + DAY)} | body))
        return award

    return change


def edition_with(topic: str = "achievement.published.v1", **members: Any) -> Callable[[SmallLog], object]:  # noqa: ANN401  any member of the event
    """The edition's event says something else than usual."""

    def change(log: SmallLog) -> object:
        body: Json = {"institution": str(NORTH), "code": "WELD-1", "edition": 1, "recorded_at": instant(ISSUED)}
        body["template"] = template_of(log)
        log.versions[WELDING] = 0
        log.edition_index = log.append(topic, WELDING, body | members)
        return log.issue()

    return change


def template_of(log: SmallLog) -> Json:
    """The template of the log's one edition."""
    body: Json = json.loads(log.entries[log.edition_index].split(b"\n", 4)[4])
    template: Json = body["template"]
    return template


def attested(log: SmallLog) -> object:
    award = log.issue()
    plain = {name: value for name, value in award.issued.items() if name not in {"achievement", "edition"}}
    log.versions[award.id] = 0
    award.indexes[:] = [log.append("credential.attested.v1", award.id, plain)]
    log.edition_index = award.indexes[-1]
    return award


def attested_file() -> Case:
    case = made("attested", attested)
    case.file["entries"].pop()
    return case


def stacked(*reviews: str) -> Callable[[SmallLog], object]:
    """A stacked award that was reviewed."""
    bodies: dict[str, Json] = {
        "opened": {"reason": "component_lost", "due_at": instant(ISSUED + 30 * DAY), "appeal_until": instant(ISSUED)},
        "closed": {"outcome": "stands"},
    }
    made_of = {"pathway": str(WELDING), "pathway_version": 1, "rules": HASH, "derivation": HASH}
    rows = [(f"credential.review_{one}.v1", bodies[one]) for one in reviews]
    return history_of(("credential.stacked.v1", made_of), *rows)


def reissued(**key: object) -> Callable[[SmallLog], object]:
    """An award that was signed anew with a second key, since the first one was stolen."""

    def change(log: SmallLog) -> object:
        award = log.issue()
        log.records[1]["keys"][0] |= {"compromised_at": instant(ISSUED - DAY)}
        log.records[1]["keys"].append(key_row("north-2", "key-2") | key)
        log.reissue(award, ISSUED + DAY)
        return award

    return change


def anchored(log: SmallLog) -> object:
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.cosign_anchor(ISSUED + timedelta(minutes=3))
    log.change(award, "suspended", ISSUED + DAY)
    log.publish(ISSUED + DAY)
    log.cosign_anchor(ISSUED + DAY)
    log.stamp(ISSUED + 2 * DAY)
    log.change(award, "reinstated", ISSUED + 2 * DAY)
    log.publish(NOW, witnessed=NOW)
    return award


def stolen(at: datetime) -> Callable[[SmallLog], object]:
    """The issuer's key was stolen; some words on the log are older, some newer."""

    def change(log: SmallLog) -> object:
        log.records[1]["keys"][0] |= {"compromised_at": instant(at)}
        return anchored(log)

    return change


def stolen_and_signed_anew(log: SmallLog) -> object:
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.cosign_anchor(ISSUED + timedelta(minutes=3))
    log.records[1]["keys"][0] |= {"compromised_at": instant(ISSUED - DAY)}
    log.records[1]["keys"].append(key_row("north-2", "key-2") | {"compromised_at": instant(ISSUED + 3 * DAY)})
    log.reissue(award, ISSUED + DAY)
    log.publish(ISSUED + DAY)
    log.cosign_anchor(ISSUED + 2 * DAY)
    log.publish(NOW, witnessed=ISSUED + 2 * DAY)
    return award


def witnessed(at: datetime, operator: datetime | None = NOW) -> Callable[[SmallLog], object]:
    def change(log: SmallLog) -> object:
        award = log.issue()
        log.publish(operator, witnessed=at)
        return award

    return change


def published(at: datetime | None) -> Callable[[SmallLog], object]:
    def change(log: SmallLog) -> object:
        award = log.issue()
        log.publish(at)
        return award

    return change


def good_cases() -> list[Case]:
    """Files that hold together, whatever they say."""
    day = instant(ISSUED + DAY)
    limited = limits(levels=[4, 5])
    kept = {"limits": None}
    return [
        made("plain", lambda _: None),
        made("archive", lambda _: None, max_age=None),
        made("stale", published(NOW - timedelta(hours=1))),
        made("nobody cosigned", published(None)),
        made("nobody cosigned, archived", published(None), max_age=None),
        made("cosigned ahead", published(NOW + timedelta(minutes=2))),
        made("cosigned a little ahead", published(NOW + timedelta(seconds=59))),
        made("asked about a day", changed("revoked"), at=ISSUED + timedelta(hours=1)),
        made("asked about a day beyond", published(ISSUED + DAY), at=NOW - DAY, max_age=None),
        made("asked before it began", lambda _: None, at=ISSUED - DAY),
        *(made(kind, changed(*kind.split())) for kind in ("revoked", "suspended", "suspended reinstated", "replaced")),
        made("twice suspended", changed("suspended", "reinstated", "suspended")),
        made("suspended and revoked", changed("suspended", "revoked")),
        made("suspended then", changed("suspended", "reinstated"), at=ISSUED + 1.5 * DAY),
        made("expired", issued_with(valid_until=day)),
        made("expires later", issued_with(valid_until="2030-01-01T00:00:00Z")),
        made("not yet", issued_with(valid_from="2025-07-01T00:00:00Z")),
        made("key retired after", with_key(retired_at=day)),
        made("key retired at that instant", with_key(retired_at=instant(ISSUED))),
        made("key retired before", with_key(retired_at=instant(ISSUED - DAY))),
        made("key revoked at that instant", with_key(revoked_at=instant(ISSUED))),
        made("key too new", with_key(valid_from=day)),
        made("key stolen", with_key(compromised_at=day)),
        made("key unknown", with_key(key_id="key-9")),
        made("signed anew", reissued()),
        made("signed anew with a retired key", reissued(retired_at=instant(ISSUED))),
        made("signed anew with a stolen key", reissued(compromised_at=day)),
        made("no accreditation", with_accreditations()),
        made("accreditation over", with_accreditations({"valid_until": instant(ISSUED - DAY)})),
        made("accreditation withdrawn between", with_accreditations({"withdrawn_at": instant(ISSUED)})),
        made("within limits", with_accreditations(limited, version=2)),
        made("outside limits", with_accreditations(limits(levels=[6]), version=2)),
        made("unstated field", with_accreditations(limits(fields=["06"]), version=2)),
        made("another kind", with_accreditations(limits(kinds=["degree"]), version=2)),
        made("another country", with_accreditations(limits(country="SE"), version=2)),
        made("of two, one fits", with_accreditations(limits(levels=[6]), kept, version=2)),
        made("limits without a version", with_accreditations(limited)),
        made("a version without limits", with_accreditations({}, version=2)),
        made("anchored", anchored),
        made("stolen before any word", stolen(ISSUED)),
        made("stolen between two words", stolen(ISSUED + timedelta(hours=1))),
        made("stolen lately", stolen(NOW)),
        made("stolen and signed anew", stolen_and_signed_anew),
        made("witnessed", witnessed(NOW)),
        made("witnessed long ago", witnessed(ISSUED + DAY)),
        made("witnessed a day ago", witnessed(NOW - DAY)),
        made("witnessed a day ago, and nobody since", witnessed(NOW - DAY, None)),
        made("witnessed ahead", witnessed(NOW + DAY)),
        made("witnessed, archived", witnessed(NOW - DAY), max_age=None),
        made("witnessed, asked about a day", witnessed(NOW - DAY), max_age=None, at=NOW - timedelta(hours=1)),
        attested_file(),
        made("stacked", stacked()),
        made("in review", stacked("opened")),
        made("reviewed", stacked("opened", "closed")),
        made("form added", history_of(("credential.form_added.v1", {"key_id": "key-1", "commitments": {"elm": HASH}}))),
        made("unknown event", history_of(("credential.framed.v1", {}))),
        made("appealed", history_of(("credential.appealed.v1", {"statement": None}))),
        made("revised edition", edition_with("achievement.revised.v1")),
        made("edition in detail", edition_with("achievement.published.v2", details={"isced_f": "0613", "x": 1.5})),
        made("edition in detail, of version 1", edition_with(details={})),
        made("another edition", edition_with(edition=2)),
        made("another institution's edition", edition_with(institution=str(UUID(int=9)))),
    ]


def policies() -> dict[str, str]:
    """Further lines of a policy, by what they say; those of the log itself come before them."""
    log = SmallLog()
    w1, stranger = f"witness w1 {log.witness.vkey}\n", Cosigner("w2.example", private_key("w2")).vkey
    both = f"{w1}witness w2 {stranger} https://w2.example\n"
    new_log = NoteSigner(log.signer.name, private_key("log anew")).vkey
    then = {
        name: instant(at) for name, at in (("early", ISSUED), ("late", ISSUED + 1.5 * DAY), ("last", NOW + 2 * DAY))
    }
    return {
        "the log alone": "",
        "a witness": w1,
        "a witness by quorum": f"{w1}quorum w1\n",
        "one of two": f"{both}group some any w1 w2\nquorum some\n",
        "both of two": f"{both}group some all w1 w2\nquorum some\n",
        "two of three, one a group": f"{both}witness o {log.operator.vkey}\ngroup us any w1 w2\n"
        "group all 2 us o\nquorum all\n",
        "a witness under another name": f"witness w9 {log.witness.vkey}\n",
        "another witness of that name": f"witness w1 {stranger}\n",
        "another of that name beside it": f"witness w1 {stranger}\nwitness w9 {log.witness.vkey}\n",
        "the operator as a witness": f"witness w1 {log.operator.vkey}\n",
        "a witness that retired early": f"{w1}retired {log.witness.vkey} {then['early']}\nquorum w1\n",
        "a witness that retired late": f"{w1}retired {log.witness.vkey} {then['late']}\n",
        "an operator that retired": f"{w1}retired {log.operator.vkey} {then['late']}\n",
        "the log's key retired early": f"{w1}retired {log.signer.vkey} {then['early']}\n",
        "the log's key retired late": f"{w1}log {new_log}\nretired {log.signer.vkey} {then['late']}\n",
        "the log's key retires soon": f"{w1}retired {log.signer.vkey} {then['last']}\n",
        "the log's key retired, and nobody saw": f"retired {log.signer.vkey} {then['late']}\n",
    }


ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 1.0, 1.5, 2**53 - 1, "", "x", "0", [], {}, [None], {"x": 1}, "0" * 64, "AAAA", "A=",
    "=", "2025-03-03T09:30:00Z", "2025-03-03T09:30:00+00:00", "2025-03-03T09:30:60Z", "2025-03-03t09:30:00z",
    "2025-03-03", "2025-02-30T00:00:00Z", "2025-03-03T24:00:00Z", "2025-03-03T09:30:00.1234567Z", "2025-03-03T09:30:00",
    "0000-01-01T00:00:00Z", "2025-03-03 09:30:00.9999995+0100", "2025-03-03T09:30:00+24:00",
    "9999-12-31T23:59:59Z", str(NORTH), str(NORTH).upper(), NORTH.hex, "v" * 36,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401  any JSON
    """Every place in a JSON value, as the steps that lead there."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def altered(value: Any, path: tuple[Any, ...], rng: random.Random) -> Any:  # noqa: ANN401  any JSON
    """A copy in which one place is another: another value, gone, doubled, swapped, or a little different."""
    whole = copy.deepcopy(value)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    kind = rng.randrange(7)
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[last]))
    elif kind == 2 and isinstance(holder, list):
        rng.shuffle(holder)
    elif kind == 3 and isinstance(holder, dict):
        holder[rng.choice(("x", "version", "limits", "part", str(last).upper()))] = copy.deepcopy(holder[last])
    elif kind in (4, 5):
        holder[last] = nearly(holder[last], rng)
    else:
        holder[last] = copy.deepcopy(rng.choice(ODD_VALUES))
    return whole


def nearly(value: Any, rng: random.Random) -> Any:  # noqa: ANN401  any JSON
    """Almost the same value."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + rng.choice((-1, 1, 16, 2**32))
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice("\nA0+/=— \u00e9") + value[at + rng.randrange(2) :]
    return rng.choice(ODD_VALUES)


def relogged(rng: random.Random) -> Case:
    """A file whose log really holds something odd: an event, a state or a record with another thing in one place."""
    log = SmallLog()
    target = rng.choice(("issue", "edition", "change", "record", "record", "state", "note"))
    award = log.issue()
    if target == "issue":
        body = odd_body(award.issued, rng)
        log.versions[award.id] = 0
        award.indexes[:] = [log.append("credential.issued.v1", award.id, body)]
    elif target == "edition":
        body = {"institution": str(NORTH), "code": "WELD-1", "edition": 1, "recorded_at": instant(ISSUED)}
        log.versions[WELDING] = 0
        log.edition_index = log.append(
            "achievement.published.v1", WELDING, odd_body(body | {"template": template_of(log)}, rng)
        )
    elif target == "change":
        body = {"reason": "other", "effective_at": instant(NOW + DAY), "note": None, "recorded_at": instant(ISSUED)}
        kind = rng.choice(("suspended", "revoked", "reinstated", "review_closed", "reissued", "x"))
        award.indexes.append(log.append(f"credential.{kind}.v1", award.id, odd_body(body, rng)))
    elif target == "record":
        log.records[1] = odd_body(log.records[1], rng)
    if target == "state":
        name = rng.choice(("covered_size", "status_lists", "directory_size"))
        changes: Json = {name: rng.choice((1, 2, 3, len(log.entries) + 1))}
        log.publish(NOW, **changes)
    else:
        log.publish(NOW)
    case = Case(f"odd {target}", log.evidence(award), vkey=log.signer.vkey)
    if target == "note":
        case.file["checkpoint"] = odd_note(log, rng)
    return case


def odd_body(body: Json, rng: random.Random) -> Json:
    """A body with one place altered; sometimes only what follows from a good one."""
    found = altered(body, rng.choice(list(places(body))[1:]), rng)
    assert isinstance(found, dict)
    return found


def odd_note(log: SmallLog, rng: random.Random) -> str:
    """The checkpoint with lines doubled, left out, swapped, renamed, or by others."""
    note = parse_note(log.note)
    lines = [line.line for line in note.signatures]
    stranger = NoteSigner(rng.choice((log.signer.name, "stranger.example")), private_key("stranger"))
    other = Cosigner(rng.choice((log.operator.name, "w.example")), private_key("other"))
    extra = [stranger.sign(note.text), other.cosign(note.text, NOW), log.operator.cosign(note.text, NOW - DAY)]
    extra += [line.replace("test.cairn", "tost.cairn") for line in lines] + lines
    lines += rng.sample(extra, rng.randrange(3))
    rng.shuffle(lines)
    return format_note(note.text, lines[: rng.randrange(1, len(lines) + 1)]).decode()


def flipped(file: Json, rng: random.Random) -> bytes:
    """The file's bytes with one bit flipped."""
    data = bytearray(compact(file))
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)
