"""Mirrors: real processes that follow a real ledger, agree with it, survive being killed, and are not taken in."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.checkpoint import verify_checkpoint
from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner, NoteVerifier, parse_note
from api import example
from tests.system.front import Front, Mode
from tests.system.mirroring import PATIENCE_SECONDS, Mirror, log_size
from tests.system.school import CODE, SLUG, Caller, Json, claim, evidence, open_school
from tests.system.serving import Serving, cairn, quick_cairn

AWARDS: Final = 300
"""More than the 256 entries of one tile."""
SETTLED_SECONDS: Final = 1.2
LOOKS: Final = 5
HTML: Final = {"Accept": "text/html"}
PASSING: Final = {"checked_at", "at", "freshness", "not_here", "replaced_by"}
"""Members of a status that name the instant of asking, and those that only one of the two has."""


class Followed:
    """A ledger with a history, a front before it, and a mirror behind that."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = Serving(directory / "ledger", directory / "home", {"CAIRN_HEARTBEAT_SECONDS": "1"})
        self.ledger.start()
        self.school = open_school(self.ledger)
        self.awards = issue(self.school, AWARDS)
        self.front = Front(self.ledger.url)
        self.mirrors: list[Mirror] = []

    def mirror(self, name: str, settings: dict[str, str] | None = None, upstream: str | None = None) -> Mirror:
        """Make a mirror; it is not started."""
        made = Mirror(self.directory / name, self.directory / f"{name}-home", upstream or self.front.url, settings)
        self.mirrors.append(made)
        return made

    def close(self) -> None:
        for mirror in self.mirrors:
            mirror.close()
        self.front.close()
        self.ledger.close()


def issue(school: Caller, count: int) -> list[str]:
    """Make awards and wait until they are in the published log."""
    answered = school.post("/v1/credentials", {"credentials": [claim(f"Learner {n}") for n in range(count)]})
    assert answered.status_code == httpx.codes.CREATED, answered.text
    ids = [award["id"] for award in answered.json()["credentials"]]
    evidence(school.serving, ids[-1])
    return ids


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """One ledger for the tests that leave it whole."""
    made = Followed(tmp_path_factory.mktemp("followed"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def steady(followed: Followed) -> Mirror:
    """One mirror that follows it without trouble, after awards were changed in every way."""
    school, ids = followed.school, followed.awards
    assert school.post(f"/v1/credentials/{ids[0]}/revocation", {"reason": "incorrect_data"}).is_success
    assert school.post(f"/v1/credentials/{ids[1]}/suspension", {"reason": "under_review"}).is_success
    replaced = {"reason": "incorrect_data", "credential": claim("Somebody Else")}
    assert school.post(f"/v1/credentials/{ids[2]}/replacement", replaced).is_success
    for changed in ids[:3]:
        evidence(followed.ledger, changed)
    mirror = followed.mirror("steady", upstream=followed.ledger.url)
    mirror.start()
    mirror.catch_up(followed.ledger)
    return mirror


@pytest.fixture
def front(followed: Followed) -> Iterator[Front]:
    """The front, passing everything on before and after."""
    followed.front.asked.clear()
    yield followed.front
    followed.front.mode, followed.front.change = "pass", lambda _, body: body


def expect_clean_audit(followed: Followed, mirror: Mirror) -> None:
    """Audit a mirror, as anyone could who does not know that it is one."""
    done = quick_cairn(followed.directory / "auditor", "audit", mirror.url, "--json")
    assert done.returncode == 0, (done.stderr, done.stdout, mirror.following())
    assert json.loads(done.stdout)["findings"] == []


def both(
    followed: Followed, mirror: Mirror, path: str, params: dict[str, str] | None = None
) -> tuple[httpx.Response, httpx.Response]:
    """Ask the ledger and the mirror the same."""
    return followed.ledger.http.get(path, params=params), mirror.http.get(path, params=params)


def settled(value: Json) -> Json:
    return {name: member for name, member in value.items() if name not in PASSING}


@pytest.mark.parametrize(
    "query", [{}, {"at": "2026-02-01"}, {"known_at": "2026-02-01T00:00:00Z"}, {"at": "2099-01-01"}]
)
def test_mirror_gives_the_same_status_as_the_ledger(followed: Followed, steady: Mirror, query: dict[str, str]) -> None:
    for public_id in (*followed.awards[:5], "0" * 36, "nonsense"):
        ours, theirs = both(followed, steady, f"/v1/credentials/{public_id}/status", params=query)
        assert theirs.status_code == ours.status_code
        if ours.is_success:
            assert settled(theirs.json()) == settled(ours.json())
            assert theirs.json()["freshness"]["following"] == "going"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/institutions",
        f"/institutions/{SLUG}",
        f"/institutions/{SLUG}/did.json",
        f"/institutions/{SLUG}/achievements/{CODE}/1",
        "/v1/achievements",
        f"/v1/achievements?institution={SLUG}&limit=1",
        f"/v1/institutions/{SLUG}",
        f"/v1/agreements?institution={SLUG}",
        "/v1/audit/statuses?limit=1000",
        "/v1/anchors",
        "/status-lists/0",
        "/status-lists/1",
        "/status-lists/2",
        "/log/vkey",
        "/institutions/nobody",
    ],
)
def test_mirror_gives_the_same_bytes_as_the_ledger(followed: Followed, steady: Mirror, path: str) -> None:
    steady.catch_up(followed.ledger)
    ours, theirs = both(followed, steady, path)
    assert (theirs.status_code, theirs.headers["content-type"]) == (ours.status_code, ours.headers["content-type"])
    if ours.is_success:
        assert theirs.content == ours.content


