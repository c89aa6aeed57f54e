"""Links that learners hold, and what they ask for: kept as digests, sealed, ended, and gone with the learner."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

import pytest

from ledger.access import Actor
from ledger.error import ErasedError, ForbiddenError, InvalidInputError, NotFoundError, RuleError
from ledger.learner_link import LINK, MAX_DAYS, MAX_SHARES, LearnerLink, LearnerLinks, MadeLink
from ledger.learner_request import MAX_NOTE_CHARS, MAX_OPEN, AskedFor, LearnerRequests
from tests.ledger.world import OPERATOR, SLUG, World, claim

LEARNER = Actor(name="link", role="operator")


@pytest.fixture
def links(world: World) -> LearnerLinks:
    return LearnerLinks(world.ledger, world.vault)


@pytest.fixture
def requests(world: World) -> LearnerRequests:
    return LearnerRequests(world.ledger, world.vault, world.erasing)


@pytest.fixture
def award(world: World) -> str:
    [public_id] = world.issue(claim(reference="S-1"))
    return public_id


@pytest.fixture
def page(links: LearnerLinks, award: str) -> MadeLink:
    return links.make(slug=SLUG, reference=None, credential=award, days=30, actor=OPERATOR)


def share(links: LearnerLinks, page: LearnerLink, award: str, days: int = 7) -> MadeLink:
    return links.share(page, awards=[award], documents=False, label="For «S»", days=days, actor=LEARNER)


def files(world: World) -> bytes:
    return b"".join(file.read_bytes() for file in world.directory.rglob("*") if file.is_file())


def test_link_is_found_by_its_digest_until_it_expires(world: World, links: LearnerLinks, page: MadeLink) -> None:
    assert LINK.fullmatch(page.secret)
    assert page.secret.startswith(f"{page.link.prefix}_")
    [(digest,)] = world.ledger.store.query("SELECT digest FROM vault_link", ())
    assert bytes(digest) == hashlib.sha256(page.secret.encode()).digest()
    assert links.open(page.secret, "page", world.clock.advance(days=29, hours=23)) == page.link
    with pytest.raises(NotFoundError):
        links.open(page.secret, "page", page.link.expires_at)
    for wrong in (page.secret[:-1], page.secret.swapcase(), page.link.prefix, ""):
        with pytest.raises(NotFoundError):
            links.open(wrong, "page", page.link.created_at)


def test_link_of_one_kind_opens_nothing_of_the_other(links: LearnerLinks, page: MadeLink, award: str) -> None:
    shared, now = share(links, page.link, award), page.link.created_at
    with pytest.raises(NotFoundError):
        links.open(page.secret, "share", now)
    with pytest.raises(NotFoundError):
        links.open(shared.secret, "page", now)
    with pytest.raises(NotFoundError):
        links.known(shared.link.prefix, now)
    assert links.shared(links.open(shared.secret, "share", now)).awards == (award,)


def test_link_opens_nothing_when_it_was_revoked(links: LearnerLinks, page: MadeLink, award: str) -> None:
    shared = share(links, page.link, award)
    foreign = Actor(name="other", role="issuer", institution=uuid4())
    with pytest.raises(ForbiddenError):
        links.revoke(page.link.prefix, actor=foreign)
    revoked = links.revoke(page.link.prefix, actor=OPERATOR)
    assert links.revoke(page.link.prefix, actor=OPERATOR) == revoked
    with pytest.raises(NotFoundError):
        links.known(page.link.prefix, page.link.created_at)
    with pytest.raises(NotFoundError):
        links.revoke(shared.link.prefix, actor=OPERATOR)  # a share is its learner's to end
    assert links.open(shared.secret, "share", page.link.created_at) == shared.link
    links.end_share(page.link, shared.link.prefix, actor=LEARNER)
    with pytest.raises(NotFoundError):
        links.open(shared.secret, "share", page.link.created_at)


@pytest.mark.parametrize("days", [0, -1, MAX_DAYS + 1])
def test_link_is_refused_when_it_would_last_no_time_or_too_long(
    links: LearnerLinks, page: MadeLink, award: str, days: int
) -> None:
    with pytest.raises(InvalidInputError, match="1 to 365"):
        links.make(slug=SLUG, reference="S-1", credential=None, days=days, actor=OPERATOR)
    with pytest.raises(InvalidInputError, match="1 to 365"):
        share(links, page.link, award, days)


def test_share_is_refused_when_too_many_are_open(links: LearnerLinks, page: MadeLink, award: str) -> None:
    made = [share(links, page.link, award) for _ in range(MAX_SHARES)]
    with pytest.raises(RuleError):
        share(links, page.link, award)
    links.end_share(page.link, made[0].link.prefix, actor=LEARNER)
    share(links, page.link, award)
    with pytest.raises(InvalidInputError):
        links.share(page.link, awards=[], documents=False, label="", days=1, actor=LEARNER)


def test_links_and_requests_go_with_the_learner_and_leave_no_byte(
    world: World, links: LearnerLinks, requests: LearnerRequests, page: MadeLink, award: str
) -> None:
    shared = share(links, page.link, award)
    request = requests.enter(page.link, "correction", AskedFor("A letter is missing."), actor=OPERATOR)
    traces = [hashlib.sha256(one.secret.encode()).digest() for one in (page, shared)] + [request.bytes]
    assert all(trace in files(world) for trace in traces)
    world.erasing.erase_known(learner=page.link.learner, institution=page.link.institution, actor=OPERATOR)
    assert not [trace for trace in traces if trace in files(world)]
    for made, kind in ((page, "page"), (shared, "share")):
        with pytest.raises(NotFoundError):
            links.open(made.secret, kind, page.link.created_at)  # type: ignore[arg-type]  # one of the two kinds
    with pytest.raises(ErasedError):
        share(links, page.link, award)
    with pytest.raises(ErasedError):
        requests.enter(page.link, "correction", AskedFor("x"), actor=OPERATOR)
    with pytest.raises(ErasedError):
        world.erasing.erase_known(learner=page.link.learner, institution=page.link.institution, actor=OPERATOR)


def test_request_is_read_and_answered_once(world: World, requests: LearnerRequests, page: MadeLink, award: str) -> None:
    identity = requests.enter(page.link, "correction", AskedFor("A letter is missing.", award), actor=LEARNER)
    [asked] = requests.to(page.link.institution)
    assert (asked.id, asked.asked.award, asked.outcome, requests.waiting()) == (identity, award, None, 1)
    assert b"letter is missing" not in files(world)
    decided = requests.decide(identity, outcome="declined", answer="It is there.", actor=OPERATOR)
    assert requests.of(page.link.learner) == [decided]
    assert (decided.answer, requests.waiting()) == ("It is there.", 0)
    with pytest.raises(RuleError):
        requests.decide(identity, outcome="done", answer=None, actor=OPERATOR)
    with pytest.raises(NotFoundError):
        requests.decide(UUID(int=1), outcome="done", answer=None, actor=OPERATOR)
    foreign = Actor(name="other", role="issuer", institution=uuid4())
    with pytest.raises(ForbiddenError):
        requests.decide(identity, outcome="done", answer=None, actor=foreign)


@pytest.mark.parametrize("note", ["", " \n", "x" * (MAX_NOTE_CHARS + 1), "a\x00b"])
def test_correction_is_refused_when_it_says_nothing_or_too_much(
    requests: LearnerRequests, page: MadeLink, note: str
) -> None:
    with pytest.raises(InvalidInputError):
        requests.enter(page.link, "correction", AskedFor(note), actor=LEARNER)


def test_request_is_refused_when_the_same_or_too_much_waits(requests: LearnerRequests, page: MadeLink) -> None:
    requests.enter(page.link, "erasure", AskedFor(""), actor=LEARNER)
    with pytest.raises(RuleError):
        requests.enter(page.link, "erasure", AskedFor(""), actor=LEARNER)
    for _ in range(MAX_OPEN - 1):
        requests.enter(page.link, "correction", AskedFor("x"), actor=LEARNER)
    with pytest.raises(RuleError):
        requests.enter(page.link, "correction", AskedFor("x"), actor=LEARNER)


def test_erasure_that_is_granted_takes_the_request_with_it(
    world: World, requests: LearnerRequests, page: MadeLink
) -> None:
    identity = requests.enter(page.link, "erasure", AskedFor("I moved away."), actor=LEARNER)
    granted = requests.decide(identity, outcome="done", answer=None, actor=OPERATOR)
    assert granted.outcome == "done"
    assert requests.to(page.link.institution) == []
    with pytest.raises(NotFoundError):
        world.vault.find_learner(page.link.institution, "S-1")
