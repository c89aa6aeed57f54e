"""The `cairn` command's manners: help, exit codes, JSON on standard output alone, words on standard error, signals."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from api.cli.entry import make_app
from api.cli.serve import callable_name
from api.cli.terminal import Exit
from tests.api.test_qr_photo import photo
from tests.files import copy_if_there
from tests.system.school import CODE, SLUG, Caller, evidence, loaded, status
from tests.system.serving import Serving, cairn, quick_cairn

OTHER = "json-school"
"""An institution whose keys and accreditation the commands may spoil; the first of them founds it."""


def _paths(app: typer.Typer, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that call each command, the groups and the whole included."""
    yield before
    for command in app.registered_commands:
        assert command.callback is not None
        yield (*before, command.name or command.callback.__name__)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _paths(group.typer_instance, (*before, str(group.name)))


@pytest.mark.parametrize("words", list(_paths(make_app())), ids=" ".join)
def test_help_says_what_exit_codes_mean_when_asked(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(make_app(), [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    for code in Exit:
        assert f"{code.value} " in shown.stdout.partition("Exit codes:")[2]


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["verify"],
        ["serve", "--port", "none"],
        ["fsck", "--data", "absent"],
        ["institution", "add", "a", "--name", "A", "--country", "EE", "--kind", "guild", "--data", "absent"],
        ["institution", "withdraw", "a", "accreditation-1", "--reason", "because", "--data", "absent"],
    ],
    ids=" ".join,
)
def test_command_exits_64_when_it_is_called_wrongly(tmp_path: Path, words: list[str]) -> None:
    done = cairn(tmp_path, *words)
    assert done.returncode == 64
    assert done.stdout == ""
    assert "error" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_command_exits_3_with_one_line_when_it_fails(serving: Serving, school: Caller) -> None:
    del school
    done = cairn(serving.home, "keys", "list", "nobody", "--data", serving.data)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["institution", "list"],
        ["institution", "accredit", "a", "--by", "An agency", "--scope", "All", "--since", "2024-01-01"],
        ["institution", "withdraw", "a", "accreditation-1"],
        ["keys", "list", "a"],
        ["keys", "rotate", "a"],
        ["keys", "revoke", "a", "key-1"],
        ["keys", "compromised", "a", "key-1", "--since", "2026-01-01"],
        ["access", "list"],
        ["access", "revoke", "abc"],
        ["erase", "--yes", "--institution", "a", "--learner", "b"],
        ["learner", "link", "a", "--learner", "b"],
        ["learner", "revoke", "abc"],
        ["credential", "reissue", "--institution", "a"],
        ["disclose", "--to", "disclosed"],
        ["rebuild"],
        ["anchor"],
    ],
    ids=" ".join,
)
def test_command_makes_no_ledger_when_the_directory_is_misspelt(tmp_path: Path, words: list[str]) -> None:
    absent = tmp_path / "absent"
    done = quick_cairn(tmp_path / "home", *words, "--data", absent)
    assert (done.returncode, done.stdout) == (64, "")
    assert f"there is no ledger in {absent}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "said, meant",
    [
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31T12:00:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00+03:00", "2026-01-31T09:00:00Z"),
    ],
)
def test_instant_of_an_option_is_taken_as_utc_when_it_has_no_offset(tmp_path: Path, said: str, meant: str) -> None:
    data = ("--data", tmp_path / "data")
    assert quick_cairn(tmp_path, "institution", "add", "a", "--name", "A", "--country", "EE", *data).returncode == 0
    done = quick_cairn(tmp_path, "keys", "compromised", "a", "key-1", "--since", said, *data)
    assert done.returncode == 0, done.stderr
    [key] = json.loads(quick_cairn(tmp_path, "keys", "list", "a", *data, "--json").stdout)
    assert key["compromised_at"] == meant
    assert meant[:10] in done.stdout