def test_mirror_serves_every_tile_of_the_ledger(followed: Followed, steady: Mirror) -> None:
    size = steady.catch_up(followed.ledger)
    paths = ["tile/0/000", "tile/entries/000", f"tile/0/001.p/{size - 256}", f"tile/entries/001.p/{size - 256}"]
    for path in (*paths, "tile/1/000.p/1"):
        ours, theirs = both(followed, steady, f"/log/{path}")
        assert ours.status_code == theirs.status_code == httpx.codes.OK, path
        assert ours.content == theirs.content
    assert steady.http.get("/log/tile/0/009").status_code == httpx.codes.NOT_FOUND


def test_mirror_gives_evidence_and_reports_that_agree(followed: Followed, steady: Mirror) -> None:
    for public_id in followed.awards[:4]:
        ours, theirs = (one.json() for one in both(followed, steady, f"/v1/credentials/{public_id}/evidence"))
        assert theirs["checkpoint"].split("\n\n")[0] == ours["checkpoint"].split("\n\n")[0]
        assert {**theirs, "checkpoint": ""} == {**ours, "checkpoint": ""}
        proofs = [one.text for one in both(followed, steady, f"/v1/credentials/{public_id}/tlog-proof")]
        assert proofs[0].split("\n\n")[:2] == proofs[1].split("\n\n")[:2]
        bundle = followed.school.bundle(public_id)
        reports = [
            server.http.post("/v1/verify", content=bundle, headers={"Content-Type": "application/json"}).json()
            for server in (followed.ledger, steady)
        ]
        judged = [[(check["code"], check["state"]) for check in report["checks"]] for report in reports]
        assert judged[0] == judged[1]
        assert (
            reports[0]["verdict"]
            == reports[1]["verdict"]
            == ("valid" if public_id == followed.awards[3] else "invalid")
        )


def test_mirror_judges_a_batch_as_the_ledger_does(followed: Followed, steady: Mirror) -> None:
    lines = [f'"{public_id}"' for public_id in (*followed.awards[:5], "0" * 36)]
    lines += [followed.ledger.http.get(f"/v1/credentials/{followed.awards[3]}/evidence").text, "{"]
    headers = {"Content-Type": "application/x-ndjson"}
    ours, theirs = (
        [
            json.loads(line)
            for line in server.http.post("/v1/verify/batch", content="\n".join(lines), headers=headers).iter_lines()
        ]
        for server in (followed.ledger, steady)
    )
    assert theirs[-1] == ours[-1] == {"end": "complete", "answered": len(lines)}
    for one, other in zip(ours[:-1], theirs[:-1], strict=True):
        assert one.keys() == other.keys()
        assert one["line"] == other["line"]
        if "report" in one:
            assert one["report"]["verdict"] == other["report"]["verdict"]
            assert one["report"]["reason"] == other["report"]["reason"]
        else:
            assert one["problem"]["title"] == other["problem"]["title"]


