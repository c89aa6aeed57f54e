"""A stolen key on a served ledger with a real time-stamp authority: what stands, what does not, and signing anew."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.checkpoint import Checkpoint
from anchoring.note import NoteVerifier
from anchoring.tlog_policy import parse_log_key
from anchoring.witness import Witness
from anchoring.witness_store import SqliteWitnessStore
from api.access_log import make_log
from api.audit.auditor import Auditor, AuditOrder, TrustedLog
from api.audit.progress_file import ProgressFile
from api.audit.source import LogPlace
from api.ledger_node import system_clock
from api.witness_app import make_witness_app
from ledger.document import document_form, sign_document
from loadtests.port import free_port
from tests.anchoring.tsa import make_authority, openssl_responder
from tests.anchoring.tsa import served as time_stamping
from tests.anchoring.witness_world import KEYS
from tests.api.served import OPERATOR, SLUG, Served, open_school, serving
from verifier import parse_policy
from verifier.bundle import parse_bundle
from verifier.evidence import parse_evidence
from verifier.verify import verify_bundle, verify_evidence

KEY: Final = f"/v1/institutions/{SLUG}/keys/key-1"
SECOND: Final = timedelta(seconds=1)
PATIENCE_SECONDS: Final = 60.0
Judged = tuple[str, str]


@pytest.fixture
def stamped(tmp_path: Path) -> Iterator[Served]:
    """A ledger whose checkpoints `openssl ts` stamps, a moment after each is published."""
    authority = make_authority("time of the test", datetime.now(UTC))
    pem = tmp_path / "tsa-chain.pem"
    pem.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (authority.certificate, authority.root)))
    tsa = tmp_path / "tsa"
    tsa.mkdir()
    with time_stamping(openssl_responder(authority, tsa)) as post:
        url = f"http://127.0.0.1:{post.args[0]}/"  # type: ignore[attr-defined]  # a partial over the port
        settings = {"tsa_urls": (url,), "tsa_certificates": (pem,), "anchor_interval_seconds": 1}
        with serving(tmp_path / "data", **settings) as ledger:
            yield ledger


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[Served]:
    """A ledger whose checkpoints a cosigning witness sees, a moment after each is published."""
    with serving(tmp_path / "data", demonstration=True, anchor_interval_seconds=1) as ledger:
        yield ledger


@pytest.fixture
def cosigned(tmp_path: Path) -> Iterator[Served]:
    """A ledger that a C2SP witness of another university cosigns over HTTP, and nobody else sees."""
    store = SqliteWitnessStore(tmp_path / "witness.db")
    store.keep_keys(KEYS)
    keys = KEYS.cosigners()
    vkeys = [key.vkey for key in keys]
    app = make_witness_app(Witness(keys, store, system_clock), KEYS.name, vkeys, make_log(io.StringIO(), system_clock))
    policy, port = tmp_path / "witnesses.policy", free_port()
    lines = [f"witness {name} {vkey} http://127.0.0.1:{port}" for name, vkey in zip(("w", "pq"), vkeys, strict=True)]
    policy.write_text("\n".join([*lines, "group both all w pq", "quorum both", ""]))
    with serving(tmp_path / "data") as ledger:
        store.trust(parse_log_key(ledger.node.log.keys.log.vkey))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    with serving(tmp_path / "data", witness_policy=policy, anchor_interval_seconds=1) as ledger:
        yield ledger
    server.should_exit = True
    thread.join()
    store.close()


def until(ready: Callable[[], bool]) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def see(ledger: Served) -> datetime:
    """Wait until outsiders have seen everything that is recorded; return a whole second that is later."""
    newest = ledger.node.ledger.newest()

    def seen() -> bool:
        index = ledger.node.published.index_of(newest)
        return index is not None and any(anchor.size > index for anchor in ledger.node.published.anchors())

    until(seen)
    last = max(anchor.proof.at for anchor in ledger.node.published.anchors())
    until(lambda: datetime.now(UTC) > last + SECOND)
    return datetime.now(UTC).replace(microsecond=0)


def bundle_of(ledger: Served, key: str, public_id: str) -> bytes:
    """The holder's bundle."""
    return ledger.http.get(f"/v1/credentials/{public_id}/bundle", headers={"Authorization": f"Bearer {key}"}).content


