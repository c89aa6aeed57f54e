"""The desk's record of acts, and the change of a signing key."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import get_args

import pytest

from api.page.language import LANGUAGES, read_messages
from api.route.desk_record import PAGE
from ledger.access import Actor
from ledger.application import Outcome
from ledger.error import OutcomeUnknownError
from ledger.learner_link import LinkKind
from ledger.learner_request import RequestKind, RequestOutcome
from tests.api.desk import Officer
from tests.api.served import SLUG, Served, open_school, serving


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Officer]]:
    with serving(Path(tmp_path_factory.mktemp("record") / "data")) as served:
        key = open_school(served)
        served.issue(key)
        yield served, Officer(served, key)


School = tuple[Served, Officer]


@pytest.mark.parametrize("language", LANGUAGES)
def test_record_says_what_was_done_when_and_by_whom(school: School, language: str) -> None:
    _, officer = school
    page = officer.get("/desk/record", lang=language).text
    acts = read_messages("ru" if language == "ru" else "en")["desk_act"]
    shown = [acts[name].replace("'", "&#39;") for name in ("desk_sign_in", "credential_issue", "institution_register")]
    places = [page.index(one) for one in shown]
    assert places == sorted(places)  # newest first
    assert "test <code>" in page


@pytest.mark.parametrize(
    "actor, act, said",
    [
        ("account anna@x.example", "credential.issue", ["anna@x.example", "record_account"]),
        ("link 0123456789abcdef", "link.make_share", ["0123456789abcdef", "record_learner"]),
        ("cascade", "cascade.step", ["record_rules"]),
        ("command-line", "link.revoke_page", ["command-line", "record_operator"]),
        ("gone4321 for Prof. Tamm", "stacking.waive low-credits equivalent", ["low-credits equivalent", "Prof. Tamm"]),
    ],
)
def test_record_names_whoever_acted_as_officers_know_them(
    school: School, actor: str, act: str, said: list[str]
) -> None:
    served, officer = school
    say = read_messages("en")
    institution = served.node.ledger.institution(SLUG).id
    who = Actor(name=actor, role="issuer", institution=institution)
    served.node.access.note(who, act, served.node.ledger.now())
    row = unescape(officer.get("/desk/record", lang="en").text).partition("<tbody>")[2].partition("</tr>")[0]
    for one in said:
        assert say["desk"].get(one, one) in row
    assert say["desk_act"][act.partition(" ")[0].replace(".", "_")] in row


def acts_of(module: Path) -> Iterator[str]:
    """The acts that a module records, or how they begin: what stands as the second argument of `audit`."""
    tree = ast.parse(module.read_text("utf-8"))
    imports = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and one.module == "ledger.access"]
    if not any(name.name == "audit" for one in imports for name in one.names):
        return
    for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id == "audit":
            match call.args[1]:
                case ast.Constant(value=str(act)):
                    yield act
                case ast.JoinedStr(values=[ast.Constant(value=str(begin)), *_]):
                    yield begin
                case _:
                    constants = (one.value for one in ast.walk(tree) if isinstance(one, ast.Constant))
                    yield from (
                        one for one in constants if isinstance(one, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", one)
                    )


def test_every_act_that_is_recorded_has_a_sentence() -> None:
    acts = {act for module in (*Path("ledger").glob("*.py"), *Path("api").rglob("*.py")) for act in acts_of(module)}
    assert {"credential.issue", "credential.revoke", "link.make_", "request.", "stacking.waive "} <= acts
    of_the_operator_alone = {"key.revoked"}  # of no institution
    for language in LANGUAGES:
        sentences = read_messages(language)["desk_act"]
        for act in acts - of_the_operator_alone:
            name = act.strip().replace(".", "_")
            assert any(one == name or (act[-1] in "_. " and one.startswith(name)) for one in sentences), act
        values = [f"link_{act}_{kind}" for act in ("make", "revoke") for kind in get_args(LinkKind)]
        values += [f"request_{one}" for one in (*get_args(RequestKind), *get_args(RequestOutcome))]
        assert set(values) <= sentences.keys()


def test_record_shows_no_other_institutions_acts(school: School) -> None:
    served, officer = school
    body = {"slug": "other-school", "name": "Other School", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", body, served.key()).status_code == 201
    other = Officer(served, served.key("other-school"))
    assert "Awards issued" not in other.get("/desk/record", lang="en").text
    assert "Awards issued" in officer.get("/desk/record", lang="en").text


def test_record_goes_on_page_by_page(school: School) -> None:
    served, officer = school
    institution = served.node.ledger.institution(SLUG).id
    who = Actor(name="<b>x</b>", role="issuer", institution=institution)
    for _ in range(PAGE):
        served.node.access.note(who, "odd.<i>act</i>", served.node.ledger.now())
    first = officer.get("/desk/record", lang="en").text
    assert first.count("<time") == PAGE
    assert "<b>x" not in first
    assert "&lt;i&gt;act" in first
    found = re.search(r"/desk/record\?before=(\d+)", first)
    assert found is not None
    second = officer.get("/desk/record", before=found[1], lang="en").text
    assert "Awards issued" in second
    assert "odd." not in second
    for wrong in ("0", "-1", "x", str(2**63)):
        assert officer.get("/desk/record", before=wrong).status_code == 422


def test_signing_key_is_changed_once_when_the_button_is_pressed_twice(school: School) -> None:
    served, officer = school
    assert "key-1" in officer.get("/desk/signing-keys").text
    once = re.search(r'name="once" value="([0-9a-f]{32})"', officer.get("/desk/signing-keys/change").text)
    assert once is not None
    for _ in range(2):
        assert officer.post("/desk/signing-keys/change", once=once[1]).status_code == 303
    assert [key.key_id for key in served.node.ledger.institution(SLUG).keys] == ["key-1", "key-2"]
    page = officer.get("/desk/signing-keys", lang="en").text
    assert page.index("key-2") < page.index("in force</strong>") < page.index("key-1")


def test_signing_key_is_changed_once_when_it_was_not_known_whether_it_had_been(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, officer = school
    registry = served.node.registry
    rotate_key = registry.rotate_key

    def lose_the_answer(**members: object) -> Outcome:
        rotate_key(**members)  # type: ignore[arg-type]  # the page's own
        message = "nobody knows"
        raise OutcomeUnknownError(message)

    monkeypatch.setattr(registry, "rotate_key", lose_the_answer)
    once, before = "a" * 32, len(served.node.ledger.institution(SLUG).keys)
    lost = officer.post("/desk/signing-keys/change", once=once)
    assert lost.status_code == 503
    assert "nobody knows" not in lost.text
    monkeypatch.setattr(registry, "rotate_key", rotate_key)
    assert officer.post("/desk/signing-keys/change", once=once).status_code == 303
    assert len(served.node.ledger.institution(SLUG).keys) == before + 1


def test_signing_key_stays_when_the_change_is_forged(school: School) -> None:
    served, officer = school
    before = len(served.node.ledger.institution(SLUG).keys)
    assert officer.post("/desk/signing-keys/change", headers={}, once="0" * 32).status_code == 403
    assert officer.post("/desk/signing-keys/change", token="", once="0" * 32).status_code == 403
    assert len(served.node.ledger.institution(SLUG).keys) == before
