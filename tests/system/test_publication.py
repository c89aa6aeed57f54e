"""How soon what is recorded is published, the heartbeat, and time anchors by a real `openssl ts` authority."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.checkpoint import parse_checkpoint
from anchoring.note import parse_note
from loadtests.port import free_port
from tests.anchoring.tsa import Authority, make_authority, openssl_responder, served
from tests.system.school import Caller, Json, evidence, loaded, open_school
from tests.system.serving import Serving, quick_cairn

COMMITS: Final = 100
CLIENTS: Final = 4
SLOWEST_P99_SECONDS: Final = 15.0
"""Far above the second that is promised: this machine may be busy with other tests. The figure is printed."""
HEARTBEAT_SECONDS: Final = 1
PATIENCE_SECONDS: Final = 20.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    """A time-stamp authority under a root of its own."""
    return make_authority("Test TSA", datetime.now(UTC))


@pytest.fixture(scope="module")
def anchored(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A ledger that `openssl ts` stamps every second, and whose heart beats as often."""
    directory = tmp_path_factory.mktemp("anchored")
    (directory / "tsa").mkdir()
    with served(openssl_responder(authority, directory / "tsa")) as transport:
        serving = Serving(directory / "data", directory / "home", _settings(directory, authority, _port(transport)))
        serving.start()
        yield open_school(serving)
        serving.close()


def _settings(directory: Path, authority: Authority, port: int) -> dict[str, str]:
    file = directory / "tsa-chain.pem"
    chain = (authority.certificate, authority.root)
    file.write_bytes(b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain))
    return {
        "CAIRN_TSA_URLS": f"http://127.0.0.1:{port}/",
        "CAIRN_TSA_CERTIFICATES": str(file),
        "CAIRN_ANCHOR_INTERVAL_SECONDS": "1",
        "CAIRN_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
    }


def _port(transport: Callable[[bytes], bytes]) -> int:
    assert isinstance(transport, partial)
    port: int = transport.args[0]
    return port


