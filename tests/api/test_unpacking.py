"""Diplomas unpacked over the real application: each part checked alone, online and offline, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest

from anchoring.entry import parse_entry
from api.anchor_setup import own_policy
from ledger.credential_id import credential_aggregate_id
from tests.api.diploma import DIPLOMA, PARTIAL, PROGRAMME, award, draft, publish_programme, unpack
from tests.api.served import CODE, SLUG, Served, open_school, serving
from verifier import Policy, Report, Verdict, parse_bundle, parse_evidence, verify_bundle, verify_evidence

MODULES: Final = 3
ALL: Final = (1, 2, 3)
PART_TOPIC: Final = "credential.parted.v1"


@pytest.fixture(scope="module")
def school(served: Served, school_key: str) -> str:
    """The bearer key of a school with a programme."""
    publish_programme(served, school_key, SLUG, modules=MODULES)
    return school_key


@pytest.fixture
def diploma(served: Served, school: str) -> str:
    return award(served, school, learner={"name": "Mari Maasikas", "reference": "S-2026-7"})


@pytest.fixture
def parts(served: Served, school: str, diploma: str) -> list[str]:
    """The public ids of an unpacked diploma's parts."""
    answered = unpack(served, school, diploma, *ALL)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    return [part["id"] for part in answered.json()["parts"]]


def bundle(served: Served, key: str, part: str) -> bytes:
    answered = served.http.get(f"/v1/credentials/{part}/bundle", headers={"Authorization": f"Bearer {key}"})
    assert answered.status_code == httpx.codes.OK, answered.text
    return answered.content


def policy(served: Served) -> Policy:
    return own_policy(served.node.parts, served.node.log.keys)


def judge(served: Served, content: bytes) -> Report:
    """Judge a bundle as `cairn verify` does: by the file and a policy alone."""
    return verify_bundle(parse_bundle(content), policy(served), now=datetime.now(UTC), max_age=None)


def state(served: Served, part: str) -> str:
    answer: str = served.http.get(f"/v1/credentials/{part}/status").json()["state"]
    return answer


def check(report: dict[str, Any], code: str) -> tuple[str, str]:
    [found] = [one for one in report["checks"] if one["code"] == code]
    return found["state"], found["reason"]


# ── programmes ────────────────────────────────────────────────────────────────────────────────────────────────


def test_programme_is_read_with_its_modules_described_when_published(served: Served, school: str) -> None:
    assert school
    newest = served.http.get(f"/v1/programmes/{SLUG}/{PROGRAMME}").json()
    assert newest == served.http.get(f"/v1/programmes/{SLUG}/{PROGRAMME}/{newest['edition']}").json()
    first = newest["modules"][0]
    assert (first["code"], first["achievement"], first["edition"], first["credits_centi"]) == ("M1", "MOD-1", 1, 600)
    described = first["template"]
    assert described["title"] == "Title of MOD-1"
    assert described["outcomes"][0]["skill_uri"].startswith("http://data.europa.eu/esco/skill/")
    for name in ("assessment", "participation", "quality_assurance", "eqf_level", "workload_minutes"):
        assert described[name]
    listed = served.http.get(f"/v1/programmes/{SLUG}").json()["programmes"]
    assert [one["code"] for one in listed] == [PROGRAMME]


@pytest.mark.parametrize("path", [f"/v1/programmes/{SLUG}/NONE", f"/v1/programmes/{SLUG}/{PROGRAMME}/99"])
def test_programme_is_not_found_when_there_is_none(served: Served, school: str, path: str) -> None:
    assert school
    assert served.http.get(path).status_code == httpx.codes.NOT_FOUND


def test_programme_refusal_points_into_the_body_when_a_module_does_not_fit(served: Served, school: str) -> None:
    body: dict[str, Any] = {"code": "OTHER", "programme": draft(MODULES)}
    body["programme"]["modules"][1]["achievement"] = "NONE"
    answered = served.write("POST", f"/v1/institutions/{SLUG}/programmes", body, school)
    assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answered.json()["errors"][0]["pointer"] == "#/programme/modules/1/achievement"


