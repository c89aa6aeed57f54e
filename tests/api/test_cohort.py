"""The desk's page on a team: what shares show, what is missing for a role, and that nothing else gets out or stays."""

from __future__ import annotations

import base64
import csv
import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import pytest
from cryptography.fernet import Fernet

from api.desk.roster import (
    HEAD,
    MAX_LINKS,
    Cohort,
    CohortFiles,
    PathwayRole,
    SkillRole,
    add_lines,
)
from api.page.language import LANGUAGES, Language, read_messages
from ledger.error import InvalidInputError, NotFoundError
from ledger.learner_link import LearnerLink
from ledger.store import Commit, Write
from tests.api.desk import Officer
from tests.api.diploma import award as award_diploma
from tests.api.diploma import publish_programme, unpack
from tests.api.served import BASE, CODE, OPERATOR, SLUG, TEMPLATE, Served, open_school, serving
from tests.files import contents
from tests.ledger.world import START

ACADEMY: Final = "harbour-academy"
SKILL: Final = str(TEMPLATE["outcomes"][0]["skill_uri"])
OTHER_SKILL: Final = "http://data.europa.eu/esco/skill/11111111-2222-3333-4444-555555555555"
NOBODYS_SKILL: Final = "http://data.europa.eu/esco/skill/99999999-2222-3333-4444-555555555555"
ATTACK: Final = "<script>alert(1)</script>{{7*7}}"
WORDS: Final = read_messages("en")["desk_cohort"]
TROUBLES: Final = read_messages("en")["desk_cohort_trouble"]


@dataclass
class Team:
    """A university whose learners share, and a company's academy that is shown it."""

    served: Served
    school: str
    academy: str

    def award(self, reference: str, achievement: str = CODE, **members: object) -> str:
        """Make an award of the university's."""
        learner = {"name": f"Secret Name {reference}", "reference": reference}
        made = {"achievement": achievement, "learner": learner, "grade": "GRADE-A", **members}
        return str(self.served.issue(self.school, **made)["id"])

    def shared(self, reference: str, *awards: str, key: str = "") -> str:
        """The address of a share of some awards."""
        key = key or self.school
        made = done(self.served.write("POST", "/v1/learner-links", {"reference": reference}, key))
        page, now = self.served.node.parts.links, self.served.node.ledger.now()
        link = page.open(made["link"].partition("#")[2], "page", now)
        share = page.share(link, awards=awards, documents=False, label="", days=7, actor=OPERATOR)
        return f"{BASE}/shared/{share.secret}"

    def officer(self) -> Officer:
        """Somebody of the academy who has just signed in."""
        return Officer(self.served, self.academy)


def done(answered: httpx.Response) -> dict[str, Any]:
    assert answered.is_success, answered.text
    read: dict[str, Any] = answered.json()
    return read


def look(officer: Officer, by: str = "awards") -> str:
    answered = officer.get("/desk/cohort", lang="en", by=by)
    assert answered.status_code == 200, answered.text
    return unescape(answered.text)


def paste(officer: Officer, *lines: str) -> str:
    """Paste links, and return the page that follows."""
    answered = officer.post("/desk/cohort/links", links="\n".join(lines))
    assert answered.status_code == 303, answered.text
    return look(officer)


def cells(page: str) -> dict[str, list[str]]:
    """The table by person: the verdict or «no» in each column."""
    table = page[page.index('<table class="cohort">') : page.index("<tfoot>")]
    rows = re.findall(r'<tr><th scope="row">(.*?) <span.*?</th>(.*?)</tr>', table, re.DOTALL)
    return {name: [re.sub(r"<[^>]*>", "", one).strip() for one in re.findall(r"<td>.*?</td>", rest, re.DOTALL)]
            for name, rest in rows}  # fmt: skip


def lacks(page: str) -> dict[str, str]:
    """What each lacks, as text."""
    table = page[page.index('<table class="cohort-role">') :]
    table = table[: table.index("</table>")]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>\s*<td>(.*?)</td></tr>', table, re.DOTALL)
    plain = [
        (re.sub(r" ?<span.*", "", name, flags=re.DOTALL), re.sub(r"<[^>]*>|\s+", " ", told)) for name, told in rows
    ]
    return {name: " ".join(told.split()) for name, told in plain}


