"""Several time anchors at once on a served ledger: two authorities, one of them down, and a real chain."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.evm import verify_evm
from loadtests.port import free_port
from tests.anchoring.chain import ACCOUNT, CHAIN_ID, local_chain, rpc_to
from tests.anchoring.tsa import Authority, certomancer_responder, make_authority, served
from tests.system.school import Caller, Json, evidence, loaded, open_school, operator_key
from tests.system.serving import CAIRN, Serving, environment, quick_cairn

WAIT_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Anchored:
    """A ledger with three anchors that are asked on demand alone, and what stands behind them."""

    school: Caller
    operator: Caller
    chain: int


def pem(authority: Authority, file: Path) -> Path:
    chain = (authority.certificate, authority.root)
    file.write_bytes(b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain))
    return file


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anchored]:
    directory = tmp_path_factory.mktemp("anchors")
    authority = make_authority("First TSA", datetime.now(UTC))
    files = [
        pem(authority, directory / "one.pem"),
        pem(make_authority("Down", datetime.now(UTC)), directory / "two.pem"),
    ]
    with served(certomancer_responder(authority)) as transport, local_chain() as chain:
        assert isinstance(transport, partial)
        settings = {
            "CAIRN_TSA_URLS": f"http://127.0.0.1:{transport.args[0]}/,http://127.0.0.1:{free_port()}/",
            "CAIRN_TSA_CERTIFICATES": ",".join(map(str, files)),
            "CAIRN_EVM_RPC_URL": f"http://127.0.0.1:{chain}",
            "CAIRN_EVM_CHAIN_ID": str(CHAIN_ID),
            "CAIRN_EVM_ACCOUNT": ACCOUNT,
            "CAIRN_EVM_CONFIRMATIONS": "1",
            "CAIRN_ANCHOR_INTERVAL_SECONDS": "86400",
        }
        serving = Serving(directory / "data", directory / "home", settings)
        serving.start()
        yield Anchored(open_school(serving), Caller(serving, operator_key(serving)), chain)
        serving.close()


def stamped(anchored: Anchored) -> list[Json]:
    answered = anchored.operator.post("/v1/anchors", None)
    assert answered.status_code == 200, answered.text
    attempts: list[Json] = loaded(answered)["attempts"]
    return attempts


def anchors(serving: Serving, query: str = "") -> Json:
    return loaded(serving.http.get(f"/v1/anchors{query}"))


def wait_for(found: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not found():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_every_anchor_is_asked_at_once_and_one_that_is_down_holds_up_none(anchored: Anchored) -> None:
    serving = anchored.school.serving
    # Each is asked by itself once, soon after the start; were that now, the request below would find nothing new.
    wait_for(lambda: all(one["anchored_size"] or one["failures"] for one in anchors(serving)["standing"]))
    public_id = anchored.school.issue()["id"]
    index = json.loads(evidence(serving, public_id))["entries"][0]["index"]
    attempts = {one["anchor"]: one for one in stamped(anchored)}
    assert set(attempts) == {"127.0.0.1", "127.0.0.1-1", f"evm-{CHAIN_ID}"}
    assert {name for name, one in attempts.items() if one["error"] is not None} == {"127.0.0.1-1"}
    wait_for(
        lambda: sum(one["log_index"] is not None and one["size"] > index for one in anchors(serving)["anchors"]) >= 2
    )

    answer = anchors(serving)
    kinds = {one["kind"] for one in answer["anchors"]}
    assert kinds == {"rfc3161", "evm"}
    down = next(one for one in answer["standing"] if one["name"] == "127.0.0.1-1")
    assert (down["anchored_size"], down["failures"] > 0) == (0, True)
    assert down["tried_at"] < down["next_try"]
    assert "127.0.0.1:" not in json.dumps(answer["standing"])
    # The chain says so as well, asked by somebody else.
    sent = next(one for one in answer["anchors"] if one["kind"] == "evm")
    at = verify_evm(b64decode(sent["token"]), sent["checkpoint"].encode(), rpc_to(anchored.chain), chain_id=CHAIN_ID)
    assert at == datetime.fromisoformat(sent["time"])
    # A file that is checked offline carries what can be checked offline.
    proof = json.loads(evidence(serving, public_id))
    assert {one["kind"] for one in proof["anchors"]} == {"rfc3161"}
    audited = quick_cairn(serving.home, "audit", serving.url, "--json")
    assert audited.returncode == 0, audited.stdout


def test_unanchored_tail_is_stated_and_pages_follow_each_other(anchored: Anchored) -> None:
    serving = anchored.school.serving
    anchored.school.issue()
    stamped(anchored)
    anchored.school.issue()
    wait_for(lambda: anchors(serving)["unanchored_entries"] > 0)
    answer = anchors(serving)
    tail = answer["unanchored"]
    assert tail["to"] - tail["from"] == answer["unanchored_entries"] == answer["log_size"] - answer["anchored_size"]
    assert tail["since"] == min(one["time"] for one in answer["anchors"] if one["size"] == tail["from"])
    serials: list[str] = []
    after: int | None = 0
    while after is not None:
        page = anchors(serving, f"?after={after}&limit=1")
        serials += [one["token_sha256"] for one in page["anchors"]]
        after = page["next"]
    assert serials == [one["token_sha256"] for one in answer["anchors"]]


def test_stamping_needs_an_operator_and_asks_nobody_when_nothing_is_new(anchored: Anchored) -> None:
    assert anchored.school.post("/v1/anchors", None).status_code == 403
    assert anchored.school.serving.http.post("/v1/anchors").status_code == 401
    evidence(anchored.school.serving, anchored.school.issue()["id"])  # then all that was recorded is published
    stamped(anchored)
    asked = {one["anchor"] for one in stamped(anchored)}
    assert asked <= {"127.0.0.1-1"}  # the one that is down still wants its first


def test_server_stops_at_once_when_an_anchor_waits_for_blocks_that_do_not_come(tmp_path: Path) -> None:
    with local_chain() as chain:
        settings = {
            "CAIRN_EVM_RPC_URL": f"http://127.0.0.1:{chain}",
            "CAIRN_EVM_CHAIN_ID": str(CHAIN_ID),
            "CAIRN_EVM_ACCOUNT": ACCOUNT,
            "CAIRN_EVM_CONFIRMATIONS": "12",
        }
        serving = Serving(tmp_path / "data", tmp_path / "home", settings)
        serving.start()
        try:
            open_school(serving).issue()
            wait_for(lambda: rpc_to(chain)("eth_blockNumber", []) != "0x0")
            begun = time.monotonic()
            assert serving.stop() == 0
            assert time.monotonic() - begun < WAIT_SECONDS / 2
        finally:
            serving.close()


def test_anchor_command_stamps_at_once_when_the_interval_is_not_over(tmp_path: Path) -> None:
    authority = make_authority("On demand", datetime.now(UTC))
    serving = Serving(tmp_path / "data", tmp_path / "home")
    with served(certomancer_responder(authority)) as transport:
        assert isinstance(transport, partial)
        own = {
            "CAIRN_TSA_URLS": f"http://127.0.0.1:{transport.args[0]}/",
            "CAIRN_TSA_CERTIFICATES": str(pem(authority, tmp_path / "tsa.pem")),
        }
        sizes = []
        serving.start()
        school = open_school(serving)
        for turn in range(2):
            if turn > 0:
                serving.start()
            school.issue()
            assert serving.stop() == 0
            command: list[str | Path] = [CAIRN, "anchor", "--data", serving.data, "--json"]
            done = subprocess.run(
                command, env={**environment(serving.home), **own}, capture_output=True, text=True, check=True
            )
            [attempt] = json.loads(done.stdout)
            assert attempt["error"] is None
            sizes.append(attempt["size"])
    assert sizes[0] < sizes[1]
    serving.close()


def test_settings_of_the_chain_belong_together(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "data", tmp_path / "home", {"CAIRN_EVM_CHAIN_ID": "1"})
    with pytest.raises(AssertionError):
        serving.start()
    assert "belong together" in serving.output_file.read_text()
    serving.close()