def test_mirror_tells_statuses_by_prefix_as_the_ledger_does(followed: Followed, steady: Mirror) -> None:
    ours, theirs = both(followed, steady, "/v1/status-prefixes/all")
    assert theirs.json()["awards"] == ours.json()["awards"]
    assert {state for _, state, _ in theirs.json()["awards"].values()} >= {"active", "revoked", "suspended", "replaced"}
    assert theirs.json()["freshness"]["following"] == "going"
    assert ("etag" in ours.headers, "etag" in theirs.headers) == (True, False)
    ours, theirs = both(followed, steady, "/v1/status-prefixes")
    assert theirs.json() == ours.json()


def test_mirror_says_how_old_its_answers_are_on_every_answer(followed: Followed, steady: Mirror) -> None:
    for path in ("/v1/institutions", f"/v1/credentials/{followed.awards[3]}/status", "/log/checkpoint", "/"):
        headers = steady.http.get(path).headers
        assert int(headers["age"]) <= 600
        assert int(headers["cairn-log-size"]) == log_size(steady)
        assert headers["cairn-log-time"].endswith("Z")
        assert headers["cairn-following"] == "going"
    for language, words in (("en", "This node follows"), ("ru", "Этот узел следует")):
        page = steady.http.get(f"/verify/{followed.awards[3]}?lang={language}", headers=HTML)
        assert page.status_code == httpx.codes.OK
        assert words in page.text
        assert followed.ledger.url in page.text


def test_mirror_gives_the_same_answer_by_the_shortcut_as_the_ordinary_way(followed: Followed, steady: Mirror) -> None:
    time.sleep(SETTLED_SECONDS)  # within the second of a record about issuer or award there is no quick answer
    [public_id] = issue(followed.school, 1)
    steady.catch_up(followed.ledger)
    time.sleep(SETTLED_SECONDS)
    path, took_shortcut = f"/v1/credentials/{public_id}/status", []
    for _ in range(20):
        quick, ordinary = steady.http.get(path), steady.http.get(path, headers={"X-Odd": "1"})
        for one, other in ((quick, ordinary), (ordinary, quick)):
            assert one.status_code == httpx.codes.OK
            assert set(one.headers) == set(other.headers)
            assert settled(one.json()) == settled(other.json())
            assert set(one.json()["freshness"]) == set(other.json()["freshness"])
            assert one.json()["freshness"]["age_seconds"] == int(one.headers["age"])
            assert int(one.headers["cairn-log-size"]) == one.json()["freshness"]["checkpoint_size"]
        for name in set(quick.headers) - {"age", "date", "cairn-log-time", "x-request-id", "ratelimit"}:
            assert quick.headers[name] == ordinary.headers[name], name
        # The two ways write their header fields in another order, which nobody minds, and which tells them apart.
        took_shortcut.append(list(quick.headers) != list(ordinary.headers))
    assert sum(took_shortcut) > 10


def test_mirror_names_the_ledger_when_it_cannot_answer_itself(followed: Followed, steady: Mirror) -> None:
    school = followed.school
    asked = [
        ("POST", "/v1/credentials"),
        ("POST", "/v1/institutions"),
        ("GET", f"/v1/credentials/{followed.awards[3]}/bundle"),
    ]
    asked += [("DELETE", f"/v1/credentials/{followed.awards[3]}/suspension")]
    for method, path in asked:
        answered = steady.http.request(method, path, headers={"Authorization": f"Bearer {school.key}"})
        assert answered.status_code == httpx.codes.MISDIRECTED_REQUEST, path
        assert answered.json()["ledger"] == followed.ledger.url
    replaced = steady.http.get(f"/v1/credentials/{followed.awards[2]}/status").json()
    assert replaced["state"] == "replaced"
    assert followed.ledger.url in replaced["not_here"]["replaced_by"]


def test_mirror_says_of_a_recognition_what_the_ledger_says(followed: Followed, steady: Mirror) -> None:
    made = followed.school.post("/v1/recognitions", example.RECOGNITION)
    assert made.status_code == httpx.codes.CREATED, made.text
    place = f"/v1/recognitions/{made.json()['recognition']}"
    assert followed.school.post(f"{place}/appeals", example.APPEAL).status_code == httpx.codes.CREATED
    issue(followed.school, 1)  # which waits until the log has it
    steady.catch_up(followed.ledger)
    ours, theirs = both(followed, steady, place)
    assert ours.json()["under_appeal"]
    assert theirs.content == ours.content
    refused = steady.http.get(f"{place}/details")
    assert refused.status_code == httpx.codes.MISDIRECTED_REQUEST