def judged(ledger: Served, public_id: str, bundle: bytes | None = None) -> Judged:
    """Judge an award thrice, by its served status, its evidence and its holder's bundle; all three have to agree."""
    policy = parse_policy(ledger.http.get("/log/policy").text)
    evidence = parse_evidence(ledger.http.get(f"/v1/credentials/{public_id}/evidence").content)
    now = datetime.now(UTC)
    record = verify_evidence(evidence, policy, now=now)
    status = ledger.http.get(f"/v1/credentials/{public_id}/status").json()
    assert status["verdict"] == record.verdict.value
    if bundle is not None:
        report = verify_bundle(parse_bundle(bundle), policy, now=now, evidence=evidence)
        assert report.verdict is record.verdict
    return record.verdict.value, record.reason


def known_then(ledger: Served, public_id: str, known_at: datetime) -> str:
    """The verdict as the ledger would have given it."""
    query = {"known_at": msgspec.to_builtins(known_at)}
    return str(ledger.http.get(f"/v1/credentials/{public_id}/status", params=query).json()["verdict"])


def declare(ledger: Served, key: str, at: datetime) -> datetime:
    """Declare key-1 stolen; return an instant after the ledger learned it."""
    answered = ledger.write("POST", f"{KEY}/compromise", {"compromised_at": msgspec.to_builtins(at)}, key)
    assert answered.status_code == 200, answered.text
    return ledger.node.ledger.now()


def declarations(ledger: Served) -> int:
    """How many times the log says that a key was stolen."""
    return sum(event.topic == "institution.key_compromised.v1" for event in ledger.node.ledger.read(0, 10_000))


def rotate(ledger: Served, key: str) -> None:
    """Bring key-2 into force."""
    assert ledger.write("POST", f"/v1/institutions/{SLUG}/keys", {}, key).status_code == 201


def reissue(ledger: Served, key: str, **body: object) -> dict[str, Any]:
    """Have the stolen key's awards signed anew."""
    answered = ledger.write("POST", f"{KEY}/reissue", body, key)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


class NoMemory:
    """An auditor who was never here before."""

    def recall(self, vkey: str) -> Checkpoint | None:
        """Nothing."""

    def remember(self, vkey: str, checkpoint: Checkpoint) -> None:
        """Not at all."""


def audit(ledger: Served) -> list[object]:
    """Everything that an auditor finds, once all is published."""
    newest = ledger.node.ledger.newest()

    def is_published() -> bool:
        index = ledger.node.published.index_of(newest)
        return index is not None and index < ledger.node.published.snapshot().checkpoint.size

    until(is_published)

    def fetch(path: str) -> bytes | None:
        answered = ledger.http.get(path)
        return answered.content if answered.status_code == 200 else None

    data = ledger.node.settings.data_dir
    order = AuditOrder(
        place=LogPlace(str(data / "log")),
        answers=fetch,
        log=TrustedLog(NoteVerifier(ledger.http.get("/log/vkey").text.strip()), "the test"),
        memory=NoMemory(),
        progress_file=ProgressFile(data / "audit.state"),
        workers=1,
    )
    return list(Auditor(order, lambda *_: None).run().findings)


@dataclass(frozen=True)
class Theft:
    """Awards before and after a key was stolen, all logged and seen by the authority in the end."""

    ledger: Served
    key: str
    before: str
    after: str
    stolen_at: datetime
    seen_all: datetime


def steal(ledger: Served) -> Theft:
    """One award that outsiders see, and then, once the key is stolen, another."""
    key = open_school(ledger)
    before = ledger.issue(key)["id"]
    stolen_at = see(ledger)
    after = ledger.issue(key)["id"]
    return Theft(ledger, key, before, after, stolen_at, see(ledger))