def prefix_of(share: str) -> str:
    return share.rpartition("/")[2].partition("_")[0]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with serving(tmp_path_factory.mktemp("cohort") / "data") as served:
        school = open_school(served)
        body = {"slug": ACADEMY, "name": "Harbour Academy", "country": "EE", "kind": "company_academy"}
        done(served.write("POST", "/v1/institutions", body, served.key()))
        academy = served.key(ACADEMY)
        outcome = {"text": "Draws a chart.", "skill_uri": OTHER_SKILL, "skill_name": "draw charts"}
        chart = {**TEMPLATE, "title": "Charts", "outcomes": [outcome]}
        done(served.write("POST", "/v1/achievements", {"code": "CHART", "template": chart}, school))
        lead = {**TEMPLATE, "title": "Data Lead", "credits_centi": 500, "outcomes": [{"text": "Leads."}]}
        done(served.write("POST", "/v1/achievements", {"code": "LEAD", "template": lead}, academy))
        needed = [{"institution": SLUG, "code": code} for code in (CODE, "CHART")]
        rules = {
            "format": "cairn/pathway/v1",
            "unit": {"kind": "ects"},
            "rule": {"rule": "required", "id": "core", "achievements": needed},
            "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
        }
        place = f"/v1/institutions/{ACADEMY}/pathways"
        done(served.write("POST", place, {"code": "P-LEAD", "achievement": "LEAD", "rules": rules}, academy))
        yield Team(served, school, academy)


# ── what is shown ──────────────────────────────────────────────────────────────────────────────────


def test_table_says_who_holds_what_by_what_was_shared_and_nothing_else(team: Team) -> None:
    mine, chart, hidden = team.award("T-1"), team.award("T-1", "CHART"), team.award("T-1")
    jaans = team.award("T-2")
    revoked = team.award("T-3")
    done(team.served.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, team.school))
    page = paste(
        team.officer(),
        f"Mari, {team.shared('T-1', mine, chart)}",
        f"{team.shared('T-2', jaans)}\tJaan Tamm",
        f'"Kadri {ATTACK}";{team.shared("T-3", revoked)}',
    )
    assert cells(page) == {
        "Jaan Tamm": ["Valid", "no"],
        f"Kadri {ATTACK}": ["Not valid", "no"],
        "Mari": ["Valid", "Valid"],
    }
    for secret in ("Secret Name", "GRADE-A", hidden, mine, "T-1", "/shared/"):
        assert secret not in page.replace("https://…/shared/…", ""), secret


def test_names_are_text_on_the_page(team: Team) -> None:
    officer = team.officer()
    officer.post("/desk/cohort/links", links=f"Kadri {ATTACK} {team.shared('T-9', team.award('T-9'))}")
    assert "<script>alert" not in officer.get("/desk/cohort").text


def test_several_links_with_one_name_are_one_person(team: Team) -> None:
    first, second = team.shared("T-4", team.award("T-4")), team.shared("T-5", team.award("T-5", "CHART"))
    page = paste(team.officer(), f"Mari {first}", f"Mari {second}", f"Ants {first} {second}")
    assert cells(page) == {"Ants": ["Valid", "Valid"]}, "a link is somebody's once: whose it was said to be last"
    page = paste(team.officer(), f"Mari {first}", f"Mari, {second}")
    assert cells(page) == {"Mari": ["Valid", "Valid"]}


def test_table_by_skills_counts_valid_awards_alone(team: Team) -> None:
    valid, revoked = team.award("T-6"), team.award("T-6", "CHART")
    done(team.served.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, team.school))
    officer = team.officer()
    paste(officer, f"Mari {team.shared('T-6', valid, revoked)}")
    page = look(officer, by="skills")
    assert cells(page) == {"Mari": ["Valid"]}
    assert "cleanse data" in page
    assert "draw charts" not in page


# ── what ends ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", ["ended", "expired", "erased"])
def test_share_that_is_over_drops_out_at_once_and_is_in_no_file(team: Team, ending: str) -> None:
    award, reference = team.award(f"E-{ending}"), f"E-{ending}"
    share, other = team.shared(reference, award), team.shared("T-7", team.award("T-7"))
    officer = team.officer()
    assert set(cells(paste(officer, f"Liis {share}", f"Jaan {other}"))) == {"Liis", "Jaan"}
    links = team.served.node.parts.links
    if ending == "erased":
        team.served.node.parts.erasing.erase_learner(slug=SLUG, reference=reference, actor=OPERATOR)
    elif ending == "ended":
        found = links.known(prefix_of(share), team.served.node.ledger.now(), "share")
        links.end_share(found, found.prefix, actor=OPERATOR)
    else:
        expire(team.served, share)
    page = look(officer)
    assert set(cells(page)) == {"Jaan"}
    assert WORDS["gone"].format(names="Liis") in page
    assert "Liis" not in look(officer), "it is said once, and forgotten"
    sealed = officer.get("/desk/cohort/file").content
    opened = files_of(team).open(sealed, institution(team), team.served.node.ledger.now())
    assert opened.entries == {prefix_of(other): "Jaan"}