def test_mirror_shows_a_pathway_as_the_ledger_does(followed: Followed, steady: Mirror) -> None:
    made = followed.school.post(f"/v1/institutions/{SLUG}/pathways", {**example.PATHWAY, "achievement": CODE})
    assert made.status_code == httpx.codes.CREATED, made.text
    issue(followed.school, 1)
    steady.catch_up(followed.ledger)
    for version in ("", "/1"):
        ours, theirs = both(followed, steady, f"/v1/pathways/{SLUG}/{made.json()['code']}{version}")
        assert (ours.status_code, theirs.content) == (httpx.codes.OK, ours.content)


def test_mirror_never_calls_a_bare_document_valid_without_its_salt(followed: Followed, steady: Mirror) -> None:
    document = json.loads(followed.school.bundle(followed.awards[3]))["document"]
    assert steady.http.post("/v1/verify", json=document).json()["verdict"] == "unknown"
    stolen = {**document, "id": f"{followed.ledger.url}/verify/{'0' * 36}"}
    assert steady.http.post("/v1/verify", json=stolen).json()["verdict"] != "valid"


def test_mirror_of_a_mirror_agrees_and_both_pass_an_audit(followed: Followed, steady: Mirror) -> None:
    second = followed.mirror("second", upstream=steady.url)
    second.start()
    second.catch_up(followed.ledger)
    assert second.http.get("/v1/ledger").json()["base_url"] == followed.ledger.url
    path = f"/v1/credentials/{followed.awards[0]}/status"
    assert settled(second.http.get(path).json()) == settled(followed.ledger.http.get(path).json())
    assert second.http.get("/status-lists/0").content == followed.ledger.http.get("/status-lists/0").content
    for mirror in (steady, second):
        expect_clean_audit(followed, mirror)
    assert second.stop() == 0


def test_mirror_goes_on_after_kills_without_fetching_again(followed: Followed, front: Front) -> None:
    mirror = followed.mirror("killed")
    mirror.start()
    fetched = set[str]()
    for count in (100, 1, 200, 50, 300):
        issue(followed.school, count)
        mirror.kill()
        kept = {
            f"/{path.relative_to(mirror.data)}" for path in (mirror.data / "log" / "tile").rglob("*") if path.is_file()
        }
        front.asked.clear()
        mirror.begin()
        mirror.catch_up(followed.ledger)
        bundles = {path for path in front.asked if "/entries/" in path}
        assert not bundles & kept, "a bundle that lay there was fetched again"
        fetched |= bundles
    assert fetched, "it always had everything before it was killed"
    expect_clean_audit(followed, mirror)
    mirror.kill()


@pytest.mark.parametrize("asked", [4, 6, 9])
def test_mirror_is_whole_when_it_was_killed_in_the_middle_of_copying(
    followed: Followed, front: Front, asked: int
) -> None:
    mirror = followed.mirror(f"halfway-{asked}")
    mirror.begin()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(front.asked) < asked and time.monotonic() < deadline:
        time.sleep(0.001)
    mirror.kill()
    mirror.start()
    mirror.catch_up(followed.ledger)
    expect_clean_audit(followed, mirror)
    mirror.kill()


def test_mirror_takes_nothing_when_an_entry_is_changed_on_the_way(followed: Followed, front: Front) -> None:
    mirror = followed.mirror("tampered")
    mirror.start()
    before = mirror.catch_up(followed.ledger)
    front.change = lambda path, body: body.replace(b'"valid_from"', b'"valid_frog"') if "entries" in path else body
    new = issue(followed.school, 3)
    said = mirror.until(lambda said: said["following"] == "waiting")
    assert "do not fit its signature" in said["detail"]
    assert said["checkpoint_size"] == before
    assert mirror.http.get(f"/v1/credentials/{new[0]}/status").status_code == httpx.codes.NOT_FOUND
    front.change = lambda _, body: body
    mirror.catch_up(followed.ledger)
    assert mirror.http.get(f"/v1/credentials/{new[0]}/status").json()["verdict"] == "valid"
    mirror.kill()


