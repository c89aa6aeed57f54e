"""``make bench``: what this machine does, each figure beside something measured in the same run.

Everything goes over HTTP to a server of its own on the loopback address, is bounded in count, and stops by itself.

Longer than other modules because every row of the one table has its words here.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtests.audit import audited_files, tree_leaves_per_second, write_sample
from loadtests.baseline import digitalbazaar_per_second, hashes_per_second, sqlite_rows_per_second
from loadtests.freshness import measure_freshness
from loadtests.lookup import ISSUED_PER_SECOND, MANY, logged_look_ups, looked_up
from loadtests.port import HOST
from loadtests.server import Client, Server, award, cairn, running_server
from loadtests.swarm import post, swarm

BATCH = 1_000
MADE = 10_000
"""Awards of a batch that is made in process."""
BULK_CLIENTS = 3
LINES = 2_000
_AWARD = re.compile(rb'\{"id":"([0-9a-v]{36})","url":')
PATIENCE_SECONDS = 120.0
TURNS = 3
SINGLE_CLIENTS = 16
CREATED = 201
OK = 200


@dataclass(frozen=True)
class Row:
    """One figure and what it is compared with."""

    what: str
    per_second: float
    beside: str
    baseline: float
    p99_ms: float | None = None

    def text(self) -> str:
        """The row as a line of a Markdown table."""
        p99 = "" if self.p99_ms is None else f"{self.p99_ms:.1f}"
        ratio = self.per_second / self.baseline
        return f"| {self.what} | {self.per_second:,.0f} | {self.beside} | {self.baseline:,.0f} | {ratio:.4f} | {p99} |"


def batches(server: Server, awards: int, name: str = "batch") -> float:
    """Awards per second in requests of 1,000."""
    client = Client(server)
    begin = time.perf_counter()
    for start in range(0, awards, BATCH):
        body = {"credentials": [award(start + number) for number in range(BATCH)]}
        status, _ = client.call("POST", "/v1/credentials", body, f"{name}-{start}")
        _expect(status, CREATED)
    took = time.perf_counter() - begin
    client.close()
    return awards / took


def many_clients(server: Server, clients: int, each: int, call: Callable[[Client, int], None]) -> tuple[float, float]:
    """Run *call* from several connections at once: calls per second, and the p99 in milliseconds."""
    times: list[float] = []
    failures: list[BaseException] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        client = Client(server)
        mine = []
        try:
            for turn in range(each):
                begin = time.perf_counter()
                call(client, number * each + turn)
                mine.append(time.perf_counter() - begin)
        except BaseException as error:  # noqa: BLE001  raised again below
            failures.append(error)
        finally:
            client.close()
        with lock:
            times.extend(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    if failures:
        raise failures[0]
    return clients * each / took, statistics.quantiles(times, n=100)[98] * 1000


def lines_verified(server: Server, ids: list[str]) -> float:
    """Lines per second of one batch, each with the id of an award."""
    lines = b"".join(b'"%b"\n' % ids[number % len(ids)].encode() for number in range(LINES))
    connection = http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE_SECONDS)
    begin = time.perf_counter()
    connection.request("POST", "/v1/verify/batch", lines, {"Content-Type": "application/x-ndjson"})
    *reports, end = connection.getresponse().read().splitlines()
    took = time.perf_counter() - begin
    connection.close()
    assert json.loads(end) == {"end": "complete", "answered": LINES}
    assert all(b'"verdict":"valid"' in report for report in reports)
    return LINES / took


def audited(server: Server) -> tuple[float, int]:
    """Entries per second of a whole audit, and how many there were."""
    begin = time.perf_counter()
    report = json.loads(cairn("audit", server.url, "--json").stdout)
    took = time.perf_counter() - begin
    if report["differences"]:
        message = f"the audit found {report['differences']} differences"
        raise RuntimeError(message)
    return report["entries"] / took, report["entries"]


def logged(directory: Path, entries: int) -> list[Row]:
    """What becomes durable and provable without documents, beside plain hashing of the same entries."""
    said = json.loads(cairn("bench", "--entries", str(entries), "--in", str(directory), "--json").stdout)
    hashing, beside = said["hashed_per_second"], "the same entries hashed into a tree"
    rows = [
        Row("events recorded", said["recorded_per_second"], beside, hashing),
        Row("events recorded and provable", said["provable_per_second"], beside, hashing),
        Row("the same, for each second of processor time", said["provable_per_processor_second"], beside, hashing),
    ]
    for at in said["at"]:
        size = f"{at['size']:,} entries"
        rows.append(Row(f"checkpoints of 100 events at {size}", 1e3 / at["checkpoint_ms"], beside, hashing))
        rows.append(Row(f"inclusion proofs at {size}", 1e6 / at["inclusion_us"], beside, hashing))
        rows.append(Row(f"consistency proofs at {size}", 1e6 / at["consistency_us"], beside, hashing))
    for one in said["refolded"]:
        what = f"`{one['name']}` rebuilt from {entries:,} events, events for each second of processor time"
        rows.append(Row(what, one["events_per_second"], beside, hashing))
    return rows


def verified(directory: Path) -> list[Row]:
    """Credentials verified a second of a core, beside the npm implementation with the same credentials."""
    file = directory / "proofs.json"
    said = json.loads(cairn("bench", "--proofs", str(file), "--json").stdout)
    beside = digitalbazaar_per_second(file, seconds=3)
    return [
        Row(
            f"credentials of {suite['bytes']:,} bytes verified with all local checks, one core, {suite['suite']}",
            suite["verified_per_second"],
            "`@digitalbazaar/vc`, the same credentials, one core",
            beside[suite["suite"]],
        )
        for suite in said["suites"]
    ]


def made_in_process(directory: Path, awards: int) -> list[Row]:
    """A batch of awards, beside the signatures, hashes and rows that nobody could leave out."""
    said = json.loads(cairn("bench", "--issuing", str(awards), "--in", str(directory), "--json").stdout)
    what = f"a batch of {awards:,} awards made in process"
    beside = f"their signatures, hashes and rows of {said['row_bytes']:,} bytes alone"
    return [
        Row(f"{what}, one core", said["issued_per_second"], f"{beside}, one core", said["least_per_second"]),
        Row(
            f"{what}, until durable, by the clock",
            said["issued_per_second_by_clock"],
            f"{beside}, until durable, by the clock",
            said["least_per_second_by_clock"],
        ),
        Row(f"{what}, one core", said["issued_per_second"], "Ed25519 signatures alone", said["signed_per_second"]),
    ]


def stacked(cases: int) -> list[Row]:
    """Pathways evaluated, and derivations checked, a second of a core, beside writing the same input."""
    said = json.loads(cairn("bench", "--stackings", str(cases), "--json").stdout)
    beside = "the same rules and awards written as canonical JSON, one core"
    whole = said["kinds"][-1]
    what = f"pathways evaluated, one core, of {cases} cases of up to {said['awards']} awards and {said['rules']} rules;"
    what += f" {whole['undecided']} undecided"
    written = said["written_per_second"]
    rows = [Row(what, said["evaluated_per_second"], beside, written, whole["p99_ms"])]
    rows += [
        Row(
            f"the same, `{one['kind']}`; {one['undecided']} of {one['cases']} undecided",
            1e3 / one["median_ms"],
            beside,
            written,
            one["p99_ms"],
        )
        for one in said["kinds"][:-1]
    ]
    return [*rows, Row("pinned derivations checked, one core", said["checked_per_second"], beside, written)]


def _expect(status: int, wanted: int) -> None:
    if status != wanted:
        message = f"the server answered {status} where {wanted} was due"
        raise RuntimeError(message)


def measure(directory: Path, awards: int, singles: int) -> list[Row]:
    """Take every figure once."""
    data = directory / "ledger"
    rows: list[Row] = []
    with running_server(data) as server:
        hashing = hashes_per_second(500_000)
        rows += _issued(server, directory, awards, singles)
        raw_single = rows[-1].baseline
        rows.append(_publication(server, clients=8, each=40, baseline=raw_single))
        ids = _some_ids(server)
        rate, p99 = many_clients(
            server, 8, 100, lambda client, n: _get(client, f"/v1/credentials/{ids[n % len(ids)]}/evidence")
        )
        rows.append(Row("evidence files (proofs), 8 clients", rate, "SHA-256 of 700 bytes", hashing, p99))
        rate, p99 = many_clients(
            server, 8, 250, lambda client, n: _get(client, f"/v1/credentials/{ids[n % len(ids)]}/status")
        )
        rows.append(Row("status look-ups, 8 clients", rate, "SHA-256 of 700 bytes", hashing, p99))
        rate = lines_verified(server, ids)
        rows.append(Row(f"awards verified by id, {LINES:,} lines of one batch", rate, "SHA-256 of 700 bytes", hashing))
        rate, entries = audited(server)
        rows.append(
            Row(f"entries audited, of {entries:,} (process start included)", rate, "SHA-256 of 700 bytes", hashing)
        )
    return rows


def looked_up_rows(directory: Path) -> list[Row]:
    """Look-ups for a second of processor time, beside nginx with a file of the same size."""
    place = directory / "lookup"
    place.mkdir()
    with running_server(place / "ledger", "--quiet") as server:  # nginx writes no access log either
        found = looked_up(server, place)
    noted = directory / "lookup-logged"
    noted.mkdir()
    with running_server(noted / "ledger") as server:
        ours, file = logged_look_ups(server, noted)
    what = "status look-ups for each second of one core, 64 connections"
    many = f"the same, {MANY:,} awards in turn"
    unchanged = "the same, asked whether they have changed (304)"
    mirror = "the same of a mirror"
    kept = "the same through nginx with the cache of docs/deploy, for each second of a core of both together"
    viral = "the same, one award that all ask for"
    beside = f"nginx serving a file of that size, the same (p99 {found.file.p99_ms:.1f} ms)"
    measured = (
        (what, found.ours),
        (many, found.many),
        (f"{many}, while {ISSUED_PER_SECOND} others a second are issued", found.issuing),
        (unchanged, found.unchanged),
        (mirror, found.mirror),
        (kept, found.kept),
        (viral, found.viral),
    )
    rows = [Row(name, one.per_second, beside, found.file.per_second, one.p99_ms) for name, one in measured]
    beside = f"nginx with its access log on (p99 {file.p99_ms:.1f} ms)"
    return [
        *rows,
        Row("status look-ups, a line of the log for each", ours.per_second, beside, file.per_second, ours.p99_ms),
    ]


def followed(directory: Path) -> list[Row]:
    """How soon a mirror serves a change; the ledger's own answer includes that it serves it itself."""
    place = directory / "followed"
    place.mkdir()
    with running_server(place / "ledger", "--quiet") as server:
        found = measure_freshness(server, place)
    what = (
        f"changes until a mirror serves them, {found.changes} revocations while both answer"
        f" {found.reads_per_second:,.0f} look-ups a second together; half within {found.p50_ms:,.0f} ms"
    )
    wanted = 1_000 / found.p99_ms
    return [Row(what, wanted, "one second, which is wanted", 1.0, found.p99_ms)]