# ── one part, alone ───────────────────────────────────────────────────────────────────────────────────────────


def test_part_is_valid_alone_when_its_bundle_is_shown(served: Served, school: str, parts: list[str]) -> None:
    for number, part in enumerate(parts, 1):
        content = bundle(served, school, part)
        report = judge(served, content)
        assert report.verdict is Verdict.VALID, report.sentence
        assert report.facts["achievement"]["code"] == f"MOD-{number}"  # type: ignore[index,call-overload]  # facts are any JSON
        assert report.facts["origin"]["programme"] == PROGRAMME  # type: ignore[index,call-overload]  # as above
        assert not any(other.encode() in content for other in parts if other != part)
        online = served.verify(content).json()
        assert (online["verdict"], online["mode"]) == ("valid", "live")
        assert check(online, "genuine.origin") == ("passed", "origin_agrees")


def test_part_is_found_by_its_id_on_its_node_when_asked_for(served: Served, parts: list[str]) -> None:
    for path in ("status", "evidence", "tlog-proof"):
        answered = served.http.get(f"/v1/credentials/{parts[0]}/{path}")
        assert answered.status_code == httpx.codes.OK, answered.text
    status = served.http.get(f"/v1/credentials/{parts[0]}/status").json()
    assert (status["verdict"], status["state"], status["achievement"]["code"]) == ("valid", "active", "MOD-1")
    assert served.http.get(f"/verify/{parts[0]}").status_code == httpx.codes.OK
    evidence = served.http.get(f"/v1/credentials/{parts[0]}/evidence").content
    report = verify_evidence(parse_evidence(evidence), policy(served), now=datetime.now(UTC), max_age=None)
    assert report.verdict is Verdict.VALID


def test_bare_document_of_a_part_is_valid_when_its_node_has_what_opens_it(
    served: Served, school: str, parts: list[str]
) -> None:
    document = json.dumps(json.loads(bundle(served, school, parts[0]))["document"]).encode()
    assert served.verify(document).json()["verdict"] == "valid"


def test_part_says_no_more_than_another_award_when_its_id_is_not_known(served: Served, parts: list[str]) -> None:
    unknown = parts[0][:-8] + "00000000"
    for path in ("status", "evidence"):
        told = [served.http.get(f"/v1/credentials/{one}/{path}") for one in (unknown, "0" * 36)]
        assert [one.status_code for one in told] == [httpx.codes.NOT_FOUND] * 2
        first, second = ({**one.json(), "instance": ""} for one in told)
        assert first == second


def test_bundle_of_a_part_is_for_its_institution_alone(served: Served, parts: list[str]) -> None:
    assert served.http.get(f"/v1/credentials/{parts[0]}/bundle").status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.parametrize("word", ["revocation", "suspension"])
def test_other_parts_stay_valid_when_one_ends(served: Served, school: str, parts: list[str], word: str) -> None:
    shown = [bundle(served, school, part) for part in parts]
    answered = served.write("POST", f"/v1/credentials/{parts[1]}/{word}", {"reason": "other"}, school)
    assert answered.status_code == httpx.codes.OK, answered.text
    verdicts = [served.verify(content).json()["verdict"] for content in shown]
    assert verdicts == ["valid", "invalid", "valid"]
    anew = [judge(served, bundle(served, school, part)).verdict for part in parts]
    assert anew == [Verdict.VALID, Verdict.INVALID, Verdict.VALID]


def test_part_is_valid_again_when_its_suspension_ends(served: Served, school: str, parts: list[str]) -> None:
    place = f"/v1/credentials/{parts[0]}/suspension"
    assert served.write("POST", place, {"reason": "under_review"}, school).json()["state"] == "suspended"
    assert served.write("DELETE", place, {}, school).json()["state"] == "active"
    content = bundle(served, school, parts[0])
    assert judge(served, content).verdict is Verdict.VALID
    topics = [parse_entry(one.entry).topic for one in parse_bundle(content).evidence.entries]  # type: ignore[union-attr]  # it has
    assert topics == [
        "unpacking.made.v1",
        PART_TOPIC,
        "credential.suspended.v1",
        "credential.reinstated.v1",
        "programme.published.v1",
        "achievement.published.v1",
    ]


