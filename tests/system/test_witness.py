"""Real witnesses and a real log, each a process of its own: cosigning, outage, kill -9, forks, withholding."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from anchoring.add_checkpoint import parse_conflict
from anchoring.checkpoint import parse_checkpoint
from anchoring.note import Note, parse_note
from anchoring.tlog_policy import TlogPolicy, parse_tlog_policy
from loadtests.port import free_port
from tests.anchoring.witness_world import Tree
from tests.system.school import evidence, open_school
from tests.system.serving import CAIRN, Serving, environment, quick_cairn

PATIENCE = 60.0


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


class WitnessProcess:
    """`cairn witness serve` over one directory; it can be killed and started again on its port."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name, self.port = home, name, free_port()
        self.data = home / f"witness-{name}"
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE)
        made = quick_cairn(home, "witness", "key", "--data", self.data, "--name", f"{name}.example/w1", "--json")
        assert made.returncode == 0, made.stderr
        self.ed25519, self.mldsa = json.loads(made.stdout)["vkeys"]
        self.process: subprocess.Popen[bytes] | None = None

    def trust(self, vkey: str) -> None:
        done = quick_cairn(self.home, "witness", "trust", "--data", self.data, vkey)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        command: list[str | Path] = [
            CAIRN,
            "witness",
            "serve",
            "--data",
            self.data,
            "--port",
            str(self.port),
            "--quiet",
        ]
        self.process = subprocess.Popen(command, env=environment(self.home), stderr=subprocess.DEVNULL)
        eventually(self._lives)

    def _lives(self) -> bool:
        try:
            return self.http.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def post(self, body: bytes) -> httpx.Response:
        return self.http.post("/add-checkpoint", content=body)


@pytest.fixture
def witnesses(tmp_path: Path) -> Iterator[list[WitnessProcess]]:
    made = [WitnessProcess(tmp_path, name) for name in ("north", "south")]
    yield made
    for one in made:
        one.end()
        one.http.close()