def measure_audit(directory: Path, entries: int) -> list[Row]:
    """Audit a made-up log from its files: on one core, then on all of them.

    The figure that is wanted is beside one core that hashes alone; as many that hash at once stand in a further row.
    """
    log, rows = directory / "sample", []
    vkey = write_sample(log, entries)
    for processes in sorted({1, os.cpu_count() or 1}):
        before = tree_leaves_per_second(log)
        figures = audited_files(log, vkey, directory / f"auditor-{processes}", processes)
        alone = statistics.fmean((before, tree_leaves_per_second(log)))
        what = f"entries audited and replayed for each second of a core, of {figures.entries:,}; {processes} at work,"
        what += f" {figures.seconds:.1f} s, {figures.peak_megabytes:.0f} MB at most"
        rate = figures.entries / figures.processor_seconds
        rows.append(Row(what, rate, "RFC 6962 tree of the same bytes, one core", alone))
        if processes > 1:
            together = tree_leaves_per_second(log, processes)
            rows.append(Row("the same", rate, f"the same tree, {processes} at once, for each of them", together))
    return rows


def _issued(server: Server, directory: Path, awards: int, singles: int) -> list[Row]:
    """In batches, and one by one."""
    raw_batch = sqlite_rows_per_second(directory, 50_000, BATCH)
    raw_single = sqlite_rows_per_second(directory, 2_000, 1)
    rows = [
        Row("awards issued, 1,000 a request", batches(server, awards), "raw SQLite rows, 1,000 a commit", raw_batch)
    ]
    return rows + [_one_by_one(server, clients, singles, raw_single) for clients in (1, 16, 64)]