def test_award_stands_only_when_an_authority_saw_it_before_the_key_was_stolen(stamped: Served) -> None:
    theft = steal(stamped)
    old = {public_id: bundle_of(stamped, theft.key, public_id) for public_id in (theft.before, theft.after)}
    known_before = stamped.node.ledger.now()
    until(lambda: stamped.node.ledger.now() > known_before)
    signer = stamped.node.parts.keys.signing_key(
        stamped.node.ledger.institution(SLUG).id, "key-1", f"{stamped.node.ledger.institution(SLUG).did}#key-1"
    )
    assert judged(stamped, theft.after, old[theft.after]) == ("valid", "valid_record")

    # Logged, but seen by outsiders only after the date: unknown. Seen before: stands. An event each time.
    first = declare(stamped, theft.key, theft.stolen_at)
    assert judged(stamped, theft.before, old[theft.before]) == ("valid", "valid_record")
    assert judged(stamped, theft.after, old[theft.after]) == ("unknown", "key_compromised")

    # Never logged: failed, whatever date the thief wrote.
    forged = msgspec.json.decode(old[theft.before])["document"]
    del forged["proof"]
    forged["id"] = forged["id"][:-36] + "06almlq1o0sb9piish6qfshn1mf2c3h72dig"
    forged["name"] = "Doctor of Everything"
    signed = document_form(sign_document(forged, signer, stamped.node.ledger.now() - timedelta(days=1)))
    until(lambda: stamped.verify(signed).json()["reason"] == "signed_outside")
    assert stamped.verify(signed).json()["verdict"] == "invalid"

    # The date is moved back, and then past everything: each view as the ledger knew it is still there.
    until(lambda: stamped.node.ledger.now() > first)
    second = declare(stamped, theft.key, theft.stolen_at - timedelta(days=1))
    assert judged(stamped, theft.before, old[theft.before]) == ("unknown", "key_compromised")
    until(lambda: stamped.node.ledger.now() > second)
    third = declare(stamped, theft.key, theft.seen_all)
    assert judged(stamped, theft.before) == judged(stamped, theft.after) == ("valid", "valid_record")
    assert declarations(stamped) == 3
    views = [
        [known_then(stamped, public_id, then) for public_id in (theft.before, theft.after)]
        for then in (known_before, first, second, third)
    ]
    assert views == [["valid", "valid"], ["valid", "unknown"], ["unknown", "unknown"], ["valid", "valid"]]
    rotate(stamped, theft.key)  # until then nothing of the institution's can be signed, its status lists neither
    assert audit(stamped) == []


def test_award_stands_when_a_witness_saw_it_before_the_key_was_stolen(witnessed: Served) -> None:
    theft = steal(witnessed)
    declare(witnessed, theft.key, theft.stolen_at)
    assert judged(witnessed, theft.before) == ("valid", "valid_record")
    assert judged(witnessed, theft.after) == ("unknown", "key_compromised")


def test_award_stands_when_a_witness_elsewhere_cosigned_it_before_the_key_was_stolen(cosigned: Served) -> None:
    theft = steal(cosigned)
    declare(cosigned, theft.key, theft.stolen_at)
    assert judged(cosigned, theft.before) == ("valid", "valid_record")
    assert judged(cosigned, theft.after) == ("unknown", "key_compromised")
    # A verifier that trusts the witness by one of its keys alone, under a name of its own, finds the same.
    now = datetime.now(UTC)
    log = cosigned.http.get("/log/vkey").text.strip()
    for key in KEYS.cosigners():
        for name in ("ours", KEYS.name):
            policy = parse_policy(f"log {log}\nwitness {name} {key.vkey}\n")
            verdicts = {
                public_id: verify_evidence(
                    parse_evidence(cosigned.http.get(f"/v1/credentials/{public_id}/evidence").content), policy, now=now
                ).verdict.value
                for public_id in (theft.before, theft.after)
            }
            assert verdicts == {theft.before: "valid", theft.after: "unknown"}
    rotate(cosigned, theft.key)
    done = reissue(cosigned, theft.key)
    assert done["credentials"] == [theft.after]
    assert audit(cosigned) == []


