"""A ledger of several processes: what each role does, who takes over, what a replaced process cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import psycopg
import pytest

from api.cli.terminal import Exit
from ledger.postgres_claim import CLAIM_CLASS
from loadtests.port import free_port
from tests.api.wallet import Offered, ask_token, ed25519_key, read_offer, take
from tests.object_store import FileObjectStore
from tests.postgres import PostgresServer
from tests.system.cluster import Cluster, RoleProcess, make_cluster, until
from tests.system.roles_front import RolesFront
from tests.system.school import SLUG, Caller, claim, evidence, loaded, open_school, status
from tests.system.serving import Serving, cairn, quick_cairn

OWN_PAGE: Final = {"Sec-Fetch-Site": "same-origin"}
ADDING: Final = ("institution", "add", "hillside-college", "--name", "Hillside", "--country", "EE")


@dataclass
class Grown:
    """Two issuers, two sequencers, and who may issue at either issuer."""

    cluster: Cluster
    issuers: list[RoleProcess]
    sequencers: list[RoleProcess]
    schools: list[Caller]

    def active(self) -> RoleProcess:
        """The sequencer that works."""
        found: list[RoleProcess] = []

        def one() -> bool:
            found[:] = [one for one in self.sequencers if "Sequencing." in one.said()]
            return len(found) == 1

        until(one, lambda: str([one.said() for one in self.sequencers]))
        return found[0]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileObjectStore]:
    server = FileObjectStore(tmp_path_factory.mktemp("objects"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, objects: FileObjectStore
) -> Iterator[Grown]:
    cluster = make_cluster(tmp_path_factory.mktemp("cluster"), postgres_server, objects)
    try:
        issuers = [cluster.process("issuer", f"issuer-{number}") for number in (1, 2)]
        sequencers = [cluster.process("sequencer", f"sequencer-{number}") for number in (1, 2)]
        for process in (*issuers, *sequencers):
            process.start()
        school = open_school(issuers[0])
        yield Grown(cluster, issuers, sequencers, [Caller(issuer, school.key) for issuer in issuers])
    finally:
        cluster.close()


def test_award_of_one_issuer_is_answered_by_the_other_and_proved_by_the_log(grown: Grown) -> None:
    first, second = grown.schools
    made = first.issue("Made At The First")["id"]
    until(lambda: second.get(f"/v1/credentials/{made}/status").status_code == 200, lambda: "the second does not see it")
    assert status(second.serving, made)["state"] == "active"
    for issuer in grown.issuers:
        evidence(issuer, made)
    revoked = second.post(f"/v1/credentials/{made}/revocation", {"reason": "other"})
    assert revoked.status_code == 200, revoked.text
    until(lambda: status(first.serving, made)["state"] == "revoked", lambda: "the first does not see the revocation")


def test_one_request_that_is_made_at_both_issuers_is_carried_out_once(grown: Grown) -> None:
    first, second = grown.schools
    for _ in range(5):
        key, body = uuid4().hex, claim("Asked For Twice")
        answers = [school.post("/v1/credentials", body, idempotency=key) for school in (first, second, first)]
        assert [one.status_code for one in answers] == [201, 201, 201]
        assert len({loaded(one)["id"] for one in answers}) == 1
        other = second.post("/v1/credentials", claim("Somebody Else"), idempotency=key)
        assert other.status_code == 422, "the same key for another body"


def test_wallet_takes_an_award_through_the_front_of_two_issuers_and_again_when_one_is_gone(
    grown: Grown, tmp_path: Path
) -> None:
    first, second = grown.schools
    offering = first.post(f"/v1/institutions/{SLUG}/forms", {"forms": ["sd-jwt"]})
    assert offering.is_success, offering.text
    award = second.issue(learner={"name": "Mari Maasikas", "reference": "W-1"})["id"]
    until(lambda: first.get(f"/v1/credentials/{award}/status").status_code == 200, lambda: "the first does not see it")
    made = loaded(second.post("/v1/learner-links", {"reference": "W-1"}))
    ports = [issuer.port for issuer in grown.issuers]
    front = RolesFront(tmp_path / "nginx", ports, [free_port(), free_port()])
    try:
        with httpx.Client(base_url=front.url, timeout=30) as http:
            entered = http.post("/mine/enter", data={"link": made["link"], "lang": "en"}, headers=OWN_PAGE)
            cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0], **OWN_PAGE}

            def offer() -> Offered:
                data = {"award": award, "form": "sd-jwt", "lang": "en"}
                answered = http.post("/mine/wallet", data=data, headers=cookie)
                assert answered.status_code == 200, answered.text
                return read_offer(answered.text)

            for _ in range(3):
                assert take(http, offer(), ed25519_key())
            lost = offer()
            grown.issuers[0].kill()
            try:
                assert ask_token(http, lost).status_code == 400, "the offer went with the issuer that made it"
                assert take(http, offer(), ed25519_key())
            finally:
                grown.issuers[0].start()
    finally:
        front.close()


def test_sequencer_that_waits_takes_over_when_the_other_is_killed(grown: Grown) -> None:
    active = grown.active()
    [waiting] = [one for one in grown.sequencers if one is not active]
    waiting.until_said("Waiting: another sequencer")
    active.kill()
    made = grown.schools[0].issue("After The Takeover")["id"]
    until(lambda: "Sequencing." in waiting.said(), waiting.said)
    for issuer in grown.issuers:
        evidence(issuer, made)
    active.start()
    assert "Waiting" in active.said()


def test_sequencer_that_was_paused_waits_again_when_it_goes_on_and_the_log_is_one(grown: Grown) -> None:
    paused = grown.active()
    [other] = [one for one in grown.sequencers if one is not paused]
    paused.pause()
    try:
        end_session(grown)
        until(lambda: "Sequencing." in other.said(), other.said)
        made = [grown.schools[0].issue(f"While It Is Paused {number}")["id"] for number in range(3)]
        evidence(grown.issuers[1], made[-1])
    finally:
        paused.go_on()
    paused.until_said("Waiting: another sequencer")
    evidence(grown.issuers[0], grown.schools[1].issue("After It Went On")["id"])
    require_audited(grown)


def end_session(grown: Grown) -> None:
    """Have the server end the session of the paused sequencer, as it does when a machine has gone silent."""
    address = grown.cluster.settings["CAIRN_DATABASE"]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype='advisory' AND granted "
            "AND classid=%s AND objid='stored_events'::regclass::oid",
            (CLAIM_CLASS,),
        )


def require_audited(grown: Grown) -> None:
    """Check the whole public log from outside."""
    issuer = grown.issuers[0]
    vkey = issuer.http.get("/log/vkey").text.strip()
    assert quick_cairn(issuer.home, "trust", "add", vkey).returncode == 0
    audited = quick_cairn(issuer.home, "audit", issuer.url)
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_issuers_issue_and_are_ready_while_the_store_of_tiles_is_away(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    store = FileObjectStore(tmp_path / "objects")
    store.start()
    cluster = make_cluster(tmp_path, postgres_server, store)
    try:
        issuer = cluster.process("issuer", "issuer")
        sequencer = cluster.process("sequencer", "sequencer")
        issuer.start()
        sequencer.start()
        school = open_school(issuer)
        evidence(issuer, school.issue("Before")["id"])
        store.kill()
        made = school.issue("While The Store Is Away")["id"]
        assert status(issuer, made)["state"] == "active"
        issuer.until_said("log: StoreUnreachableError")
        assert issuer.http.get("/readyz").status_code == 200
        sequencer.until_said("sequencer: StoreUnreachableError")
        assert sequencer.http.get("/readyz").status_code == 503
        unproved = issuer.http.get(f"/v1/credentials/{made}/evidence")
        assert unproved.status_code == 503, unproved.text
        store.start()
        until(lambda: issuer.http.get(f"/v1/credentials/{made}/evidence").status_code == 200, lambda: "not published")
    finally:
        cluster.close()
        store.close()


def test_verification_node_knows_no_database_and_answers_when_everything_else_is_dead(
    tmp_path: Path, postgres_server: PostgresServer, objects: FileObjectStore
) -> None:
    cluster = make_cluster(tmp_path, postgres_server, objects)
    try:
        issuer, sequencer = cluster.process("issuer", "issuer"), cluster.process("sequencer", "sequencer")
        issuer.start()
        sequencer.start()
        made = open_school(issuer).issue("Seen By The Node")["id"]
        evidence(issuer, made)
        node = cluster.verifier("node", issuer.url)
        node.start()
        until(lambda: node.http.get(f"/v1/credentials/{made}/status").status_code == 200, lambda: "not seen")
        assert not any("DATABASE" in name for name in node.settings)
        for process in (issuer, sequencer):
            process.kill()
        assert status(node, made)["state"] == "active"
        node.kill()
        node.start()
        assert status(node, made)["state"] == "active"
        refused = node.http.post("/v1/credentials", json={})
        assert refused.status_code == 421
    finally:
        cluster.close()


def test_nodes_follow_the_issuers_through_nginx_and_pass_lists_on_when_no_issuer_answers(
    tmp_path: Path, postgres_server: PostgresServer, objects: FileObjectStore
) -> None:
    cluster = make_cluster(tmp_path, postgres_server, objects)
    issuers = [cluster.process("issuer", f"issuer-{number}") for number in (1, 2)]
    nodes = [cluster.verifier(f"node-{number}", "") for number in (1, 2)]
    front = RolesFront(tmp_path / "nginx", [one.port for one in issuers], [one.port for one in nodes])
    try:
        for process in (*issuers, cluster.process("sequencer", "sequencer")):
            process.start()
        school = Caller(issuers[1], open_school(issuers[0]).key)
        made = school.issue("Followed Through nginx")["id"]
        evidence(issuers[1], made)
        for node in nodes:
            node.settings["CAIRN_FOLLOW_URL"] = front.followed_url
            node.start()
        issuers[0].kill()
        assert school.post(f"/v1/credentials/{made}/revocation", {"reason": "other"}).status_code == 200
        signed = httpx.get(f"{front.url}/status-lists/0", timeout=30)
        assert signed.status_code == 200, "the issuer that is left has it at once"
        for node in nodes:
            until(partial(passes_on, node, signed.content), lambda: "a node does not follow the issuer that is left")
        issuers[1].kill()
        copied = httpx.get(f"{front.url}/status-lists/0", timeout=30)
        assert (copied.status_code, copied.content) == (200, signed.content)
    finally:
        front.close()
        cluster.close()


def passes_on(node: RoleProcess, status_list: bytes) -> bool:
    return node.http.get("/status-lists/0").content == status_list


def test_shared_ledger_is_checked_backed_up_and_restored(
    grown: Grown, postgres_server: PostgresServer, objects: FileObjectStore, tmp_path: Path
) -> None:
    issuer, school = grown.issuers[0], grown.schools[0]
    before = school.issue("Before The Backup")["id"]
    evidence(issuer, before)
    settings = grown.cluster.settings
    checked = quick_cairn(tmp_path, "fsck", "--data", issuer.data, "--json", settings=settings)
    assert (checked.returncode, json.loads(checked.stdout)["findings"]) == (0, []), checked.stderr
    assert json.loads(checked.stdout)["entries"] > 0
    made = quick_cairn(tmp_path, "backup", "--data", issuer.data, "--to", tmp_path / "backup", settings=settings)
    assert made.returncode == 0, made.stderr
    after = school.issue("After The Backup")["id"]
    evidence(issuer, after)
    other = make_cluster(tmp_path, postgres_server, objects)
    other.settings["CAIRN_KEK_DIR"] = settings["CAIRN_KEK_DIR"]
    try:
        place = ("--from", tmp_path / "backup", "--data", tmp_path / "one", "--log", issuer.url)
        for words in (("restore", *place), ("log", "share", "--data", tmp_path / "one")):
            done = cairn(tmp_path, *words, settings=other.settings)
            assert done.returncode == 0, done.stderr
        restored, sequencer = other.process("issuer", "one"), other.process("sequencer", "two")
        restored.start()
        sequencer.start()
        for award in (before, after, Caller(restored, school.key).issue("In The Restored One")["id"]):
            assert status(restored, award)["state"] == "active"
            evidence(restored, award)
    finally:
        other.close()


def test_projector_keeps_the_views_of_two_issuers_and_they_project_when_it_hangs_or_dies(
    tmp_path: Path, postgres_server: PostgresServer, objects: FileObjectStore
) -> None:
    cluster = make_cluster(tmp_path, postgres_server, objects)
    try:
        projector = cluster.process("projector", "shared")
        issuers = [cluster.process("issuer", "shared") for _ in range(2)]
        for process in (projector, *issuers):
            process.start()
        assert "Projecting." in projector.said()
        school = open_school(issuers[0])
        made = school.issue("Projected Elsewhere")["id"]
        for issuer in issuers:
            assert status(issuer, made)["state"] == "active"
        # Paused in the middle of writing a view, it would keep the issuers from that too.
        until(issuers[0].has_caught_up, lambda: "the projector is behind")
        projector.pause()
        revoked = school.post(f"/v1/credentials/{made}/revocation", {"reason": "other"})
        assert revoked.status_code == 200
        until(lambda: {status(one, made)["state"] for one in issuers} == {"revoked"}, lambda: "the views stand still")
        late = school.post("/v1/credentials", claim("Not Projected"))
        assert late.status_code == 201
        projector.go_on()
        projector.kill()
        until(lambda: status_code(issuers[1], loaded(late)["id"]) == 200, lambda: "nobody projects")
        assert status(issuers[1], school.issue("Projected Here")["id"])["state"] == "active"
    finally:
        cluster.close()


def status_code(serving: RoleProcess, public_id: str) -> int:
    return serving.http.get(f"/v1/credentials/{public_id}/status").status_code


def test_ledger_of_one_process_on_postgresql_becomes_one_of_several(
    tmp_path: Path, postgres_server: PostgresServer, objects: FileObjectStore
) -> None:
    cluster = make_cluster(tmp_path, postgres_server, objects)
    alone = Serving(tmp_path / "one", tmp_path / "home", {"CAIRN_DATABASE": cluster.settings["CAIRN_DATABASE"]})
    alone.settings |= {name: cluster.settings[name] for name in ("CAIRN_BASE_URL", "CAIRN_KEK_DIR")}
    try:
        alone.start()
        school = open_school(alone)
        made = school.issue("Made When It Was One")["id"]
        before = evidence(alone, made)
        alone.stop()
        shared = quick_cairn(tmp_path, "log", "share", "--data", alone.data, settings=cluster.settings)
        assert shared.returncode == 0, shared.stderr
        issuer, sequencer = cluster.process("issuer", "one"), cluster.process("sequencer", "other")
        issuer.start()
        sequencer.start()
        evidence(issuer, Caller(issuer, school.key).issue("Made When It Was Several")["id"])
        assert before
        assert status(issuer, made)["state"] == "active"
        evidence(issuer, made)
        back = quick_cairn(tmp_path, "anchor", "--data", alone.data, settings=alone.settings)
        assert back.returncode != 0, "it must not go on alone"
    finally:
        alone.close()
        cluster.close()


@pytest.mark.parametrize("role", ["issuer", "sequencer", "projector"])
def test_role_says_what_to_set_when_it_lacks_a_database_or_a_store_of_tiles(role: str, tmp_path: Path) -> None:
    done = quick_cairn(tmp_path, "serve", "--role", role, "--data", tmp_path / "data")
    assert done.returncode == Exit.USAGE
    assert "set CAIRN_DATABASE and CAIRN_TILES" in done.stderr


def test_verifier_says_what_to_set_when_it_has_nothing_to_follow(tmp_path: Path) -> None:
    done = quick_cairn(tmp_path, "serve", "--role", "verifier", "--data", tmp_path / "data")
    assert (done.returncode, "CAIRN_FOLLOW_URL" in done.stderr) == (Exit.USAGE, True)


def test_process_with_another_address_is_refused_and_one_without_takes_that_of_the_ledger(
    grown: Grown, tmp_path: Path
) -> None:
    settings = grown.cluster.settings | {"CAIRN_BASE_URL": "https://elsewhere.example.edu"}
    done = quick_cairn(tmp_path, *ADDING, "--data", tmp_path / "wrong", settings=settings)
    assert done.returncode != 0
    assert "CAIRN_BASE_URL is https://elsewhere.example.edu" in done.stderr
    del settings["CAIRN_BASE_URL"]
    done = quick_cairn(tmp_path, *ADDING, "--data", tmp_path / "right", settings=settings)
    assert done.returncode == 0, done.stderr
    assert '"https://ledger.example.edu"' in (tmp_path / "right" / "identity.json").read_text("utf-8")


def test_ledger_that_has_begun_in_one_process_says_how_its_log_is_shared(tmp_path: Path, grown: Grown) -> None:
    done = quick_cairn(tmp_path, *ADDING, "--data", tmp_path / "one", settings={})
    assert done.returncode == 0, done.stderr
    done = quick_cairn(tmp_path, "institution", "list", "--data", tmp_path / "one", settings=grown.cluster.settings)
    assert "cairn log share" in done.stderr