def beside_postgres(directory: Path, awards: int, address: str) -> list[Row]:
    """The same batches on PostgreSQL and in a file, in turns, so that both meet the same machine."""
    file, postgres = directory / "in-file", directory / "in-postgres"
    for place in (file, postgres):
        place.mkdir()
    with running_server(file / "ledger") as one, running_server(postgres / "ledger", database=address) as other:
        rates: dict[str, list[float]] = {"file": [], "postgres": []}
        for turn in range(TURNS):
            rates["file"].append(batches(one, awards, f"turn-{turn}"))
            rates["postgres"].append(batches(other, awards, f"turn-{turn}"))
        singles = {
            name: many_clients(server, SINGLE_CLIENTS, 50, _issue_one) for name, server in (("f", one), ("p", other))
        }
    what = "awards issued, 1,000 a request, on PostgreSQL"
    medians = {name: statistics.median(each) for name, each in rates.items()}
    return [
        Row(what, medians["postgres"], "the same in a file", medians["file"]),
        Row(
            f"awards issued one by one, {SINGLE_CLIENTS} clients, on PostgreSQL",
            singles["p"][0],
            f"the same in a file (p99 {singles['f'][1]:.1f} ms)",
            singles["f"][0],
            singles["p"][1],
        ),
    ]


def _issue_one(client: Client, number: int) -> None:
    status, _ = client.call("POST", "/v1/credentials", award(number), f"beside-{number}")
    _expect(status, CREATED)