def test_status_lists_of_w3c_say_the_same_when_a_part_is_suspended(
    served: Served, school: str, diploma: str, parts: list[str]
) -> None:
    """Somebody who knows nothing of this ledger reads four entries of a part's document, and each bit alone."""
    from openvc.status.bitstring import decode_bitstring  # noqa: PLC0415  used here alone

    document = json.loads(bundle(served, school, parts[0]))["document"]

    def bits() -> list[int]:
        found = []
        for entry in document["credentialStatus"]:
            path = entry["statusListCredential"].removeprefix("http://ledger.test")
            encoded = served.http.get(path).json()["credentialSubject"]["encodedList"]
            index = int(entry["statusListIndex"])
            found.append(decode_bitstring(encoded)[index >> 3] >> (7 - (index & 7)) & 1)
        return found

    assert bits() == [0, 0, 0, 0]
    served.write("POST", f"/v1/credentials/{parts[0]}/suspension", {"reason": "other"}, school)
    assert bits() == [0, 1, 0, 0]
    served.write("POST", f"/v1/credentials/{diploma}/suspension", {"reason": "other"}, school)
    assert bits() == [0, 1, 0, 1]


# ── the diploma ───────────────────────────────────────────────────────────────────────────────────────────────


def test_parts_do_not_hold_when_the_diploma_is_withdrawn_and_hold_again_with_it(
    served: Served, school: str, diploma: str, parts: list[str]
) -> None:
    shown = bundle(served, school, parts[0])
    served.write("POST", f"/v1/credentials/{parts[1]}/suspension", {"reason": "other"}, school)
    served.write("POST", f"/v1/credentials/{diploma}/suspension", {"reason": "under_review"}, school)
    assert [state(served, part) for part in parts] == ["suspended"] * 3
    told = served.verify(shown).json()
    assert (told["verdict"], told["reason"]) == ("invalid", "suspended")
    assert "no longer holds" in told["sentence"]["en"]
    served.write("DELETE", f"/v1/credentials/{diploma}/suspension", {}, school)
    assert [state(served, part) for part in parts] == ["active", "suspended", "active"]
    assert [judge(served, bundle(served, school, part)).verdict for part in parts] == [
        Verdict.VALID,
        Verdict.INVALID,
        Verdict.VALID,
    ]


def test_diploma_is_refused_when_it_is_unpacked_twice(served: Served, school: str, diploma: str) -> None:
    assert unpack(served, school, diploma, *ALL).status_code == httpx.codes.CREATED
    again = unpack(served, school, diploma, *ALL)
    assert again.status_code == httpx.codes.CONFLICT
    assert "unpacked before" in again.json()["detail"]


def test_partial_diploma_is_unpacked_to_what_was_completed(served: Served, school: str) -> None:
    left = award(served, school, PARTIAL)
    assert unpack(served, school, award(served, school), 2).status_code == httpx.codes.CONFLICT
    [part] = unpack(served, school, left, 2).json()["parts"]
    assert judge(served, bundle(served, school, part["id"])).verdict is Verdict.VALID


def test_legacy_award_is_unpacked_when_it_was_entered_with_its_evidence(served: Served, school: str) -> None:
    """What was awarded on paper is entered as of its day; what shows it is in the document, and so committed to."""
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    paper = {
        "name": "Diploma AB 123456, registered 30 June 1998",
        "genre": "Scan",
        "description": f"SHA-256 of the scan: {digest}. Seen and compared with the register by the registry.",
    }
    made = served.issue(school, achievement=DIPLOMA, awarded_on="1998-06-30", evidence=[paper])
    completed = [{"module": f"M{n}", "completed_on": f"199{n + 3}-06-15", "grade": "4"} for n in ALL]
    body = {"diploma": made["id"], "programme": PROGRAMME, "completed": completed}
    answered = served.write("POST", "/v1/unpackings", body, school)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    document = answered.json()["parts"][0]["bundle"]["document"]
    assert document["validFrom"] == "1994-06-15T00:00:00Z"
    assert digest in json.dumps(made["bundle"]["document"])
    assert digest not in json.dumps(answered.json())
    log = b"".join(event.state for event in served.node.ledger.read(0, 100_000))
    assert digest.encode() not in log


