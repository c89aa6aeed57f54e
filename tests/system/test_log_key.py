"""The log changes its keys: a real server, real commands; the same origin and tree go on, and old files by the rule."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.cosignature import Cosigner
from anchoring.note import NoteVerifier, parse_note
from tests.system.mirroring import Mirror, log_size
from tests.system.school import Json, evidence, open_school, status, verified
from tests.system.serving import Serving, quick_cairn
from verifier import Policy, Report, merge_policies, parse_evidence, parse_policy, verify_evidence
from verifier.policy import trust_key

WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes([7] * 32)))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Serving, str]]:
    """A served ledger with one award."""
    server = Serving(tmp_path / "data", tmp_path / "home")
    server.start()
    award = open_school(server).issue()["id"]
    evidence(server, award)
    yield server, award
    server.close()


def change(server: Serving, *words: str) -> Json:
    """Stop the server, change the log's keys with the command, check every stored byte, and start the server again."""
    assert server.stop() == 0
    done = quick_cairn(server.home, "log", "key", *words, "--data", server.data, "--json")
    assert done.returncode == 0, done.stderr
    checked = quick_cairn(server.home, "fsck", "--data", server.data, "--json")
    assert json.loads(checked.stdout)["findings"] == []
    server.start()
    answer: Json = json.loads(done.stdout)
    return answer


def vkey(server: Serving) -> str:
    return server.http.get("/log/vkey").text.strip()


def signers(server: Serving) -> set[bytes]:
    """Ids of the keys on the public checkpoint."""
    return {line.key_id for line in parse_note(server.http.get("/log/checkpoint").content).signatures}


def judged(content: bytes, *policies: Policy, archived: bool = False) -> Report:
    policy = policies[0]
    for other in policies[1:]:
        policy = merge_policies(policy, other)
    file = parse_evidence(content)
    return verify_evidence(file, policy, now=datetime.now(UTC), max_age=None if archived else timedelta(minutes=10))


def witnessed(content: bytes, at: datetime) -> bytes:
    """The same file, its checkpoint cosigned by a witness."""
    file = json.loads(content)
    file["checkpoint"] += WITNESS.cosign(parse_note(file["checkpoint"].encode()).text, at)
    return json.dumps(file).encode()


def audit(server: Serving, key: str) -> list[Json]:
    """Audit by a key of the log that is trusted; return the findings."""
    home = server.home / "auditor"
    assert quick_cairn(home, "trust", "add", key).returncode == 0
    done = quick_cairn(home, "audit", server.url, "--json")
    findings: list[Json] = json.loads(done.stdout)["findings"]
    return findings


def test_log_goes_on_with_new_keys_and_old_files_count_only_when_somebody_outside_saw_them(
    kept: tuple[Serving, str],
) -> None:
    server, award = kept
    first, old = vkey(server), evidence(server, award)
    seen = witnessed(old, datetime.now(UTC))
    refused = quick_cairn(server.home, "log", "key", "rotate", "--data", server.data)
    assert refused.returncode == 3
    assert vkey(server) == first

    # Rotated: both sign, so whoever trusts either key goes on; the state commitment names the new operator.
    change(server, "rotate")
    second = vkey(server)
    assert second != first
    assert {NoteVerifier(first).key_id, NoteVerifier(second).key_id} <= signers(server)
    new = evidence(server, award)
    assert json.loads(new)["log"]["vkey"] == second
    for trusted in (first, second):
        assert judged(new, trust_key(Policy(), trusted)).reason == "valid_record"
        assert audit(server, trusted) == []
    assert judged(old, trust_key(Policy(), first), archived=True).reason == "valid_record_as_of"

    # Retired: the new key signs alone; an old file counts if a witness had seen its checkpoint.
    assert quick_cairn(server.home, "log", "key", "retire", "--data", server.data).returncode == 3
    change(server, "retire")
    assert NoteVerifier(first).key_id not in signers(server)
    served = parse_policy(server.http.get("/log/policy").text)
    assert served.retired_at(first) is not None
    witness = trust_key(Policy(), WITNESS.vkey)
    assert judged(old, served, archived=True).reason == "log_retired"
    assert judged(seen, served, archived=True).reason == "log_retired"
    assert judged(seen, served, witness, archived=True).reason == "valid_record_as_of"
    assert judged(evidence(server, award), served).reason == "valid_record"
    assert verified(server, old)["reason"] == "log_retired"
    assert audit(server, second) == []