def test_reissue_signs_anew_exactly_what_nobody_saw_in_time(stamped: Served) -> None:
    theft = steal(stamped)
    ledger, key = stamped, theft.key
    erased, revoked, suspended = (
        ledger.issue(key, learner=one)["id"] for one in ({"name": "E", "reference": "E"}, {"name": "R"}, {"name": "S"})
    )
    old = {public_id: bundle_of(ledger, key, public_id) for public_id in (theft.before, theft.after)}
    ledger.node.parts.erasing.erase_learner(slug=SLUG, reference="E", actor=OPERATOR)
    assert ledger.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, key).is_success
    assert ledger.write("POST", f"/v1/credentials/{suspended}/suspension", {"reason": "under_review"}, key).is_success
    assert ledger.write("POST", f"{KEY}/reissue", {}, key).status_code == 409  # never declared stolen
    declare(ledger, key, theft.stolen_at)
    assert ledger.write("POST", f"{KEY}/reissue", {}, key).status_code == 409  # no key in force
    rotate(ledger, key)
    known_before = ledger.node.ledger.now()
    until(lambda: ledger.node.ledger.now() > known_before)

    trial = reissue(ledger, key, dry_run=True)
    assert (trial["credentials"], trial["erased"]) == ([theft.after, suspended], 1)
    assert judged(ledger, theft.after) == ("unknown", "key_compromised")
    done = reissue(ledger, key)
    assert (done["credentials"], done["erased"], done["signed_with"], done["more"]) == (
        [theft.after, suspended],
        1,
        "key-2",
        False,
    )
    again = reissue(ledger, key)
    assert (again["credentials"], again["erased"]) == ([], 1)

    assert judged(ledger, theft.after, bundle_of(ledger, key, theft.after)) == ("valid", "valid_record")
    assert judged(ledger, theft.before, old[theft.before]) == ("valid", "valid_record")
    assert judged(ledger, erased) == ("unknown", "key_compromised")
    assert judged(ledger, revoked)[0] == "invalid"
    assert judged(ledger, suspended) == ("invalid", "suspended")
    assert known_then(ledger, theft.after, known_before) == "unknown"
    superseded = ledger.verify(old[theft.after], at=msgspec.to_builtins(datetime.now(UTC))).json()
    assert (superseded["verdict"], superseded["reason"]) == ("unknown", "signed_anew")
    events = ledger.http.get(f"/v1/credentials/{theft.after}/status").json()["events"]
    assert [event["kind"] for event in events] == ["issued", "reissued"]
    assert ledger.http.get(f"/verify/{theft.after}").status_code == 200
    assert audit(ledger) == []


def test_old_document_stands_again_when_the_date_is_moved_past_what_an_authority_saw(stamped: Served) -> None:
    theft = steal(stamped)
    old = bundle_of(stamped, theft.key, theft.after)
    declare(stamped, theft.key, theft.stolen_at)
    rotate(stamped, theft.key)
    reissue(stamped, theft.key)
    new = bundle_of(stamped, theft.key, theft.after)
    declare(stamped, theft.key, theft.seen_all)
    assert judged(stamped, theft.after, old) == judged(stamped, theft.after, new) == ("valid", "valid_record")
    # The second key is stolen as well, from its first day on: the first signature still stands, and so the award does.
    key_2 = f"/v1/institutions/{SLUG}/keys/key-2/compromise"
    assert stamped.write("POST", key_2, {"compromised_at": msgspec.to_builtins(theft.seen_all)}, theft.key).is_success
    assert judged(stamped, theft.after, old) == ("valid", "valid_record")
    assert stamped.verify(new, at=msgspec.to_builtins(datetime.now(UTC))).json()["reason"] == "key_compromised"
