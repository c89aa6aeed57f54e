"""A C2SP client that is not ours reads the log: the Go checksum database's own code, built at test time."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from fastapi import FastAPI

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosigner_key import parse_cosigner_key
from anchoring.error import SignatureError
from anchoring.note import format_note, parse_note
from anchoring.reader import LogReader
from anchoring.right_edge import RightEdge
from anchoring.sequencer import SequencerSettings
from anchoring.storage import DirectoryTileStore
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.tile import CHECKPOINT_PATH, encode_bundle, entries_path
from anchoring.tlog_proof import parse_tlog_proof
from anchoring.tree import leaf_hash
from api.log_route import log_router
from loadtests.port import free_port
from tests.anchoring.doubles import ORIGIN, Log, make_log
from tests.anchoring.witness_world import KEYS, Tree, make_world
from tests.oracle.logcheck import Logcheck, LogcheckError
from tests.system.school import Caller, once_covered
from tests.system.serving import Serving, quick_cairn

SIZES = (2, 255, 256, 257, 65_535, 65_536, 70_000)
"""Around every edge of a tile. The smallest checkpoint that the sequencer signs has two entries: one, and the
commitment to its state; one of a single entry is put together here, from the same parts."""
TREES = (1, *SIZES)


@pytest.fixture(scope="session")
def logcheck(request: pytest.FixtureRequest) -> Logcheck:
    cache = request.config.cache
    assert cache is not None
    return Logcheck(Path(cache.mkdir("logcheck")))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Log]:
    """One log of each size, grown in two steps where it is large enough."""
    made = {}
    for size in SIZES:
        directory = tmp_path_factory.mktemp(f"log-{size}")
        log = make_log(directory, DirectoryTileStore(directory / "log"))
        log.settings = SequencerSettings(batch_items=size)
        sequencer = log.start()
        first = size // 2 if size > 4 else 0
        for step in filter(None, (first, size - first)):
            log.feed.add(step - 1)
            sequencer.sequence()
        assert reader(log).checkpoint.size == size
        made[size] = log
    return made


@pytest.fixture(scope="module")
def single(logs: dict[int, Log]) -> dict[str, bytes]:
    """The files of a log of one entry: the first of the log of two."""
    signer, content = logs[2].keys.log, reader(logs[2]).entry(0)
    edge = RightEdge()
    edge.extend([leaf_hash(content)])
    text = Checkpoint(signer.name, 1, edge.root()).text()
    tiles = {tile.path: bytes(held) for tile, held in edge.partial_tiles()}
    bundle = {entries_path(0, 1): encode_bundle([content])}
    return {CHECKPOINT_PATH: format_note(text, [signer.sign(text)]), **tiles, **bundle}


def reader(log: Log) -> LogReader:
    return LogReader(log.tiles.read, published(log))


def published(log: Log) -> Checkpoint:
    note = log.tiles.read(CHECKPOINT_PATH)
    assert note is not None
    return parse_checkpoint(parse_note(note).text)


@pytest.fixture(scope="module")
def served(logs: dict[int, Log], single: dict[str, bytes]) -> Iterator[str]:
    """Serve every log over HTTP through the real route; yield the address."""
    app = FastAPI(redirect_slashes=False)
    reads: dict[int, Callable[[str], bytes | None]] = {size: log.tiles.read for size, log in logs.items()}
    reads[1] = single.get
    for size, read in reads.items():
        part = FastAPI(redirect_slashes=False)
        part.include_router(log_router(read, lambda: ""))
        app.mount(f"/{size}", part)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_go_client_reads_every_log_over_http_when_its_size_is_at_an_edge(
    logcheck: Logcheck, served: str, logs: dict[int, Log]
) -> None:
    vkey = logs[2].keys.log.vkey
    said = logcheck.run("follow", vkey, *(f"{served}/{size}/log" for size in TREES))
    assert [(one["size"], one["entries"]) for one in said] == [(size, size) for size in TREES]
    assert all(one["edges"] > 0 and one["tiles"] > 0 for one in said)


def test_go_verifies_what_a_witness_and_the_log_cosign_with_keys_of_both_kinds(
    logcheck: Logcheck, tmp_path: Path
) -> None:
    world = make_world(tmp_path)
    answer = world.start().add_checkpoint(world.log.request(0, 257))
    successor = SubtreeCosigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes([5] * 32)))
    note, text = world.log.note(257), world.log.checkpoint(257).text()
    file = tmp_path / "checkpoint"
    file.write_bytes(note + answer.text.encode() + successor.cosign(text, None).encode())
    vkeys = [key.vkey for key in KEYS.cosigners()]
    at = int(world.clock.now.timestamp())
    said = logcheck.run("cosigned", file, *vkeys, successor.vkey)
    assert [one["time"] for one in said] == [at, at, 0]
    whole = file.read_bytes()
    for changed in (whole.replace(b"\n257\n", b"\n258\n"), whole.replace(b"test.cairn", b"best.cairn", 1)):
        file.write_bytes(changed)
        for vkey in vkeys:
            with pytest.raises(LogcheckError):
                logcheck.run("cosigned", file, vkey)
    world.store.close()


def test_cosignatures_made_by_go_are_verified_with_keys_of_both_kinds(logcheck: Logcheck, tmp_path: Path) -> None:
    log, file = Tree(size=257), tmp_path / "checkpoint"
    file.write_bytes(log.note(257))
    said = logcheck.run("cosign", "go.example/w1", "1772366400", file)
    assert {one["kind"] for one in said} == {4, 6}
    for one in said:
        key = parse_cosigner_key(one["vkey"])
        cosigned = file.read_bytes() + one["line"].encode()
        assert key.verify(parse_note(cosigned)) == datetime(2026, 3, 1, 12, tzinfo=UTC)
        with pytest.raises(SignatureError):
            key.verify(parse_note(cosigned.replace(b"\n257\n", b"\n258\n")))


def test_go_client_refuses_when_the_key_is_another(logcheck: Logcheck, served: str, logs: dict[int, Log]) -> None:
    other = logs[2].keys.operator.vkey
    with pytest.raises(LogcheckError):
        logcheck.run("follow", other, f"{served}/257/log")


def test_go_client_refuses_when_one_byte_of_a_tile_or_a_bundle_was_flipped(
    logcheck: Logcheck, tmp_path: Path, served: str, logs: dict[int, Log]
) -> None:
    log = logs[257]
    assert isinstance(log.tiles, DirectoryTileStore)
    for path in ("tile/0/000", "tile/entries/000"):
        content = log.tiles.read(path)
        assert content is not None
        file = next(found for found in tmp_path.parent.rglob(path) if "log-257" in str(found))
        file.chmod(0o644)
        file.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
        try:
            with pytest.raises(LogcheckError):
                logcheck.run("follow", log.keys.log.vkey, f"{served}/257/log")
        finally:
            file.write_bytes(content)
    logcheck.run("follow", log.keys.log.vkey, f"{served}/257/log")


def test_go_verifier_accepts_our_proofs_when_sizes_are_at_an_edge(logcheck: Logcheck, logs: dict[int, Log]) -> None:
    read = reader(logs[70_000])
    roots = {size: read.root(size) for size in TREES}
    proofs = [record(read, index, size, roots[size]) for size in TREES for index in indexes(size)]
    proofs += [tree(read, old, size, roots) for size in TREES for old in TREES if old <= size]
    assert logcheck.run("proofs", given=proofs) == [{"checked": len(proofs)}]


def test_go_verifier_refuses_our_proofs_when_anything_in_them_is_changed(
    logcheck: Logcheck, logs: dict[int, Log]
) -> None:
    read = reader(logs[257])
    good = record(read, 255, 257, read.root())
    grown = tree(read, 255, 257, {255: read.root(255), 257: read.root()})
    other = text(bytes(32))
    for proof in (good, grown):
        logcheck.run("proofs", given=[proof])
        for change in (
            {"index": proof["index"] - 1},
            {"size": 1_000},
            {"root": other},
            {"hash": other},
            {"proof": proof["proof"][:-1]},
            {"proof": [other, *proof["proof"][1:]]},
        ):
            with pytest.raises(LogcheckError):
                logcheck.run("proofs", given=[{**proof, **change}])


def test_go_client_follows_a_served_ledger_and_reads_a_receipt(
    logcheck: Logcheck, serving: Serving, school: Caller, tmp_path: Path
) -> None:
    public_id = school.issue()["id"]
    answered = once_covered(lambda: serving.http.get(f"/v1/credentials/{public_id}/tlog-proof"))
    assert answered.status_code == 200, answered.text
    assert answered.headers["content-type"] == "text/plain; charset=utf-8"
    file = tmp_path / "award.tlog-proof"
    file.write_bytes(answered.content)
    vkey = serving.http.get("/log/vkey").text.strip()
    [followed] = logcheck.run("follow", vkey, f"{serving.url}/log")
    assert followed["entries"] >= 4
    [receipt] = logcheck.run("receipt", vkey, file)
    proof = parse_tlog_proof(answered.content)
    assert proof.extra is not None
    assert (receipt["index"], receipt["entry"]) == (proof.index, proof.extra.decode())
    assert "\ncredential.issued.v1\n" in receipt["entry"]
    file.write_bytes(answered.content.replace(b"index ", b"index 1"))
    with pytest.raises(LogcheckError):
        logcheck.run("receipt", vkey, file)


def test_verify_says_what_a_receipt_proves_and_never_calls_it_valid(
    serving: Serving, school: Caller, tmp_path: Path
) -> None:
    public_id = school.issue()["id"]
    content = once_covered(lambda: serving.http.get(f"/v1/credentials/{public_id}/tlog-proof")).content
    file, policy = tmp_path / "award.tlog-proof", tmp_path / "policy"
    file.write_bytes(content)
    policy.write_bytes(f"log {serving.http.get('/log/vkey').text}".encode())

    def verify(*more: str | Path) -> tuple[int, str]:
        done = quick_cairn(tmp_path / "home", "verify", file, "--json", *more)
        return done.returncode, json.loads(done.stdout)["reason"]

    assert verify("--policy", policy) == (2, "inclusion_only")
    assert verify() == (2, "unknown_log")
    file.write_bytes(content.replace(b"index ", b"index 1"))
    assert verify("--policy", policy) == (1, "not_in_log")
    file.write_bytes(content.replace(b"extra ", b"extra  "))
    assert verify("--policy", policy) == (1, "malformed")
    shown = quick_cairn(tmp_path / "home", "verify", file)
    assert "not a proof of inclusion" in shown.stdout


def indexes(size: int) -> list[int]:
    near = {0, 1, 254, 255, 256, 511, 65_279, 65_280, 65_535, 65_536, size // 2, size - 1}
    return sorted(index for index in near if index < size)


def record(read: LogReader, index: int, size: int, root: bytes) -> dict[str, Any]:
    return {
        "kind": "record",
        "size": size,
        "root": text(root),
        "index": index,
        "hash": text(read.leaf(index)),
        "proof": [text(one) for one in read.inclusion_proof(index, size)],
    }


def tree(read: LogReader, old: int, size: int, roots: dict[int, bytes]) -> dict[str, Any]:
    return {
        "kind": "tree",
        "size": size,
        "root": text(roots[size]),
        "index": old,
        "hash": text(roots[old]),
        "proof": [text(one) for one in read.consistency_proof(old, size)],
    }


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