def test_stolen_log_key_is_replaced_at_once_and_its_date_can_be_moved(kept: tuple[Serving, str]) -> None:
    server, award = kept
    first, old = vkey(server), evidence(server, award)
    now = datetime.now(UTC).replace(microsecond=0)
    seen = witnessed(old, now)
    since = now + timedelta(seconds=1)
    time.sleep(max(0.0, (since - datetime.now(UTC)).total_seconds()))  # nothing is stolen in the future
    change(server, "compromised", "--since", since.strftime("%Y-%m-%dT%H:%M:%S"))
    second = vkey(server)
    assert second != first
    assert NoteVerifier(first).key_id not in signers(server)
    witness = trust_key(Policy(), WITNESS.vkey)
    served = parse_policy(server.http.get("/log/policy").text)
    assert judged(seen, served, witness, archived=True).reason == "valid_record_as_of"
    assert status(server, award)["verdict"] == "valid"
    assert verified(server, evidence(server, award))["verdict"] == "valid"

    change(server, "compromised", "--generation", "1", "--since", now.strftime("%Y-%m-%dT%H:%M:%S"))
    served = parse_policy(server.http.get("/log/policy").text)
    assert served.retired_at(first) == now
    assert judged(seen, served, witness, archived=True).reason == "log_retired"
    assert vkey(server) == second
    listed = quick_cairn(server.home, "log", "key", "list", "--data", server.data)
    assert f"retired {first} {now:%Y-%m-%dT%H:%M:%SZ}" in listed.stdout
    assert parse_policy(listed.stdout).retired_at(first) == now
    assert audit(server, second) == []


def test_mirror_names_the_new_key_when_its_policy_has_both(kept: tuple[Serving, str], tmp_path: Path) -> None:
    server, award = kept
    first = vkey(server)
    change(server, "rotate")
    second = vkey(server)
    policy = tmp_path / "policy"
    policy.write_text(f"log {first}\nlog {second}\n")
    pinned = Mirror(tmp_path / "pinned", tmp_path / "pinned-home", server.url)
    told = Mirror(tmp_path / "told", tmp_path / "told-home", server.url, options=("--policy", str(policy)))
    try:
        for mirror in (pinned, told):
            mirror.start()
            mirror.catch_up(server)
        change(server, "retire")
        size = log_size(server)
        said = told.until(lambda said: said["checkpoint_size"] >= size)
        assert said["following"] == "going"
        assert vkey(told) == second
        assert verified(told, evidence(told, award))["verdict"] == "valid"
        assert vkey(pinned) == second  # the key in use when it was begun
        assert verified(pinned, evidence(pinned, award))["verdict"] == "valid"
    finally:
        pinned.close()
        told.close()


def test_mirror_waits_when_a_key_signs_that_nobody_told_it_and_goes_on_when_it_is_told(
    kept: tuple[Serving, str], tmp_path: Path
) -> None:
    server, award = kept
    first = vkey(server)
    place = (tmp_path / "mirror", tmp_path / "mirror-home", server.url)
    mirror = Mirror(*place)
    try:
        mirror.start()
        mirror.catch_up(server)
        change(server, "compromised", "--since", "2026-01-01")
        said = mirror.until(lambda said: said["following"] == "waiting" and "changed its key" in said["detail"])
        assert said["checkpoint_size"] > 0
        assert mirror.stop() == 0
        policy = tmp_path / "policy"
        policy.write_text(f"log {first}\nlog {vkey(server)}\n")
        mirror.close()
        mirror = Mirror(*place, options=("--policy", str(policy)))
        mirror.start()
        mirror.catch_up(server)
        assert verified(mirror, evidence(mirror, award))["verdict"] == "valid"
    finally:
        mirror.close()