@pytest.mark.parametrize("mode", ["down", "redirect", "cut", "endless"])
def test_mirror_serves_on_when_its_upstream_misbehaves(followed: Followed, front: Front, mode: Mode) -> None:
    mirror = followed.mirror(f"mode-{mode}")
    mirror.start()
    mirror.catch_up(followed.ledger)
    front.mode = mode
    said = mirror.until(lambda said: said["following"] == "waiting")
    assert front.url in said["detail"]
    assert mirror.http.get(f"/v1/credentials/{followed.awards[3]}/status").json()["verdict"] == "valid"
    front.mode = "pass"
    mirror.until(lambda said: said["following"] == "going")
    assert mirror.stop() == 0


def test_mirror_calls_nothing_valid_when_what_it_has_is_too_old(followed: Followed, front: Front) -> None:
    mirror = followed.mirror("old", {"CAIRN_FOLLOW_MAX_AGE_SECONDS": "5"})
    mirror.start()
    mirror.catch_up(followed.ledger)
    front.mode = "stall"
    mirror.until(lambda said: said["is_too_old"])
    path = f"/v1/credentials/{followed.awards[3]}/status"
    assert mirror.http.get(path).json()["verdict"] == "unknown"
    assert mirror.http.get(f"/v1/credentials/{followed.awards[0]}/status").json()["verdict"] == "invalid"
    bundle = followed.school.bundle(followed.awards[3])
    judged = mirror.http.post("/v1/verify", content=bundle, headers={"Content-Type": "application/json"}).json()
    assert judged["verdict"] == "unknown"
    assert mirror.http.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert mirror.http.get("/status-lists/0").status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "nothing of the present" in mirror.http.get("/", headers=HTML).text
    mirror.kill()


def test_mirror_takes_no_list_that_its_institution_did_not_sign(followed: Followed, front: Front) -> None:
    front.change = lambda path, body: (
        body.replace(b'"validFrom":"2', b'"validFrom":"1') if "status-lists" in path else body
    )
    mirror = followed.mirror("lists")
    mirror.begin()
    said = mirror.until(lambda said: said["following"] == "waiting" and said["checkpoint_size"])
    assert "status list 0" in said["detail"]
    assert mirror.http.get("/status-lists/0").status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert mirror.http.get(f"/v1/credentials/{followed.awards[3]}/status").json()["verdict"] == "valid"
    mirror.kill()


def test_mirror_looks_as_often_as_ever_when_only_a_status_list_does_not_fit_the_log(
    followed: Followed, front: Front
) -> None:
    front.change = lambda path, body: b"{}" if "status-lists" in path else body
    mirror = followed.mirror("behind", {"CAIRN_FOLLOW_POLL_SECONDS": "0.1"})
    mirror.begin()
    mirror.until(lambda _: looks(front) >= LOOKS)
    made = issue(followed.school, 1)[0]
    began, before = time.monotonic(), looks(front)
    mirror.until(lambda _: looks(front) >= before + LOOKS)
    assert time.monotonic() - began < LOOKS * 6.0, "the pause grows"  # to six seconds and more each by then
    assert mirror.http.get(f"/v1/credentials/{made}/status").status_code == httpx.codes.OK
    assert "status list 0" in mirror.until(lambda said: said["following"] == "waiting")["detail"]
    front.change = lambda _, body: body
    mirror.catch_up(followed.ledger)
    mirror.kill()


def looks(front: Front) -> int:
    return front.asked.count("/log/checkpoint")


def follow_once(followed: Followed, place: Path, policy: str) -> tuple[int, str, str]:
    """Follow once under a policy; return exit code, output and messages."""
    place.mkdir()
    (place / "policy").write_text(policy)
    words: list[str | Path] = [
        "follow",
        followed.ledger.url,
        "--once",
        "--data",
        place / "data",
        "--policy",
        place / "policy",
    ]
    done = cairn(place, *words)
    return done.returncode, done.stdout, done.stderr


def test_follow_believes_the_policys_keys_alone_when_it_has_some(followed: Followed, tmp_path: Path) -> None:
    vkey = followed.ledger.http.get("/log/vkey").text.strip()
    code, output, said = follow_once(followed, tmp_path / "trusted", f"log {vkey}\n")
    assert code == 0, said
    assert json.loads(output)["mirror"]["key_from"] == "policy"
    assert "first use" not in said
    stranger = NoteSigner(NoteVerifier(vkey).name, Ed25519PrivateKey.generate()).vkey
    code, _, said = follow_once(followed, tmp_path / "stranger", f"log {stranger}\n")
    assert code == 2
    assert "not signed by the key that is believed" in said
    witness = Cosigner("witness.example", Ed25519PrivateKey.generate()).vkey
    policy = f"log {vkey}\nwitness w {witness}\nquorum w\n"
    code, output, said = follow_once(followed, tmp_path / "witnessed", policy)
    assert code == 2
    assert "lacks witnesses" in said
    assert json.loads(output)["mirror"]["checkpoint_size"] is None