def test_setting_is_refused_when_its_name_is_misspelt(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_PROT", "1")
    done = CliRunner().invoke(make_app(), ["institution", "list", "--data", str(serving.data)])
    assert "CAIRN_PROT is not a setting" in str(done.exception)


@pytest.mark.parametrize(
    "words",
    [
        ["institution", "add", OTHER, "--name", "J", "--country", "EE"],
        ["institution", "list"],
        ["institution", "accredit", OTHER, "--by", "An agency", "--scope", "All", "--since", "2024-01-01"],
        ["institution", "withdraw", OTHER, "accreditation-1"],
        ["keys", "list", OTHER],
        ["keys", "rotate", OTHER],
        ["keys", "compromised", OTHER, "key-1", "--since", "2026-01-01"],
        ["keys", "revoke", OTHER, "key-1"],
        ["access", "grant"],
        ["access", "grant", "--institution", OTHER],
        ["access", "list"],
        ["rebuild", "achievement_catalogue"],
        ["fsck"],
    ],
    ids=" ".join,
)
def test_standard_output_is_json_alone_when_asked(serving: Serving, school: Caller, words: list[str]) -> None:
    del school
    done = quick_cairn(serving.home, *words, "--data", serving.data, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is not None
    assert "\x1b" not in done.stdout + done.stderr


def test_trust_is_kept_listed_and_taken_back_when_asked(serving: Serving, tmp_path: Path) -> None:
    vkey = serving.http.get("/log/vkey").text.strip()
    assert quick_cairn(tmp_path, "trust", "add", vkey).returncode == 0
    listed = quick_cairn(tmp_path, "trust", "list", "--json")
    assert json.loads(listed.stdout) == {"keys": [vkey]}
    assert vkey in quick_cairn(tmp_path, "trust", "list").stdout
    assert quick_cairn(tmp_path, "trust", "remove", vkey).returncode == 0
    assert json.loads(quick_cairn(tmp_path, "trust", "list", "--json").stdout) == {"keys": []}
    assert quick_cairn(tmp_path, "trust", "remove", vkey).returncode == 3
    assert quick_cairn(tmp_path, "trust", "add", "nonsense").returncode == 64


def test_evidence_is_read_from_standard_input_when_the_file_is_a_dash(
    serving: Serving, school: Caller, tmp_path: Path
) -> None:
    content = evidence(serving, school.issue()["id"])
    policy = tmp_path / "policy"
    policy.write_bytes(serving.http.get("/log/policy").content)
    done = cairn(tmp_path, "verify", "-", "--policy", policy, content=content)
    assert (done.returncode, done.stderr) == (0, "")
    broken = cairn(tmp_path, "verify", "-", "--policy", policy, content=content[:-1])
    assert broken.returncode == 1


@pytest.mark.parametrize(
    "content, code, words",
    [
        (b"[" * 200_000, 1, "nested deeper"),
        (b'{"format": "cairn/evidence/v9"}', 2, "use a newer version"),
        (b'{"format": "cairn/evidence/v1", "\\u001b[2JVALID\\n": 1}', 1, "\\u001b[2JVALID\\u000a"),
        (b"null", 1, "not a JSON object"),
    ],
)
def test_verify_says_what_is_wrong_when_the_file_is_odd(
    content: bytes, code: int, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(make_app(), ["verify", "-"], input=content)
    assert done.exit_code == code, done.output
    assert words in done.output
    assert "\x1b" not in done.output


def test_verify_speaks_both_languages_when_the_file_is_malformed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    spoken = CliRunner().invoke(make_app(), ["verify", "-", "--lang", "ru"], input=b"{")
    assert (spoken.exit_code, "Файл составлен неправильно" in spoken.output) == (1, True)
    written = CliRunner().invoke(make_app(), ["verify", "-", "--json"], input=b"{")
    assert json.loads(written.stdout)["sentence"].keys() == {"en", "ru"}


@pytest.mark.parametrize(
    "words",
    [
        ["--at", "0001-01-01T00:00:00+14:00"],
        ["--at", ""],
        ["--at", "2999-01-01"],
        ["--max-age", "99999999999999"],
        ["--policy", "absent"],
    ],
    ids=" ".join,
)
def test_verify_exits_64_when_an_option_makes_no_sense(
    words: list[str], serving: Serving, school: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "evidence.json"
    file.write_bytes(evidence(serving, school.issue()["id"]))
    done = cairn(tmp_path, "verify", file, *words)
    assert (done.returncode, done.stdout) == (64, "")
    assert "Traceback" not in done.stderr


def test_verify_judges_in_utc_when_the_instant_has_an_offset(serving: Serving, school: Caller, tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_bytes(evidence(serving, school.issue()["id"]))
    done = quick_cairn(tmp_path, "verify", file, "--at", "2026-02-01T01:30:00+03:00")
    assert "as of 2026-01-31 22:30:00 UTC" in done.stdout


def test_every_read_is_answered_when_views_are_rebuilt_under_the_server(serving: Serving, school: Caller) -> None:
    public_id = school.issue()["id"]
    paths = [
        f"/v1/credentials/{public_id}/status",
        f"/v1/achievements?institution={SLUG}",
        f"/institutions/{SLUG}/did.json",
        f"/institutions/{SLUG}/achievements/{CODE}/1",
        "/status-lists/0",
        "/v1/audit/statuses",
    ]
    finished, failed, counted = threading.Event(), [], [0]

    def read() -> None:
        with httpx.Client(base_url=serving.url, timeout=30.0) as http:
            while not finished.is_set():
                for path in paths:
                    answered = http.get(path)
                    counted[0] += 1
                    if answered.status_code != httpx.codes.OK:
                        failed.append((path, answered.status_code, answered.text))

    reader = threading.Thread(target=read)
    reader.start()
    rebuilt = cairn(serving.home, "rebuild", "--data", serving.data, "--json")
    school.issue("Written after the swap")
    finished.set()
    reader.join()
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert {one["name"] for one in json.loads(rebuilt.stdout)} >= {"credential_status", "status_lists", "log_feed"}
    assert failed == []
    assert counted[0] > len(paths)
    after = school.issue("Written to the new generation")["id"]
    assert status(serving, after)["state"] == "active"
    assert loaded(serving.http.get("/readyz"))["status"] == "ready"


def test_log_feed_made_again_is_what_the_log_has_published(serving: Serving, school: Caller, tmp_path: Path) -> None:
    evidence(serving, school.issue()["id"])
    copy = tmp_path / "data"
    shutil.copytree(serving.data, copy, copy_function=copy_if_there)
    shutil.copytree(serving.data.with_name("data.keys"), tmp_path / "data.keys")
    done = cairn(serving.home, "rebuild", "log_feed", "--data", copy, "--json")
    assert done.returncode == 0, done.stderr
    [feed] = json.loads(done.stdout)
    assert (feed["name"], feed["differences"], feed["entries"] >= feed["published"] > 0) == ("log_feed", 0, True)
    with closing(sqlite3.connect(copy / "ledger.db")) as events:
        events.execute("UPDATE stored_events SET state = CAST(state || ' ' AS BLOB) WHERE position = 2")
        events.commit()
    done = cairn(serving.home, "rebuild", "log_feed", "--data", copy)
    assert (done.returncode, "1 not alike: event 2. Run «cairn fsck»" in done.stdout) == (1, True)


def test_second_server_says_why_it_cannot_start_when_the_data_are_served(serving: Serving, school: Caller) -> None:
    second = Serving(serving.data, serving.home)
    try:
        with pytest.raises(AssertionError, match="another sequencer holds"):
            second.start()
        assert second.ended() == 3
    finally:
        second.close()
    assert status(serving, school.issue()["id"])["state"] == "active"


def test_server_says_why_it_cannot_start_when_the_port_is_taken(serving: Serving, tmp_path: Path) -> None:
    other = Serving(tmp_path / "data", tmp_path / "home")
    other.port = serving.port
    done = cairn(tmp_path, "serve", "--data", other.data, "--port", str(other.port))
    assert done.returncode == 3
    assert str(serving.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_server_closes_everything_when_asked_to_stop(serving: Serving, school: Caller) -> None:
    public_id = school.issue("Issued just before the end")["id"]
    sent = serving.http.post("/verify", files={"file": ("photo.jpg", photo(f"{serving.url}/verify/{public_id}"))})
    assert sent.headers["location"].startswith(f"/verify/{public_id}")
    assert serving.stop() == 0
    try:
        left = [file.name for file in serving.data.iterdir() if file.name.endswith("-wal") and file.stat().st_size]
        assert left == []
        assert quick_cairn(serving.home, "fsck", "--data", serving.data).returncode == 0
        said = serving.output_file.read_text()
        assert "Traceback" not in said
        assert "leaked" not in said  # what bindings of libraries say that the process or its workers had loaded
    finally:
        serving.start()
    assert status(serving, public_id)["state"] == "active"


def test_demonstration_is_kept_when_it_is_made_again(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    first = cairn(tmp_path, "demo", "--data", data, "--json")
    assert first.returncode == 0, first.stderr
    assert len(json.loads(first.stdout)) > 5
    made = _digests(data)
    second = cairn(tmp_path, "demo", "--data", data, "--json")
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert "nothing was changed" in second.stderr
    assert _digests(data) == made
    assert quick_cairn(tmp_path, "fsck", "--data", data).returncode == 0


@pytest.mark.parametrize(
    "called, shown",
    [
        ("cairn", "cairn"),
        (".venv/bin/cairn", ".venv/bin/cairn"),
        ("{here}/.venv/bin/cairn", ".venv/bin/cairn"),
        ("/elsewhere/bin/cairn", "/elsewhere/bin/cairn"),
    ],
)
def test_lines_to_paste_name_the_command_as_it_can_be_called_from_here(
    called: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert callable_name(called.format(here=tmp_path)) == shown


def test_demonstration_is_refused_when_another_ledger_is_there(serving: Serving) -> None:
    done = quick_cairn(serving.home, "demo", "--data", serving.data)
    assert done.returncode == 64
    assert "choose another" in done.stderr


def _digests(data: Path) -> dict[str, str]:
    files = [file for file in sorted(data.rglob("*")) if file.is_file() and not file.name.endswith(("-wal", "-shm"))]
    return {file.relative_to(data).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_identifiers_are_printed_whole_and_as_they_are_when_a_key_is_in_them(tmp_path: Path) -> None:
    data = str(tmp_path / "ledger")
    added = cairn(
        tmp_path, "institution", "add", "a", "--name", "A", "--country", "EE", "--did-key", "RSA", "--data", data
    )
    did = json.loads(cairn(tmp_path, "institution", "list", "--data", data, "--json").stdout)[0]["did"]
    assert did.startswith("did:key:z")
    assert did in added.stdout
    assert did.removeprefix("did:key:") in cairn(tmp_path, "keys", "list", "a", "--data", data).stdout
    refused = cairn(tmp_path, "keys", "rotate", "a", "--data", data)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "did:key:" in refused.stderr


def test_link_to_a_learners_page_is_made_on_the_machine_and_ended_there(serving: Serving, school: Caller) -> None:
    """Beside the running server, which knows of both at once."""
    learner = {"name": "Mari Maasikas", "reference": "S-link"}
    award = school.post("/v1/credentials", {"achievement": CODE, "learner": learner, "awarded_on": "2026-01-31"})
    assert award.is_success, award.text
    made = quick_cairn(serving.home, "learner", "link", SLUG, "--learner", "S-link", "--data", serving.data, "--json")
    assert made.returncode == 0, made.stderr
    link = json.loads(made.stdout)["link"]
    own_page = {"Sec-Fetch-Site": "same-origin"}
    entered = serving.http.post("/mine/enter", data={"link": link}, headers=own_page)
    assert entered.headers["location"].startswith("/mine?")
    ended = quick_cairn(serving.home, "learner", "revoke", json.loads(made.stdout)["prefix"], "--data", serving.data)
    assert ended.returncode == 0, ended.stderr
    entered = serving.http.post("/mine/enter", data={"link": link}, headers=own_page)
    assert entered.status_code == httpx.codes.NOT_FOUND
