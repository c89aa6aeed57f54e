"""`cairn credential reissue` beside a running server: on trial, done, done again; then everything is checked."""

from __future__ import annotations

import json

from tests.system.school import SLUG, Caller, Json, claim, status, verified
from tests.system.serving import Serving, cairn, quick_cairn

AWARDS = 3


def reissue(serving: Serving, *options: str) -> tuple[list[Json], str]:
    """Run the command; return its result and what it said."""
    done = quick_cairn(
        serving.home, "credential", "reissue", "--data", serving.data, "--institution", SLUG, "--json", *options
    )
    assert done.returncode == 0, done.stderr
    found: list[Json] = json.loads(done.stdout)
    return found, done.stderr


def test_stolen_keys_awards_are_signed_anew_in_one_command(serving: Serving, school: Caller) -> None:
    made = school.post("/v1/credentials", {"credentials": [claim(f"Learner {n}") for n in range(AWARDS)]}).json()
    ids = [award["id"] for award in made["credentials"]]
    old = school.bundle(ids[0])
    assert reissue(serving) == ([], f"no key of {SLUG} was declared stolen; nothing is to be signed anew\n")
    declared = quick_cairn(
        serving.home, "keys", "compromised", SLUG, "key-1", "--since", "2026-01-01", "--data", serving.data
    )
    assert declared.returncode == 0, declared.stderr
    assert "cairn credential reissue" in declared.stderr
    refused = cairn(serving.home, "credential", "reissue", "--data", serving.data, "--institution", SLUG)
    assert (refused.returncode, "rotate its key first" in refused.stderr) == (3, True)
    assert quick_cairn(serving.home, "keys", "rotate", SLUG, "--data", serving.data).returncode == 0

    [trial], said = reissue(serving, "--dry-run")
    assert (trial["credentials"], trial["signed_with"]) == (ids, None)
    assert f"{AWARDS} awards would be signed anew" in said
    [done], said = reissue(serving, "--key", "key-1")
    assert (done["credentials"], done["signed_with"]) == (ids, "key-2")
    assert f"{AWARDS} awards signed anew with key-2; their holders need the new bundle" in said
    [again], said = reissue(serving)
    assert (again["credentials"], "nothing is to be signed anew" in said) == ([], True)

    for public_id in ids:
        assert verified(serving, school.bundle(public_id))["verdict"] == "valid"
        assert status(serving, public_id)["verdict"] == "valid"
    fresh = json.loads(school.bundle(ids[0]))["evidence"]
    report = verified(serving, json.dumps({**json.loads(old), "evidence": fresh}).encode())
    assert (report["verdict"], report["reason"]) == ("unknown", "signed_anew")
    audited = quick_cairn(serving.home, "audit", serving.url, "--json")
    assert json.loads(audited.stdout)["findings"] == []
    assert serving.stop() == 0
    checked = quick_cairn(serving.home, "fsck", "--data", serving.data, "--json")
    assert json.loads(checked.stdout)["findings"] == []