def _eventually(found: Callable[[], Any]) -> Any:  # noqa: ANN401  whatever is waited for
    """Ask until there is an answer that is not None."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = found()
        if answer is not None:
            return answer
        time.sleep(0.1)
    message = f"it did not come about within {PATIENCE_SECONDS} seconds"
    raise AssertionError(message)


def _anchors(serving: Serving, above: int = 0) -> list[Json] | None:
    """The served anchors once there is one whose record is in the log, over more than *above* entries."""
    anchors: list[Json] = loaded(serving.http.get("/v1/anchors"))["anchors"]
    return anchors if any(one["log_index"] is not None and one["size"] > above for one in anchors) else None


def test_commit_is_published_soon_when_it_was_acknowledged(serving: Serving, school: Caller) -> None:
    evidence(serving, school.issue()["id"])

    def measure(number: int) -> float:
        begin = time.perf_counter()
        evidence(serving, school.issue(f"Learner {number}")["id"])
        return time.perf_counter() - begin

    with ThreadPoolExecutor(CLIENTS) as clients:
        times = sorted(clients.map(measure, range(COMMITS)))
    hundredths = quantiles(times, n=100, method="inclusive")
    print(f"from request to published evidence: p50 {hundredths[49]:.3f} s, p99 {hundredths[98]:.3f} s")  # noqa: T201  the figure is the point
    assert hundredths[98] < SLOWEST_P99_SECONDS


def test_cosignature_is_renewed_when_nothing_new_is_recorded(anchored: Caller) -> None:
    def beat() -> tuple[str, int]:
        note = parse_note(anchored.serving.http.get("/log/checkpoint").content)
        times = [int.from_bytes(one.blob[:8], "big") for one in note.signatures if one.name.endswith("/operator")]
        return note.text, max(times)

    evidence(anchored.serving, anchored.issue()["id"])
    text, first = beat()

    def later() -> tuple[str, int] | None:
        found = beat()
        return found if found[1] > first + HEARTBEAT_SECONDS else None

    newer, at = _eventually(later)
    assert abs(at - time.time()) < 10 * HEARTBEAT_SECONDS
    # An anchor may have been recorded meanwhile; the log only grows.
    assert parse_checkpoint(newer).size >= parse_checkpoint(text).size


def test_evidence_carries_the_token_when_an_authority_stamped_the_log(anchored: Caller, tmp_path: Path) -> None:
    serving = anchored.serving
    public_id = anchored.issue()["id"]
    own_index = json.loads(evidence(serving, public_id))["entries"][0]["index"]
    anchors = _eventually(lambda: _anchors(serving, own_index))
    recorded = next(one for one in anchors if one["log_index"] is not None and one["size"] > own_index)
    assert recorded["kind"] == "rfc3161"
    assert abs(datetime.fromisoformat(recorded["time"]) - datetime.now(UTC)).total_seconds() < 10 * PATIENCE_SECONDS

    # The digest of the token is in the log, at the place that is served.
    entry = _entry(serving, recorded["log_index"])
    assert entry.startswith(b"cairn-entry/v1\nlog.anchor_recorded.v1\n")
    assert sha256(b64decode(recorded["token"])).hexdigest().encode() in entry

    proof = evidence(serving, public_id)
    assert json.loads(proof)["anchors"][0]["kind"] == "rfc3161"
    file, policy = tmp_path / "evidence.json", tmp_path / "trust.policy"
    file.write_bytes(proof)
    policy.write_bytes(serving.http.get("/log/policy").content)
    assert b"\ntsa " in policy.read_bytes()
    _assert_anchored(serving, file, policy, "passed", 0)
    # The same file proves nothing of time to who does not know the authority, and all the rest.
    policy.write_text("".join(f"{line}\n" for line in policy.read_text().splitlines() if not line.startswith("tsa ")))
    _assert_anchored(serving, file, policy, "skipped", 0)
    assert quick_cairn(serving.home, "audit", serving.url).returncode == 0


def _assert_anchored(serving: Serving, file: Path, policy: Path, state: str, code: int) -> None:
    done = quick_cairn(serving.home, "verify", file, "--policy", policy, "--json")
    report: Json = json.loads(done.stdout)
    assert done.returncode == code, report["sentence"]
    assert next(check["state"] for check in report["checks"] if check["code"] == "log.anchors") == state


def test_token_is_not_accepted_when_another_authority_is_trusted(anchored: Caller, tmp_path: Path) -> None:
    serving = anchored.serving
    public_id = anchored.issue()["id"]
    index = json.loads(evidence(serving, public_id))["entries"][0]["index"]
    _eventually(lambda: _anchors(serving, index))
    other = make_authority("Test TSA", datetime.now(UTC))
    lines = [line for line in serving.http.get("/log/policy").text.splitlines() if not line.startswith("tsa ")]
    lines += [
        f"tsa 127.0.0.1 {''.join(certificate.public_bytes(Encoding.PEM).decode().splitlines()[1:-1])}"
        for certificate in (other.certificate, other.root)
    ]
    file, policy = tmp_path / "evidence.json", tmp_path / "trust.policy"
    file.write_bytes(evidence(serving, public_id))
    policy.write_text("\n".join(lines) + "\n")
    done = quick_cairn(serving.home, "verify", file, "--policy", policy, "--json")
    assert next(c["state"] for c in json.loads(done.stdout)["checks"] if c["code"] == "log.anchors") != "passed"


def test_log_is_published_when_the_authority_is_down(authority: Authority, tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection("127.0.0.1", port, timeout=5).connect()
    serving = Serving(tmp_path / "data", tmp_path / "home", _settings(tmp_path, authority, port))
    serving.start()
    try:
        school = open_school(serving)
        for number in range(3):
            evidence(serving, school.issue(f"Learner {number}")["id"])
        _eventually(lambda: True if "anchor_failed" in serving.output_file.read_text() else None)
        evidence(serving, school.issue("After the failure")["id"])
        answer = loaded(serving.http.get("/v1/anchors"))
        assert (answer["anchors"], answer["anchored_size"]) == ([], None)
        assert answer["unanchored_entries"] == answer["log_size"] > 0
        assert loaded(serving.http.get("/readyz"))["status"] == "ready"
    finally:
        serving.close()


def test_server_does_not_start_when_the_authority_s_certificates_end_nowhere(
    authority: Authority, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, authority, free_port())
    Path(settings["CAIRN_TSA_CERTIFICATES"]).write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    serving = Serving(tmp_path / "data", tmp_path / "home", settings)
    try:
        with pytest.raises(AssertionError, match="self-signed"):
            serving.start()
        assert serving.ended() == 3
    finally:
        serving.close()


def _entry(serving: Serving, index: int) -> bytes:
    """Read one entry of a log of fewer than 256 entries from its public bundle."""
    size = parse_checkpoint(parse_note(serving.http.get("/log/checkpoint").content).text).size
    assert index < size
    bundle = serving.http.get(f"/log/tile/entries/000.p/{size}").raise_for_status().content
    for _ in range(index):
        bundle = bundle[2 + int.from_bytes(bundle[:2], "big") :]
    return bundle[2 : 2 + int.from_bytes(bundle[:2], "big")]