def _one_by_one(server: Server, clients: int, awards: int, baseline: float) -> Row:
    """Each client asks for its next award when it has the one before."""
    requests = [
        post(server, "/v1/credentials", award(number), f"single-{clients}-{number}") for number in range(awards)
    ]
    used = server.processor_seconds()
    pace = swarm(server, clients, requests)
    used = (server.processor_seconds() - used) / awards * 1e6
    what = f"awards issued one by one, {clients} clients; {used:,.0f} µs of processor time each"
    return Row(what, pace.per_second, "raw SQLite rows, one a commit", baseline, pace.p99_ms)


def bulk(directory: Path, awards: int) -> list[Row]:
    """A graduation: from the first request to when every award is published in the log and can be looked up."""
    data = directory / "bulk"
    data.mkdir()
    with running_server(data / "ledger") as server:
        requests = []
        for start in range(0, awards, BATCH):
            body = {"credentials": [award(start + number, awards) for number in range(BATCH)]}
            requests.append(post(server, "/v1/credentials", body, f"bulk-{start}"))
        begin, used = time.perf_counter(), server.processor_seconds()
        pace = swarm(server, BULK_CLIENTS, requests, keep=last_id)
        issued = time.perf_counter() - begin
        client = Client(server)
        for public_id in pace.kept[-BULK_CLIENTS:]:  # what stands in the log before them is published with them
            _until_found(client, f"/v1/credentials/{public_id}/evidence")
        for public_id in pace.kept:
            _get(client, f"/v1/credentials/{public_id}/status")
        client.close()
        took = time.perf_counter() - begin
        used = server.processor_seconds() - used
        what = f"{awards:,} awards of as many learners, {BATCH:,} a request, {BULK_CLIENTS} clients, until provable and"
        what += (
            f" visible; {took:.1f} s, of which {issued:.1f} s until the last was durable; {used / awards * 1e6:,.0f}"
        )
        what += f" µs of processor time each; {server.peak_megabytes():,.0f} MB at most"
        raw = sqlite_rows_per_second(data, 50_000, BATCH)
        return [Row(what, awards / took, "raw SQLite rows, 1,000 a commit", raw)]