def test_unpacking_refusal_points_to_the_module_when_it_does_not_fit(served: Served, school: str) -> None:
    answered = unpack(served, school, award(served, school, PARTIAL), 1, 9)
    assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answered.json()["errors"][0]["pointer"] == "#/completed/1/module"


# ── what was erased, and who has no vault ─────────────────────────────────────────────────────────────────────


def test_bundle_of_a_part_still_verifies_when_its_learner_was_erased(served: Served, school: str) -> None:
    diploma = award(served, school, learner={"name": "Jaan Tamm", "reference": "S-ERASED"})
    one, two = (part["id"] for part in unpack(served, school, diploma, *ALL).json()["parts"][:2])
    shown = [bundle(served, school, part) for part in (one, two)]
    served.write("POST", f"/v1/credentials/{two}/revocation", {"reason": "other"}, school)
    erased = served.node.parts.erasing.erase_holder(public_id=one, actor=_operator())
    assert erased.answer["erasure"]
    for part in (one, two):
        assert served.http.get(f"/v1/credentials/{part}/status").status_code == httpx.codes.NOT_FOUND
    # What the holder has opens the part by itself: the answer is as fresh as before, and knows of the revocation.
    told = [served.verify(content).json() for content in shown]
    assert [(one["verdict"], one["mode"]) for one in told] == [("valid", "live"), ("invalid", "live")]
    document = json.dumps(json.loads(shown[0])["document"]).encode()
    bare = served.verify(document).json()
    assert bare["verdict"] == "unknown"
    assert check(bare, "genuine.recorded") == ("unknown", "part_unopened")


def _operator() -> Any:  # noqa: ANN401  an actor
    from tests.api.served import OPERATOR  # noqa: PLC0415  used here alone

    return OPERATOR


# ── the log, and a log of one's own ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A served ledger that nothing else happens in."""
    with serving(tmp_path_factory.mktemp("alone") / "data") as one:
        yield one, open_school(one)


def test_log_shows_no_link_when_a_diploma_is_unpacked(alone: tuple[Served, str]) -> None:
    served, key = alone
    publish_programme(served, key, SLUG)
    diploma = award(served, key)
    before = served.node.ledger.newest()
    answered = unpack(served, key, diploma, *ALL).json()
    new = served.node.ledger.read(before, 100)
    assert [event.topic for event in new] == ["unpacking.made.v1", "submission.accepted.v1"]
    beside = b"".join(str(event.originator_id).encode() + event.state for event in new)
    for identity in (diploma, *(part["id"] for part in answered["parts"])):
        aggregate = credential_aggregate_id(identity)
        for spelling in (identity, str(aggregate), aggregate.hex):
            assert spelling.encode() not in beside
    for part in answered["parts"]:
        assert part["bundle"]["salt"].encode() not in beside
    served.write("POST", f"/v1/credentials/{answered['parts'][0]['id']}/revocation", {"reason": "other"}, key)
    later = served.node.ledger.read(new[-1].id, 100)
    assert [event.topic for event in later][:2] == [PART_TOPIC, "credential.revoked.v1"]
    told = b"".join(str(event.originator_id).encode() + event.state for event in later)
    assert answered["unpacking"].encode() not in told