def test_follow_refuses_the_directory_of_a_ledger(followed: Followed, tmp_path: Path) -> None:
    done = cairn(tmp_path, "follow", followed.ledger.url, "--once", "--data", followed.ledger.data)
    assert done.returncode == 3
    assert "directory of a ledger" in done.stderr


@pytest.fixture
def forked(tmp_path: Path) -> Iterator[tuple[Followed, Serving, Mirror]]:
    """A ledger, an old copy of it that went another way under the same key, and a mirror that saw the first."""
    made = Followed(tmp_path)
    assert made.ledger.stop() == 0
    shutil.copytree(made.ledger.data, tmp_path / "copy")
    shutil.copytree(f"{made.ledger.data}.keys", tmp_path / "copy.keys")
    made.ledger.start()
    copy = Serving(tmp_path / "copy", tmp_path / "copy-home", {"CAIRN_HEARTBEAT_SECONDS": "1"})
    copy.start()
    issue(made.school, 2)
    mirror = made.mirror("mirror")
    mirror.start()
    mirror.catch_up(made.ledger)
    yield made, copy, mirror
    copy.close()
    made.close()


@pytest.mark.parametrize(
    "awards",
    [
        pytest.param(1, id="smaller", marks=pytest.mark.soak),
        pytest.param(2, id="same size"),
        pytest.param(40, id="larger", marks=pytest.mark.soak),
    ],
)
def test_mirror_stops_and_keeps_the_proof_when_the_log_forked(
    forked: tuple[Followed, Serving, Mirror], awards: int
) -> None:
    made, copy, mirror = forked
    issue(Caller(copy, made.school.key), awards)
    made.front.target = copy.url
    said = mirror.until(lambda said: said["following"] == "stopped")
    assert "signed two histories" in said["detail"]
    proof = mirror.data / "forks" / "1"
    key = NoteVerifier(made.ledger.http.get("/log/vkey").text.strip())
    heads = [verify_checkpoint(parse_note((proof / name).read_bytes()), key) for name in ("seen.note", "shown.note")]
    seen, shown = (head.size for head in heads)
    assert heads[0] != heads[1]
    assert (shown > seen) - (shown < seen) == {1: -1, 2: 0, 40: 1}[awards]
    assert "signed two histories" in (proof / "README.txt").read_text()
    assert (proof / "proof").exists() == (heads[0].size != heads[1].size)
    _expect_stopped(made, mirror)
    assert mirror.stop() == 1
    mirror.begin()
    mirror.until(lambda said: said["following"] == "stopped" and said["checkpoint_size"])
    _expect_stopped(made, mirror)
    assert len(list((mirror.data / "forks").iterdir())) == 1
    assert mirror.stop() == 1


def _expect_stopped(made: Followed, mirror: Mirror) -> None:
    """What was verified is served on, and every answer says that following has ended."""
    answered = mirror.http.get(f"/v1/credentials/{made.awards[0]}/status")
    assert (answered.json()["state"], answered.headers["cairn-following"]) == ("active", "stopped")
    ready = mirror.http.get("/readyz")
    assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "fork" in [check["name"] for check in ready.json()["checks"] if not check["ok"]]
    assert "cairn_mirror_misbehaviour 1.0" in mirror.http.get("/metrics").text
    assert "stopped following" in mirror.http.get("/", headers=HTML).text


def test_mirror_never_lacks_a_status_list_while_the_log_grows(followed: Followed, steady: Mirror) -> None:
    answers: list[int] = []
    for public_id in followed.awards[100:104]:
        path = f"/v1/credentials/{public_id}/revocation"
        assert followed.school.post(path, {"reason": "incorrect_data"}).is_success
        evidence(followed.ledger, public_id)
        size = log_size(followed.ledger)
        while int((listed := steady.http.get("/status-lists/0")).headers["cairn-log-size"]) < size:
            answers.append(listed.status_code)
        answers.append(listed.status_code)
    assert set(answers) == {httpx.codes.OK}