@pytest.mark.parametrize("path", ["/desk/cohort/file", "/desk/cohort/table.csv"])
def test_share_that_is_over_is_said_on_the_page_also_when_something_was_taken_away_before(
    team: Team, path: str
) -> None:
    officer = team.officer()
    shares = [team.shared(f"E-{number}", team.award(f"E-{number}")) for number in range(2)]
    paste(officer, f"Liis {shares[0]}", f"Jaan {shares[1]}")
    for share in shares:
        expire(team.served, share)
        assert officer.get(path).status_code == 200
    assert WORDS["gone"].format(names="Liis, Jaan") in look(officer)
    assert WORDS["gone"].partition("{")[0] not in look(officer)


def test_page_and_file_may_be_asked_for_at_once_when_a_share_has_ended(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer, share = team.officer(), team.shared("E-at-once", team.award("E-at-once"))
    paste(officer, f"Liis {share}")
    expire(team.served, share)
    links = team.served.node.parts.links
    known = links.known

    def meanwhile(*asked: Any) -> LearnerLink:  # noqa: ANN401  as it is called
        monkeypatch.undo()
        assert officer.get("/desk/cohort/file").status_code == 200
        return known(*asked)

    monkeypatch.setattr(links, "known", meanwhile)
    assert WORDS["gone"].format(names="Liis") in look(officer)
    assert "Liis" not in look(officer)


def expire(served: Served, share: str) -> None:
    """Have a share end now."""
    sql = "UPDATE vault_link SET expires_at=? WHERE prefix=?"
    now = served.node.ledger.now().isoformat()
    served.node.ledger.store.record([Commit((), (Write(sql, [(now, prefix_of(share))]),))])


def test_award_that_is_revoked_is_seen_at_the_next_look(team: Team) -> None:
    award, officer = team.award("T-8"), team.officer()
    assert cells(paste(officer, f"Mari {team.shared('T-8', award)}")) == {"Mari": ["Valid"]}
    done(team.served.write("POST", f"/v1/credentials/{award}/revocation", {"reason": "other"}, team.school))
    assert cells(look(officer)) == {"Mari": ["Not valid"]}


# ── what is pasted ─────────────────────────────────────────────────────────────────────────────────


def test_lines_that_are_not_taken_are_named_and_the_others_are_taken(team: Team) -> None:
    good = team.shared("L-1", team.award("L-1"))
    own_page = done(team.served.write("POST", "/v1/learner-links", {"reference": "L-1"}, team.school))["link"]
    secret = good.rpartition("/")[2]
    page = paste(
        team.officer(),
        "Mari without a link",
        "",
        f"Jaan https://elsewhere.example/shared/{secret}",
        f"Kadri {good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        f"Peeter {own_page}",
        "x" * 201 + f" {good}",
        f"a\x01b {good}",
        f"{good}",
    )
    told = [WORDS["line"].format(line=line, what=TROUBLES[what]) for line, what in (
        (1, "no_link"), (3, "elsewhere"), (4, "opens_nothing"), (5, "opens_nothing"), (6, "name"), (7, "name"),
    )]  # fmt: skip
    assert [one for one in told if one not in page] == []
    assert cells(page) == {"№ 1": ["Valid"]}
    assert WORDS["notes"] not in look(team.officer())


def test_nothing_pasted_is_said(team: Team) -> None:
    answered = team.officer().post("/desk/cohort/links", links="  ")
    assert answered.status_code == 422
    assert WORDS["links_none"] in answered.text


def opened(secret: str) -> LearnerLink:
    return LearnerLink(
        prefix=secret.partition("_")[0], kind="share", learner=b"x", institution=UUID(int=1), created_at=START,
        expires_at=START, revoked_at=None,
    )  # fmt: skip


def closed(_secret: str) -> LearnerLink:
    raise NotFoundError("closed")


def link(number: int) -> str:
    return f"{BASE}/shared/{number:016}_{'x' * 43}"


def test_cohort_takes_a_bounded_number_of_links() -> None:
    cohort = Cohort()
    text = "\n".join(f"P{number} {link(number)}" for number in range(MAX_LINKS + 2))
    assert add_lines(cohort, text, BASE, opened) == len(cohort.entries) == MAX_LINKS
    assert [(note.line, note.trouble) for note in cohort.notes] == [
        (MAX_LINKS + 1, "too_many"), (MAX_LINKS + 2, "too_many"),
    ]  # fmt: skip
    assert add_lines(cohort, f"Renamed {link(0)}", BASE, opened) == 1
    assert cohort.entries[f"{0:016}"] == "Renamed"
    assert add_lines(cohort, f"Nobody {link(1)}", BASE, closed) == 0


def test_link_without_a_name_gets_the_first_number_that_nobody_has() -> None:
    cohort = Cohort()
    add_lines(cohort, "\n".join(link(number) for number in range(3)), BASE, opened)
    assert [*cohort.entries.values()] == ["№ 1", "№ 2", "№ 3"]
    del cohort.entries[f"{0:016}"]
    add_lines(cohort, f"№ 4 {link(4)}\n{link(5)} {link(6)}\n{link(7)}", BASE, opened)
    assert [*cohort.entries.values()] == ["№ 2", "№ 3", "№ 4", "№ 1", "№ 1", "№ 5"]


def test_link_that_is_pasted_again_keeps_its_name_unless_another_is_given() -> None:
    cohort = Cohort()
    add_lines(cohort, f"Mari {link(0)}\n{link(1)}\n{link(0)}\n{link(1)}", BASE, opened)
    assert [*cohort.entries.values()] == ["Mari", "№ 1"]
    add_lines(cohort, f"Jaan {link(1)}\n{link(0)}", BASE, opened)
    assert [*cohort.entries.values()] == ["Mari", "Jaan"]


@pytest.mark.parametrize("line", ["http://" * 18_000, "https://x/shared/" * 7_000, "_" * 130_000, "0" * 130_000])
def test_long_lines_are_refused_in_little_time(line: str) -> None:
    begun = time.process_time()
    assert add_lines(Cohort(), line, BASE, opened) == 0
    assert add_lines(Cohort(), "\n".join(line[at : at + 999] for at in range(0, len(line), 999)), BASE, opened) == 0
    assert time.process_time() - begun < 2


# ── the role ───────────────────────────────────────────────────────────────────────────────────────


def test_role_of_skills_says_what_each_lacks_and_the_shortest_way(team: Team) -> None:
    officer = team.officer()
    both, one = team.shared("R-1", team.award("R-1"), team.award("R-1", "CHART")), team.shared("R-2", team.award("R-2"))
    paste(officer, f"Mari {both}", f"Jaan {one}")
    set_role(officer, skills=f"{SKILL}\n{OTHER_SKILL}\n{SKILL}")
    told = lacks(look(officer))
    assert told == {"Jaan": f"draw charts {WORDS['way']} Charts", "Mari": WORDS["whole"]}
    set_role(officer, skills=f"{SKILL}\n{NOBODYS_SKILL}")
    told = lacks(look(officer))
    assert told["Mari"] == f"{NOBODYS_SKILL} {WORDS['not_offered'].format(labels=NOBODYS_SKILL)}"
    assert WORDS["have"].format(have=1, need=2) in look(officer)
    set_role(officer)
    assert "cohort-role" not in look(officer)


def test_role_that_is_a_pathway_says_which_rules_are_not_met(team: Team) -> None:
    officer = team.officer()
    both, one = team.shared("R-3", team.award("R-3"), team.award("R-3", "CHART")), team.shared("R-4", team.award("R-4"))
    paste(officer, f"Mari {both}", f"Jaan {one}")
    page = look(officer)
    assert "Data Lead (P-LEAD)" in page
    set_role(officer, pathway="P-LEAD")
    told = lacks(look(officer))
    assert told["Mari"] == read_messages("en")["learner_pathway"]["met"]
    assert told["Jaan"].endswith("— Charts")
    table = list(csv.reader(io.StringIO(officer.get("/desk/cohort/table.csv", lang="en").text.lstrip("\ufeff"))))
    assert [row[-1] for row in table] == [WORDS["lacks"], "Charts", ""]


def test_award_that_cannot_count_is_passed_over(team: Team) -> None:
    publish_programme(team.served, team.school, SLUG, modules=1)
    person = {"name": "Secret Name R-8", "reference": "R-8"}
    diploma = award_diploma(team.served, team.school, learner=person)
    done(unpack(team.served, team.school, diploma, 1))
    officer = team.officer()
    both = [team.award("R-8"), team.award("R-8", "CHART")]
    paste(officer, f"Mari {team.shared('R-8', diploma, *both)}", f"Jaan {team.shared('R-8', diploma)}")
    set_role(officer, pathway="P-LEAD")
    told = lacks(look(officer))
    assert told["Mari"] == read_messages("en")["learner_pathway"]["met"]
    assert ": 0 of 2 — " in told["Jaan"]


def test_pathway_is_worked_out_without_anybodys_grade(team: Team) -> None:
    floor = {
        "format": "cairn/pathway/v1",
        "unit": {"kind": "ects"},
        "rule": {"rule": "minimum", "id": "total", "credits": 100},
        "scales": {"grades": {"order": ["GRADE-F", "GRADE-A"]}},
        "counting": [{"rule": "grade_floor", "id": "g", "floors": [{"scale": "grades", "grade": "GRADE-A"}]}],
        "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
    }
    good, bad = team.award("R-5", grade="GRADE-A"), team.award("R-6", grade="GRADE-F")
    place = f"/v1/institutions/{ACADEMY}/pathways"
    made = team.served.write("POST", place, {"code": "P-GRADE", "achievement": "LEAD", "rules": floor}, team.academy)
    assert made.is_success, made.text
    officer = team.officer()
    paste(officer, f"Mari {team.shared('R-5', good)}", f"Jaan {team.shared('R-6', bad)}")
    set_role(officer, pathway="P-GRADE")
    told = lacks(look(officer))
    assert told["Mari"] == told["Jaan"] != read_messages("en")["learner_pathway"]["met"]


def set_role(officer: Officer, **fields: str) -> None:
    answered = officer.send("/desk/cohort/role", fields)
    assert answered.status_code == 303, answered.text


@pytest.mark.parametrize(
    "fields, refusal",
    [
        ({"pathway": "P-LEAD", "skills": SKILL}, "role_two"),
        ({"pathway": "NONE"}, "role_gone"),
        ({"skills": "data cleansing"}, "role_wrong"),
        ({"skills": "javascript:alert(1)"}, "role_wrong"),
        ({"skills": "http://x/" + "y" * 500}, "role_wrong"),
        ({"skills": "\n".join(f"http://x/{one}" for one in range(101))}, "role_wrong"),
    ],
)
def test_role_is_refused_when_it_is_none(team: Team, fields: dict[str, str], refusal: str) -> None:
    officer = team.officer()
    paste(officer, f"Mari {team.shared('R-7', team.award('R-7'))}")
    answered = officer.send("/desk/cohort/role", fields)
    assert answered.status_code == 422
    assert WORDS[refusal] in unescape(answered.text)
    if refusal == "role_wrong":
        assert fields["skills"].split("\n", maxsplit=1)[0] in answered.text, "what was typed is not lost"


# ── what stays ─────────────────────────────────────────────────────────────────────────────────────


def files_of(team: Team) -> CohortFiles:
    return CohortFiles(team.served.node.parts.vault.secret("cohort-files"))


def institution(team: Team, slug: str = ACADEMY) -> UUID:
    return team.served.node.ledger.institution(slug).id


def test_cohort_is_taken_away_sealed_and_gone_on_with(team: Team) -> None:
    first = team.officer()
    share = team.shared("F-1", team.award("F-1"))
    paste(first, f"Mari {share}")
    set_role(first, skills=SKILL)
    answered = first.get("/desk/cohort/file")
    assert answered.headers["cache-control"] == "no-store"
    sealed = answered.content
    assert sealed.startswith(HEAD)
    for readable in (b"Mari", prefix_of(share).encode(), SKILL.encode()):
        assert readable not in sealed
    second = team.officer()
    assert WORDS["empty"] in look(second), "another session knows nothing of it"
    assert second.send("/desk/cohort/opened", {"file": sealed}).status_code == 303
    assert lacks(look(second)) == {"Mari": WORDS["whole"]}
    second.post("/desk/cohort/close")
    assert WORDS["empty"] in look(second)


@pytest.mark.parametrize("wrong", [b"", b"x", HEAD, HEAD + b"gAAAAA==\n", b"\xff" * 300_000])
def test_file_that_is_none_is_refused(team: Team, wrong: bytes) -> None:
    answered = team.officer().send("/desk/cohort/opened", {"file": wrong})
    assert answered.status_code in {413, 422}
    if answered.status_code == 422:
        assert WORDS["file_wrong"] in answered.text


def test_file_of_another_institution_or_ledger_or_altered_or_old_opens_nothing() -> None:
    files, mine = CohortFiles(b"k" * 32), UUID(int=1)
    cohort = Cohort({"0" * 16: "Mari"}, PathwayRole("P"))
    sealed = files.seal(cohort, mine, START)
    back = files.open(sealed, mine, START)
    assert (back.entries, back.role) == (cohort.entries, cohort.role)
    skills = Cohort({"0" * 16: "Mari"}, SkillRole((SKILL,)))
    assert files.open(files.seal(skills, mine, START), mine, START).role == skills.role
    later = START.replace(year=START.year + 1, day=START.day + 2)
    for reader, owner, now in (
        (files, UUID(int=2), START),
        (CohortFiles(b"l" * 32), mine, START),
        (files, mine, later),
    ):
        with pytest.raises(InvalidInputError):
            reader.open(sealed, owner, now)
    for place in range(len(HEAD), len(sealed) - 1):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(InvalidInputError):
            files.open(altered, mine, START)


def test_nothing_of_a_cohort_is_on_the_disk_or_in_the_log(team: Team) -> None:
    officer = team.officer()
    share = team.shared("D-1", team.award("D-1"))
    paste(officer, f"Unmistakable Person {share}")
    look(officer)
    secret = share.partition("_")[2]
    assert "/desk/cohort" in team.served.log.getvalue()
    for word in ("Unmistakable", secret, prefix_of(share)):
        assert word not in team.served.log.getvalue()
    for file, kept in contents(team.served.node.settings.data_dir):
        assert b"Unmistakable" not in kept, file
        assert secret.encode() not in kept, file


def test_person_is_taken_out(team: Team) -> None:
    officer = team.officer()
    first, second = team.shared("O-1", team.award("O-1")), team.shared("O-2", team.award("O-2"))
    paste(officer, f"Mari {first}", f"Jaan {second}")
    assert officer.post("/desk/cohort/leave-out", person="Mari").status_code == 303
    assert set(cells(look(officer))) == {"Jaan"}


def test_tables_name_is_no_formula(team: Team) -> None:
    officer = team.officer()
    paste(officer, f"=1+1 {team.shared('O-3', team.award('O-3'))}")
    rows = list(csv.reader(io.StringIO(officer.get("/desk/cohort/table.csv", lang="en").text.lstrip("\ufeff"))))
    assert rows[0][:2] == [WORDS["person"], "Working with Data: First Steps (Riverside University)"]
    assert rows[1] == ["'=1+1", "Valid"]


@pytest.mark.parametrize("path", ["/links", "/opened", "/role", "/leave-out", "/close"])
def test_forms_are_taken_from_the_sessions_own_pages_alone(team: Team, path: str) -> None:
    officer = team.officer()
    foreign = {"Origin": "https://elsewhere.example"}
    assert officer.post(f"/desk/cohort{path}", headers=foreign, links="x").status_code == 403
    assert officer.send(f"/desk/cohort{path}", {"token": "0" * 64, "links": "x"}).status_code == 403
    officer.cookie = "cairn-desk=nobody"
    assert officer.post(f"/desk/cohort{path}", links="x").status_code == 401


@pytest.mark.parametrize("path", ["", "/file", "/table.csv"])
def test_pages_are_for_who_has_signed_in(team: Team, path: str) -> None:
    answered = team.served.http.get(f"/desk/cohort{path}")
    assert answered.status_code == 401
    assert "access-control-allow-origin" not in answered.headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_whole_in_each_language(team: Team, language: Language) -> None:
    officer = team.officer()
    answered = officer.get("/desk/cohort", lang=language)
    assert read_messages(language)["desk_cohort"]["title"] in answered.text


def test_page_of_the_specification_names_what_is_in_a_file() -> None:
    page = (Path(__file__).parents[2] / "docs/spec/cohort.md").read_text("utf-8")
    sealed = CohortFiles(b"k" * 32).seal(Cohort({"0" * 16: "Mari"}, SkillRole((SKILL,))), UUID(int=1), START)
    head, token, rest = sealed.split(b"\n")
    assert (head.decode(), rest) == (page.partition("```text\n")[2].partition("\n")[0], b"")
    key = base64.urlsafe_b64encode(b"k" * 32)
    held = msgspec.msgpack.decode(Fernet(key).decrypt(token))
    role = {"type": "skills", "skills": [SKILL]}
    assert held == {"institution": UUID(int=1).bytes, "entries": [["0" * 16, "Mari"]], "role": role}
    assert [one for one in held if f"| `{one}` |" not in page] == []