# ── credits are spent once ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def pathway(served: Served, school: str) -> str:
    """A pathway of two modules, or the diploma, into the school's own micro-credential."""
    rules = {
        "format": "cairn/pathway/v1",
        "unit": {"kind": "ects"},
        "rule": {"rule": "minimum", "id": "total", "credits": 1_000},
        "cascade": {"on_loss": "suspend", "deadline_days": 0, "appeal_days": 0},
    }
    body = {"code": "STACK", "achievement": CODE, "rules": rules}
    answered = served.write("POST", f"/v1/institutions/{SLUG}/pathways", body, school)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    return "STACK"


def stack(served: Served, key: str, *awards: str) -> httpx.Response:
    learner = {"name": "Mari Maasikas", "reference": "S-2026-7"}
    body = {"pathway": "STACK", "learner": learner, "awards": [{"award": one} for one in awards]}
    return served.write("POST", "/v1/stackings", body, key)


def test_parts_are_stacked_each_once(served: Served, school: str, pathway: str, parts: list[str]) -> None:
    assert pathway
    made = stack(served, school, *parts[:2])
    assert made.status_code == httpx.codes.CREATED, made.text
    again = stack(served, school, *parts[:2])
    assert again.status_code != httpx.codes.CREATED
    with_one_fresh = stack(served, school, *parts[1:])
    assert with_one_fresh.status_code != httpx.codes.CREATED


def test_stack_of_parts_is_checked_offline_by_what_opens_each(
    served: Served, school: str, pathway: str, diploma: str, parts: list[str]
) -> None:
    assert pathway
    made = stack(served, school, *parts[:2]).json()["id"]
    content = bundle(served, school, made)
    shown = json.loads(content)["stack"]["components"]
    assert [len(one["part"]["proof"]) for one in shown] == [6, 6]
    report = judge(served, content)
    assert report.verdict is Verdict.VALID, report.sentence
    served.write("POST", f"/v1/credentials/{diploma}/suspension", {"reason": "other"}, school)
    lost_now = verify_bundle(parse_bundle(bundle(served, school, made)), policy(served), now=datetime.now(UTC))
    assert lost_now.check("stack.components").reason == "component_lost"
    lost = served.verify(content).json()
    assert lost["verdict"] != "valid"
    assert check(lost, "stack.components")[1] == "component_lost"


def test_whole_is_refused_in_a_stack_when_it_was_unpacked(
    served: Served, school: str, pathway: str, diploma: str, parts: list[str]
) -> None:
    assert pathway
    for awards in ([diploma], [diploma, parts[0]], [parts[0], diploma]):
        refused = stack(served, school, *awards)
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY, refused.text
        assert "present those in its place" in refused.json()["detail"]


def test_whole_is_refused_to_be_unpacked_when_it_was_stacked(
    served: Served, school: str, pathway: str, diploma: str
) -> None:
    assert pathway
    made = stack(served, school, diploma)
    assert made.status_code == httpx.codes.CREATED, made.text
    refused = unpack(served, school, diploma, *ALL)
    assert refused.status_code == httpx.codes.CONFLICT
    assert "stacked into another" in refused.json()["detail"]


def test_one_wins_when_a_diploma_is_unpacked_and_stacked_at_once(
    served: Served, school: str, pathway: str, diploma: str
) -> None:
    assert pathway
    acts = (lambda: unpack(served, school, diploma, *ALL), lambda: stack(served, school, diploma))
    with ThreadPoolExecutor(2) as pool:
        codes = [future.result().status_code for future in [pool.submit(act) for act in acts]]
    assert codes.count(httpx.codes.CREATED) == 1, codes


def test_stack_is_lost_with_the_diploma_that_its_parts_come_from(
    served: Served, school: str, pathway: str, diploma: str, parts: list[str]
) -> None:
    assert pathway
    made = stack(served, school, *parts[:2]).json()["id"]
    served.write("POST", f"/v1/credentials/{diploma}/revocation", {"reason": "academic_misconduct"}, school)
    assert state(served, parts[0]) == "suspended"
    served.node.parts.cascade.run(_operator())
    topics = [event.topic for event in served.node.ledger.store.select_events(credential_aggregate_id(made))]
    assert "credential.suspended.v1" in topics