def test_witness_never_cosigns_a_fork_when_it_is_killed_at_any_moment(witnesses: list[WitnessProcess]) -> None:
    """Two histories compete for the witness while it is killed again and again; all it ever signs is one of them."""
    witness, trees = witnesses[0], [Tree(size=400), Tree(branch="other", size=400)]
    witness.trust(trees[0].signer.vkey)
    given: list[tuple[int, int]] = []  # which tree, what size
    done = threading.Event()

    def press(number: int) -> None:
        tree, old, new = trees[number], 0, 1
        while not done.is_set():
            try:
                answer = witness.post(tree.request(old, new))
            except httpx.TransportError:
                time.sleep(0.1)  # it is being killed and started
                continue
            if answer.status_code == 200:
                given.append((number, new))
                old, new = new, min(new + 1, 400)
            elif answer.status_code == 409:
                old = parse_conflict(answer.content)
                new = min(old + 1, 400)

    witness.start()
    threads = [threading.Thread(target=press, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = len(given)
        eventually(lambda before=before: len(given) >= before + 5)  # type: ignore[misc]  # a value of this turn
        witness.end()
        witness.start()
    done.set()
    for thread in threads:
        thread.join()
    assert len({number for number, _ in given}) == 1, "both histories were cosigned"
    newest = max(size for _, size in given)
    # What it stored is no older than what it gave away, and of the same history.
    winner = trees[given[0][0]]
    stored = parse_conflict(witness.post(winner.request(399 if newest != 399 else 398, 400)).content)
    assert newest <= stored <= newest + 1
    assert witness.post(trees[1 - given[0][0]].request(stored, 400)).status_code == 422
    assert witness.end(signal.SIGTERM) == 0


def write_policy(directory: Path, witnesses: list[WitnessProcess], quorum: str) -> Path:
    lines = []
    for one in witnesses:
        lines += [f"witness {one.name} {one.ed25519} {one.url}", f"witness {one.name}-pq {one.mldsa} {one.url}"]
        lines += [f"group both-{one.name} all {one.name} {one.name}-pq"]
    lines += [f"group g {quorum} {' '.join(f'both-{one.name}' for one in witnesses)}", "quorum g"]
    file = directory / "witness.policy"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def published(serving: Serving) -> Note:
    return parse_note(serving.http.get("/log/checkpoint").content)


def signed(policy: TlogPolicy, note: Note) -> list[datetime]:
    """When each key of a policy's witnesses signed; raises if one did not."""
    return [key.verify(note) for _, key in policy.witnesses]


def signers(serving: Serving) -> set[str]:
    if serving.http.get("/log/checkpoint").status_code == httpx.codes.NOT_FOUND:
        return set()  # the very first one is still to come
    return {line.name.partition(".")[0] for line in published(serving).signatures if line.name.endswith("/w1")}


@pytest.fixture
def ledger(tmp_path: Path, witnesses: list[WitnessProcess]) -> Iterator[Serving]:
    """A log that north and south know; no witness is asked yet."""
    made = Serving(tmp_path / "data", tmp_path)
    made.start()
    for one in witnesses:
        one.trust(made.http.get("/log/vkey").text.strip())
    made.stop()
    yield made
    made.close()


def test_log_is_cosigned_by_a_quorum_and_goes_on_when_witnesses_go_down(
    ledger: Serving, witnesses: list[WitnessProcess], tmp_path: Path
) -> None:
    north, south = witnesses
    policy = write_policy(tmp_path, witnesses, "all")
    ledger.settings.update(
        {
            "CAIRN_WITNESS_POLICY": str(policy),
            "CAIRN_HEARTBEAT_SECONDS": "1",
            "CAIRN_WITNESS_WAIT_MS": "10000",  # all that are up have signed what is served, however busy they are
        }
    )
    north.start()
    south.start()
    ledger.start()
    school = open_school(ledger)
    award = school.issue()
    eventually(lambda: signers(ledger) == {"north", "south"})
    parsed = parse_tlog_policy(policy.read_text())
    assert len(signed(parsed, published(ledger))) == 4
    file = tmp_path / "evidence.json"
    trusted = tmp_path / "trusted.policy"
    trusted.write_text(ledger.http.get("/log/policy").text, "utf-8")

    def verify() -> tuple[int, str]:
        file.write_bytes(evidence(ledger, award["id"]))
        done = quick_cairn(tmp_path, "verify", file, "--policy", trusted)
        return done.returncode, done.stdout

    assert verify()[0] == 0
    # One witness dies: the log goes on, and says so.
    assert south.end() == -signal.SIGKILL
    other = school.issue()
    eventually(lambda: signers(ledger) == {"north"})
    assert ledger.http.get(f"/v1/credentials/{other['id']}/status").status_code == 200
    ready = ledger.http.get("/readyz")
    check = next(one for one in ready.json()["checks"] if one["name"] == "witnesses")
    assert (ready.status_code, check["ok"]) == (200, True)
    assert "has NOT signed" in check["detail"]
    assert "south" in check["detail"]
    assert "cairn_witness_quorum_met 0.0" in ledger.http.get("/metrics").text
    code, words = verify()
    assert code == 2
    assert "Too few of the witnesses" in words
    # It comes back, and is asked again by itself.
    south.start()
    eventually(lambda: signers(ledger) == {"north", "south"})
    assert verify()[0] == 0
    # The heartbeat makes their times new.
    first = max(signed(parsed, published(ledger)))
    eventually(lambda: min(signed(parsed, published(ledger))) > first)
    ledger.kill()
    ledger.start()
    assert signers(ledger) == {"north", "south"}
    assert ledger.stop() == 0


def test_checkpoint_is_withheld_and_the_old_one_served_with_proofs_until_the_quorum_signs(
    ledger: Serving, witnesses: list[WitnessProcess], tmp_path: Path
) -> None:
    north = witnesses[0]
    policy = write_policy(tmp_path, [north], "all")
    ledger.settings.update(
        {
            "CAIRN_WITNESS_POLICY": str(policy),
            "CAIRN_WITNESS_WITHHOLD": "true",
            "CAIRN_HEARTBEAT_SECONDS": "1",
            "CAIRN_READY_UNPUBLISHED_SECONDS": "3600",
        }
    )
    north.start()
    ledger.start()
    school = open_school(ledger)
    award = school.issue()
    address = f"/v1/credentials/{award['id']}/evidence"
    evidence(ledger, award["id"])
    north.end()
    late = school.issue()
    metrics = ledger.http.get
    eventually(lambda: "cairn_witness_withheld 1.0" in metrics("/metrics").text)
    size = parse_checkpoint(published(ledger).text).size
    for _ in range(2):
        served = ledger.http.get(address)
        assert served.status_code == 200
        assert parse_checkpoint(parse_note(served.json()["checkpoint"].encode()).text).size == size
        check = next(one for one in ledger.http.get("/readyz").json()["checks"] if one["name"] == "witnesses")
        assert "withheld" in check["detail"]
        ledger.kill()  # the second time round: after a restart all this still holds
        ledger.start()
    metrics = ledger.http.get
    north.start()
    eventually(lambda: ledger.http.get(f"/v1/credentials/{late['id']}/evidence").status_code == 200)
    assert parse_checkpoint(published(ledger).text).size > size
    assert signers(ledger) == {"north"}
    assert ledger.stop() == 0
    assert quick_cairn(tmp_path, "fsck", "--data", ledger.data).returncode == 0


def test_serving_says_which_line_is_wrong_when_the_policy_is(tmp_path: Path) -> None:
    policy = tmp_path / "witness.policy"
    policy.write_text("quorum nobody\n", "utf-8")
    settings = {"CAIRN_WITNESS_POLICY": str(policy)}
    command: list[str | Path] = [CAIRN, "serve", "--data", tmp_path / "data", "--port", str(free_port())]
    done = subprocess.run(
        command, env=environment(tmp_path, settings), capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 3
    assert "CAIRN_WITNESS_POLICY: line 1: a quorum that is not defined above it" in done.stderr.decode()


def test_witness_command_lists_what_it_cosigned_and_forgets_a_log(witnesses: list[WitnessProcess]) -> None:
    north, log = witnesses[0], Tree()
    north.trust(log.signer.vkey)
    north.start()
    assert north.post(log.request(0, 300)).status_code == 200
    listed = quick_cairn(north.home, "witness", "list", "--data", north.data)
    assert "test.cairn.example/log: 300 entries cosigned at 2" in listed.stdout
    assert quick_cairn(north.home, "witness", "forget", "--data", north.data, log.signer.vkey).returncode == 0
    assert north.post(log.request(300, 400)).status_code == 404  # at once, without a restart
    assert quick_cairn(north.home, "witness", "forget", "--data", north.data, log.signer.vkey).returncode == 3
    assert quick_cairn(north.home, "witness", "list", "--data", north.home / "elsewhere").returncode == 64
    again = quick_cairn(north.home, "witness", "key", "--data", north.data, "--name", "x.example")
    assert again.returncode == 64
    assert (north.data / "witness.db").stat().st_mode & 0o077 == 0