def last_id(body: bytes) -> str:
    """The id of the last award of a batch's answer."""
    public_id: bytes = _AWARD.findall(body)[-1]
    return public_id.decode("ascii")


def _until_found(client: Client, path: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.call("GET", path)[0] != OK:
        if time.monotonic() > deadline:
            message = f"{path} is not published after {PATIENCE_SECONDS:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.02)


def _publication(server: Server, clients: int, each: int, baseline: float) -> Row:
    """From the answer that an award was issued to evidence of it under a published checkpoint, while others issue."""
    waits: list[float] = []

    def call(client: Client, number: int) -> None:
        status, made = client.call("POST", "/v1/credentials", award(number), f"published-{number}")
        _expect(status, CREATED)
        begin = time.perf_counter()
        _get(client, f"/v1/credentials/{made['id']}/evidence")
        waits.append(time.perf_counter() - begin)

    rate, _ = many_clients(server, clients, each, call)
    p99 = statistics.quantiles(waits, n=100)[98] * 1000
    what = f"awards issued and then published, {clients} clients; p99 from the one to the other"
    return Row(what, rate, "raw SQLite rows, one a commit", baseline, p99)


def _get(client: Client, path: str) -> None:
    status, _ = client.call("GET", path)
    _expect(status, OK)


def _some_ids(server: Server) -> list[str]:
    client = Client(server)
    body = {"credentials": [award(number) for number in range(50)]}
    status, answer = client.call("POST", "/v1/credentials", body, "some-ids")
    _expect(status, CREATED)
    time.sleep(2)  # until a checkpoint covers them
    client.close()
    return [item["id"] for item in answer["credentials"]]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--awards", type=int, default=10_000, help="awards in the batch figure, a multiple of 1,000")
    parser.add_argument("--entries", type=int, default=100_000, help="entries of the log that is measured by itself")
    parser.add_argument("--singles", type=int, default=1_600, help="awards in each one-by-one figure")
    parser.add_argument("--bulk", type=int, default=100_000, help="awards issued at once until all are provable")
    parser.add_argument("--only-issuing", action="store_true", help="leave out what is not about issuing")
    parser.add_argument("--only-looking-up", action="store_true", help="leave out all but the look-ups")
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database, for rows beside a file")
    parser.add_argument("--only-database", action="store_true", help="measure those rows alone")
    parser.add_argument("--stackings", type=int, default=1_200, help="evaluations of pathways")
    parser.add_argument("--audited", type=int, default=1_000_000, help="entries of the made-up log that is audited")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as directory:
        place = Path(directory)
        rows = []
        if arguments.database is not None:
            rows += beside_postgres(place, arguments.awards, arguments.database)
        if arguments.only_looking_up:
            rows += looked_up_rows(place)
        elif arguments.only_issuing:
            rows += bulk(place, arguments.bulk)
            with running_server(place / "ledger") as server:
                rows += _issued(server, place, arguments.awards, arguments.singles)
            rows += made_in_process(place, MADE)
        elif not arguments.only_database:
            rows += bulk(place, arguments.bulk)
            rows += verified(place)
            rows += stacked(arguments.stackings)
            rows += looked_up_rows(place)
            rows += followed(place)
            rows += measure(place, arguments.awards, arguments.singles)
            rows += made_in_process(place, MADE)
            rows += measure_audit(place, arguments.audited)
            rows += logged(place, arguments.entries)
    print("| what | per second | beside | per second | ratio | p99 ms |")
    print("|---|---:|---|---:|---:|---:|")
    for row in rows:
        print(row.text())


if __name__ == "__main__":
    main()
