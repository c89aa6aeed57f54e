"""The pages about the log, over a real ledger: the same facts as in the files, and nothing in the files' way."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner, format_note, parse_note
from anchoring.reader import LogReader
from anchoring.storage import StoredAnchor
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.time_anchor import AnchorProof
from anchoring.tree import MemoryTree, leaf_hash
from api.page.language import LANGUAGES, Language, Speech, read_messages
from api.page.log_view import HEIGHT, MAX_LANES, WIDTH, make_chart, proof_steps, read_signer
from api.route import explore
from tests.api.served import Served, open_school, serving
from tests.api.test_page import Page
from tests.verifier.small_log import private_key

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
COLLEGES = ("alder-college", "birch-college", "cedar-college")


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Path(tmp_path_factory.mktemp("explore") / "data")) as served:
        for slug in COLLEGES:
            body = {"slug": slug, "name": slug.title(), "country": "EE", "kind": "university"}
            assert served.write("POST", "/v1/institutions", body, served.key()).status_code == 201
        # The award is the last thing written, so that the log stands still once it is covered.
        served.wait_until_published(served.issue(open_school(served))["id"])
        yield served


def reader(served: Served) -> LogReader:
    return served.node.lookup.published.snapshot().reader


def checkpoint(served: Served) -> Checkpoint:
    return reader(served).checkpoint


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/explore", "/explore/entries", "/explore/entries/0", "/explore/entries?from=x"])
def test_page_about_the_log_is_well_formed_and_speaks_the_language(school: Served, path: str, language: str) -> None:
    answer = school.http.get(
        path, params={**dict([path.split("?")[1].split("=")] if "?" in path else []), "lang": language}
    )
    assert answer.status_code == 200
    page = Page(answer.text)
    assert page.named("html") == [{"lang": language}]
    assert page.named("script") == [{"type": "module", "src": "/static/page.mjs"}]
    assert not [tag for tag, attributes in page.tags if "style" in attributes]
    assert len(page.named("h1")) == 1


def test_page_about_the_log_shows_root_key_signers_institutions_and_how_to_audit(school: Served) -> None:
    html = school.http.get("/explore", params={"lang": "en"}).text
    found = checkpoint(school)
    assert found.root.hex() in html
    assert school.http.get("/log/vkey").text.strip() in html
    assert f"{found.origin}/operator+" in html
    assert "Riverside University" in html
    assert "key-1" in html
    assert "cairn audit http://ledger.test" in html


def test_page_about_the_log_says_who_signed_it_and_when(school: Served) -> None:
    """The log's own lines tell no time; those of cosigners do, and who is neither log nor operator is a witness."""
    text, at = checkpoint(school).text(), datetime(2026, 3, 2, 10, 30, 5, tzinfo=UTC)
    origin = checkpoint(school).origin
    witness = Cosigner("north.example/witness", private_key("north"))
    operator = Cosigner(f"{origin}/operator", private_key("operator"))
    later = SubtreeCosigner("pq.example", MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    signer = NoteSigner(origin, private_key("log"))
    lines = [signer.sign(text), operator.cosign(text, at), witness.cosign(text, at), later.cosign(text, at)]
    found = [read_signer(origin, line) for line in parse_note(format_note(text, lines)).signatures]
    assert [(one.role, one.at) for one in found] == [("log", None), ("operator", at), ("witness", at), ("witness", at)]
    assert found[2].name == witness.vkey.rpartition("+")[0]
    html = school.http.get("/explore", params={"lang": "en"}).text
    said = read_messages("en")["explore"]
    assert f"{said['signer_log']}: <code>{origin}+" in html
    assert re.search(rf"{said['signer_operator']}, <time datetime=\"[^\"]+\">", html)


def test_page_about_the_log_shows_institutions_page_by_page(school: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "MAX_INSTITUTIONS", 2)
    seen: list[str] = []
    path, html = "/explore?lang=en", ""
    while path:
        html = school.http.get(path).text
        seen += re.findall(r"<summary><strong>([^<]+)", html)
        found = re.search(r'rel="next" href="([^"#]+)#institutions"', html)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == ["Alder-College", "Birch-College", "Cedar-College", "Riverside University"]
    assert 'rel="prev"' in html
    assert school.http.get("/explore?institutions=-1").status_code == 422
    assert "<summary><strong>" not in school.http.get("/explore?institutions=1000").text


@pytest.mark.parametrize("path", ["/log", "/log/"])
def test_address_of_the_log_leads_to_its_page(school: Served, path: str) -> None:
    answered = school.http.get(path, headers={"Accept-Language": "ru"})
    assert (answered.status_code, answered.headers["location"]) == (303, "/explore?lang=ru")
    assert school.http.get("/log/checkpoint").headers["content-type"].startswith("text/plain")


def test_page_of_each_entry_says_what_the_log_holds_and_leads_to_the_root(school: Served) -> None:
    found = checkpoint(school)
    for index in range(found.size):
        html = school.http.get(f"/explore/entries/{index}").text
        raw = reader(school).entry(index)
        assert leaf_hash(raw).hex() in html
        assert found.root.hex() in html
        body = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", html, re.DOTALL)
        assert body is not None
        shown = body[1].replace("&#34;", '"').replace("&#39;", "'").replace("&lt;", "<").replace("&amp;", "&")
        assert json.loads(shown) == json.loads(raw.split(b"\n", 4)[4])


def test_page_about_an_entry_beyond_the_log_is_no_page(school: Served) -> None:
    size = checkpoint(school).size
    assert school.http.get(f"/explore/entries/{size + 1_000}").status_code == 404
    assert school.http.get("/explore/entries/x").status_code in {404, 422}
    refused = read_messages("en")["explore"]["list_refused"].partition("{")[0]
    for start in ("x", "-1", str(10**19), "٣"):
        answer = school.http.get("/explore/entries", params={"from": start, "lang": "en"})
        assert answer.status_code == 200
        assert refused in answer.text
    there = school.http.get("/explore/entry", params={"index": "0", "lang": "ru"})
    assert (there.status_code, there.headers["location"]) == (303, "/explore/entries/0?lang=ru")
    lost = school.http.get("/explore/entry", params={"index": "//x.example", "lang": "ru"})
    assert lost.headers["location"] == "/explore/entries?lang=ru&from=x"


def test_files_of_the_log_are_as_ever_beside_the_pages(school: Served) -> None:
    note = school.http.get("/log/checkpoint", headers={"Accept": "text/html"})
    assert note.headers["content-type"].startswith("text/plain")
    assert note.text.startswith(checkpoint(school).origin)


def test_steps_of_a_proof_come_to_the_root_in_trees_of_every_shape() -> None:
    rng = random.Random(5)
    for size in [*range(1, 40), 255, 256, 257, 1_000]:
        tree = MemoryTree(leaf_hash(bytes([at % 251, at // 251])) for at in range(size))
        for index in {0, size - 1, rng.randrange(size)}:
            leaf = leaf_hash(bytes([index % 251, index // 251]))
            proof = tree.inclusion_proof(index)
            steps = proof_steps(leaf, index, size, proof)
            assert [step.beside for step in steps] == [node.hex() for node in proof]
            assert (steps[-1].above if steps else leaf.hex()) == tree.root().hex()


def anchor(name: str, at: datetime, size: int = 1) -> StoredAnchor:
    return StoredAnchor(1, AnchorProof("rfc3161", name, at, b"x"), b"note", size, None)


def test_chart_lies_within_its_frame_and_has_a_lane_for_each_anchor() -> None:
    growth = [(MONDAY + timedelta(days=day), 1 + day * day) for day in range(0, 1_000, 40)]
    anchors = [anchor(f"a{number % 3}", MONDAY + timedelta(days=number)) for number in range(0, 900, 7)]
    chart = make_chart(growth, anchors)
    assert chart is not None
    places = [int(one) for one in re.findall(r"-?\d+", chart.path)]
    assert all(0 <= x <= WIDTH for x in places[::2])
    assert all(0 <= y <= HEIGHT for y in places[1::2])
    assert [lane.name for lane in chart.lanes] == ["a0", "a1", "a2"]
    assert sum(lane.count for lane in chart.lanes) == len(anchors)
    assert all(lane.y < chart.height for lane in chart.lanes)
    assert [at.year for _, at in chart.ticks] == [2027, 2028]
    many = make_chart(growth, [anchor(f"a{number:02}", MONDAY) for number in range(30)])
    assert many is not None
    assert len(many.lanes) == MAX_LANES


def test_chart_is_none_when_there_is_no_time_to_show() -> None:
    assert make_chart([], []) is None
    assert make_chart([(MONDAY, 1), (MONDAY, 2)], []) is None
    assert make_chart([(MONDAY, 1)], [anchor("a", MONDAY + timedelta(days=1))]) is None


@pytest.mark.parametrize("language, written", [("en", "12,345"), ("ru", "12\xa0345")])
def test_speech_writes_counts_and_ticks_as_the_language_does(language: Language, written: str) -> None:
    speech = Speech(language)
    assert speech.number(12_345) == written
    assert speech.tick(MONDAY, MONDAY, MONDAY + timedelta(days=900)) == "2026" if language == "en" else True
    assert ":" in speech.tick(MONDAY, MONDAY, MONDAY + timedelta(hours=2))
