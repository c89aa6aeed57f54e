"""The pages over a real ledger: what people send, and what nobody is told."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.page.language import LANGUAGES, read_messages
from tests.api.diploma import award, publish_programme, unpack
from tests.api.served import OPERATOR, SLUG, Served, open_school, serving


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str, dict[str, Any]]]:
    with serving(Path(tmp_path_factory.mktemp("pages") / "data")) as served:
        key = open_school(served)
        issued = served.issue(key)
        served.wait_until_published(issued["id"])
        yield served, key, issued


School = tuple[Served, str, dict[str, Any]]


def send(served: Served, *files: bytes, lang: str = "en", **fields: str) -> httpx.Response:
    """Send files as a page's form does."""
    parts = [(name, (None, text)) for name, text in {"lang": lang, **fields}.items()]
    return served.http.post("/verify", files=[*parts, *(("file", ("f", one)) for one in files)])


def bundle(served: Served, key: str, issued: dict[str, Any]) -> bytes:
    headers = {"Authorization": f"Bearer {key}"}
    content: bytes = served.http.get(f"/v1/credentials/{issued['id']}/bundle", headers=headers).content
    return content


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_valid_when_a_bundle_is_sent(school: School, language: str) -> None:
    served, key, issued = school
    answer = send(served, bundle(served, key, issued), lang=language)
    messages = read_messages("ru" if language == "ru" else "en")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert f'<html lang="{language}">' in answer.text
    assert messages["verdict"]["valid"] in answer.text
    assert messages["verify"]["sent"] in answer.text
    assert "Riverside University" in answer.text
    assert "Mari Maasikas" not in answer.text  # who holds it is not the page's to say


def test_page_judges_evidence_and_baked_badges_and_tokens(school: School) -> None:
    served, key, issued = school
    assert served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ["vc-jwt"]}, key).status_code < 300
    added = served.write("POST", f"/v1/credentials/{issued['id']}/documents", {"forms": ["vc-jwt"]}, key)
    assert added.status_code < 300, added.text
    headers = {"Authorization": f"Bearer {key}"}
    path = f"/v1/credentials/{issued['id']}"
    for address in (f"{path}/evidence", f"{path}/documents/png", f"{path}/documents/svg", f"{path}/documents/vc-jwt"):
        shown = served.http.get(address, headers=headers)
        assert shown.status_code == 200, (address, shown.text[:200])
        answer = send(served, shown.content)
        assert answer.status_code == 200, address
        assert 'class="verdict valid"' in answer.text, address


def test_page_says_not_valid_when_a_document_was_altered(school: School) -> None:
    served, key, issued = school
    altered = bundle(served, key, issued).replace(b"Working with Data", b"Winning with Data")
    assert 'class="verdict invalid"' in send(served, altered).text


def test_page_refuses_with_a_sentence_when_what_is_sent_is_nothing(school: School) -> None:
    served = school[0]
    said = read_messages("ru")["home"]
    for content, name in ((b"", "empty"), (b"\x00\x01", "unreadable"), (b"<script>alert(1)</script>", "unreadable")):
        answer = send(served, content, lang="ru")
        assert answer.status_code == 422
        assert said[name] in answer.text
        assert "<script>alert" not in answer.text


def test_page_follows_a_pasted_link_or_id_when_it_stands_in_the_text(school: School) -> None:
    served, _, issued = school
    for text in (issued["id"], f"http://elsewhere.example/verify/{issued['id']}?lang=en#x"):
        answer = send(served, text=text, lang="ru")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/verify/{issued['id']}?lang=ru"
        assert served.http.get("/verify", params={"q": text}).headers["location"] == f"/verify/{issued['id']}"


def test_page_of_an_unknown_id_tells_nothing_when_it_is_compared_with_a_malformed_or_another_one(
    school: School,
) -> None:
    """Same status, same header fields, same bytes: whoever asks learns nothing of what there is."""
    served, _, issued = school
    near = {issued["id"][:-2] + end for end in ("00", "40", "80")} - {issued["id"]}
    unknown = [*sorted(near), "0" * 36, "v" * 36, "x", issued["id"].upper()]
    seen = set()
    for public_id in unknown:
        answer = served.http.get(f"/verify/{public_id}", headers={"Accept": "text/html"})
        fields = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "ratelimit"}}
        seen.add((answer.status_code, answer.text, json.dumps(fields, sort_keys=True)))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 404


def test_page_of_a_private_part_looks_and_takes_as_long_as_one_of_an_unknown_id(school: School) -> None:
    """A part of a diploma whose holder was erased exists, and nobody may know it by its id."""
    served, key, _ = school
    publish_programme(served, key, SLUG, modules=2)
    diploma = award(served, key, learner={"name": "Mari Maasikas", "reference": "S-9"})
    part: str = unpack(served, key, diploma, 1, 2).json()["parts"][0]["id"]
    assert served.http.get(f"/verify/{part}").status_code == 200
    served.node.parts.erasing.erase_holder(public_id=part, actor=OPERATOR)
    # Of the same time of issue, and with random bits that nothing has.
    unknown = part[:12] + "".join(reversed(part[12:-1])) + "0"
    taken: dict[str, list[float]] = {part: [], unknown: []}
    pages = {served.http.get(f"/verify/{one}", headers={"Accept": "text/html"}).text for one in taken}
    assert len(pages) == 1
    for _ in range(60):
        for one, times in taken.items():
            begun = time.perf_counter()
            answer = served.http.get(f"/verify/{one}", headers={"Accept": "text/html"})
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 404
    private, other = (statistics.quantiles(times, n=4)[0] for times in taken.values())
    assert 0.5 < private / other < 2.0, (private, other)


def test_scripts_are_served_from_a_closed_list(school: School) -> None:
    served = school[0]
    for name in ("page.mjs", "scan.mjs", "check.mjs", "verify.mjs", "sentence.mjs"):
        answer = served.http.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert not re.search(r"innerHTML|outerHTML|document\.write|insertAdjacentHTML|eval\(|new Function", answer.text)
        assert "//" not in re.sub(r"^\s*//.*$|\s//\s.*$", "", answer.text, flags=re.MULTILINE), "an address in a script"
    for name in ("../app.py", "cairn.scss", "..%2Fapp.py"):
        assert served.http.get(f"/static/{name}").status_code == 404


def test_baked_svg_is_served_in_a_sandbox(school: School) -> None:
    """Opened as a page of its own, it may run nothing and load nothing, whatever stands in it."""
    served, key, issued = school
    path = f"/v1/credentials/{issued['id']}/documents/svg"
    answered = served.http.get(path, headers={"Authorization": f"Bearer {key}"})
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("image/svg+xml")
    policy = answered.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
    assert answered.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "link", ["https://ledger.test/recognitions/{id}?lang=en", " /recognitions/{id} ", "/recognitions/{id}#x"]
)
def test_pasted_link_of_a_recognition_leads_to_its_page(school: School, link: str) -> None:
    served, _, _ = school
    identity = "01a21750-8a5b-8c75-957f-7b88cd0f7132"
    answered = served.http.get("/verify", params={"q": link.format(id=identity), "lang": "ru"})
    assert (answered.status_code, answered.headers["location"]) == (303, f"/recognitions/{identity}?lang=ru")
    for other in (identity, f"/recognitions/{identity}0", f"/recognitions/{identity.upper()}"):
        assert served.http.get("/verify", params={"q": other}).status_code == 200
