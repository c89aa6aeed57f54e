"""A whole grown ledger under load, in which everything but nginx is killed in turn.

On this one machine: a PostgreSQL primary and its synchronous standby, an S3-compatible server, two issuers, two
sequencers of which one waits, two verification nodes, and nginx before them. What is counted: awards that were
acknowledged and are lost, answers that contradict the log, questions that nobody answered, seconds in which writes
failed. The S3 server is rclone's, a real one that keeps objects as files; it takes no part in the quorum of anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from anchoring.tile import CHECKPOINT_PATH
from tests.object_store import FileObjectStore
from tests.postgres import PostgresServer
from tests.system.chaos import Load, Read, wrong_answers
from tests.system.cluster import Cluster, RoleProcess, until
from tests.system.roles_front import RolesFront
from tests.system.school import Caller, claim, evidence, loaded, open_school
from tests.system.serving import quick_cairn

SETTLE_SECONDS = 2.0
PUBLISHED_SECONDS = 90.0


@dataclass
class Event:
    """One thing that was done to the cluster, and what it cost.

    Attributes:
        what: In words.
        seconds: Seconds of the clock in which a write failed, from then until the next.
        longest: The longest wait for an acknowledgement in that time, tries that failed included, in seconds.
    """

    what: str
    seconds: int
    longest: float


@dataclass
class World:
    """The machines, and what is done to them."""

    place: Path
    stack: ExitStack
    degrade: bool = False
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.primary = PostgresServer()
        self.stack.callback(self.primary.close)
        self.primary.start()
        self.standby = self._new_standby()
        self.objects = FileObjectStore(self.place / "objects")
        self.stack.callback(self.objects.close)
        self.objects.start()
        self.cluster = Cluster(self.place, self._address(), self.objects, self.objects.fresh_address().bucket)
        self.cluster.settings["CAIRN_STANDBY_LOST"] = "degrade" if self.degrade else "stop"
        self.cluster.settings["CAIRN_TRUSTED_PROXY_COUNT"] = "1"
        self.stack.callback(self.cluster.close)
        self.issuers = [self.cluster.process("issuer", f"issuer-{number}") for number in (1, 2)]
        self.sequencers = [self.cluster.process("sequencer", f"sequencer-{number}") for number in (1, 2)]
        for process in (*self.issuers, *self.sequencers):
            process.start()
        school = open_school(self.issuers[0])
        self.verifiers: list[RoleProcess] = []
        self.front = RolesFront(self.place / "nginx", [one.port for one in self.issuers], self._verifier_ports())
        self.stack.callback(self.front.close)
        evidence(self.issuers[0], school.issue("The First")["id"])
        for verifier in self.verifiers:
            verifier.settings["CAIRN_FOLLOW_URL"] = self.front.followed_url
            verifier.start()
        self.load = Load(self.front.url, school.key)
        self.stack.callback(self.load.abandon)
        self.school = school

    def _verifier_ports(self) -> list[int]:
        self.verifiers = [self.cluster.verifier(f"verifier-{number}", "") for number in (1, 2)]
        return [one.port for one in self.verifiers]

    def _address(self) -> str:
        """Both servers, of which the one that can be written to is taken."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        login = self.primary.address.split("@")[0]
        return f"{login}@{hosts}/postgres?target_session_attrs=read-write"

    def _new_standby(self, port: int | None = None) -> PostgresServer:
        standby = PostgresServer(of=self.primary, port=port)
        self.stack.callback(standby.close)
        standby.start()
        self.primary.ask_for_standby()
        until(self.primary.has_standby, lambda: "the standby does not connect")
        return standby

    def do(self, what: str, act: Callable[[], object], seconds: float = SETTLE_SECONDS) -> None:
        """Do something, let the load go on for a while, and note how long writes failed."""
        since = time.monotonic()
        act()
        time.sleep(seconds)
        count = self.load.count
        self.events.append(Event(what, count.failed_write_seconds(since), count.longest_wait(since)))

    def active(self) -> RoleProcess:
        """The sequencer that works."""
        found: list[RoleProcess] = []

        def one() -> bool:
            found[:] = [one for one in self.sequencers if "Sequencing." in one.said()]
            return len(found) == 1

        until(one, lambda: str([one.said() for one in self.sequencers]))
        return found[0]

    def replace(self, process: RoleProcess) -> None:
        """Kill a process, and start it again a moment later."""
        process.kill()
        time.sleep(SETTLE_SECONDS)
        process.start()

    def restart_objects(self) -> None:
        """Kill the store of tiles, and start it again."""
        self.objects.kill()
        time.sleep(SETTLE_SECONDS)
        self.objects.start()

    def lose_standby(self) -> None:
        """Kill the standby, look what is said of it, and start it again."""
        self.standby.kill()
        words = "Degraded" if self.degrade else "writes stop"
        for issuer in self.issuers:
            issuer.until_said(words)
        if not self.degrade:
            refused = Caller(self.issuers[0], self.school.key).post("/v1/credentials", claim("Refused"))
            assert loaded(refused)["type"].endswith("/problems/no-standby"), refused.text
        time.sleep(SETTLE_SECONDS)
        self.standby.start()
        for issuer in self.issuers:
            issuer.until_said("A synchronous standby is connected")

    def fail_over(self) -> None:
        """Kill the primary and promote the standby; a new standby takes the old primary's place."""
        gone = self.primary
        gone.kill()
        self.standby.promote()
        self.primary = self.standby
        gone.close()
        time.sleep(SETTLE_SECONDS)
        self.standby = self._new_standby(gone.port)

    def kill_everything(self) -> None:
        """Each in turn, under load."""
        self.do("nothing is killed", lambda: None, 2 * SETTLE_SECONDS)
        for number, issuer in enumerate(self.issuers, 1):
            self.do(f"issuer {number} killed and back", partial(self.replace, issuer))
        self.do("the sequencer that works killed and back", lambda: self.replace(self.active()))
        waiting = next(one for one in self.sequencers if one is not self.active())
        self.do("the sequencer that waits killed and back", lambda: self.replace(waiting))
        for number, verifier in enumerate(self.verifiers, 1):
            self.do(f"verification node {number} killed and back", partial(self.replace, verifier))
        self.do("the S3 server killed and back", self.restart_objects)
        self.do("the standby killed and back", self.lose_standby)
        self.do("the primary killed, the standby promoted", self.fail_over, 3 * SETTLE_SECONDS)

    def settled(self) -> tuple[dict[str, int], dict[str, int]]:
        """Wait until everything that was acknowledged is published; return where issuances and revocations stand."""
        issued: dict[str, int] = {}
        revoked: dict[str, int] = {}
        asking = Caller(self.issuers[1], self.school.key)
        for award in self.load.count.acknowledged.values():
            entries = loaded(self._published(asking, award))["entries"]
            issued[award] = entries[0]["index"]
            if award in self.load.count.asked:
                revoked[award] = entries[1]["index"]
        return issued, revoked

    def _published(self, asking: Caller, award: str) -> httpx.Response:
        """The evidence file of an award, as soon as it is published."""
        deadline = time.monotonic() + PUBLISHED_SECONDS
        while True:
            answered = asking.get(f"/v1/credentials/{award}/evidence")
            if answered.status_code == httpx.codes.OK:
                return answered
            assert time.monotonic() < deadline, f"{award} was acknowledged and is not published: {answered.text}"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def require_unharmed(world: World) -> None:
    """Count what went wrong: nothing may, but that writes failed for a while."""
    count = world.load.count
    issued, revoked = world.settled()
    assert set(revoked) >= count.revoked, "a revocation that was acknowledged is lost"
    size = int(world.issuers[0].http.get("/log/checkpoint").text.split("\n")[1])
    for verifier in world.verifiers:
        until(partial(has_reached, verifier, size), lambda: "a verification node does not catch up")
    lost = [
        award for award in issued if world.verifiers[0].http.get(f"/v1/credentials/{award}/status").status_code != 200
    ]
    wrong = wrong_answers(count.reads, issued, revoked, count.asked)
    report = "\n".join(
        f"  {event.seconds:3} s of failed writes, longest wait {event.longest:4.1f} s: {event.what}"
        for event in world.events
    )
    print(  # noqa: T201  the figures are what the test is for
        f"\n{len(issued)} awards and {len(count.revoked)} revocations acknowledged, {len(lost)} lost; "
        f"{len(count.reads)} answers, {len(wrong)} wrong; {len(count.failed_reads)} failed reads; "
        f"{count.failed_write_seconds()} seconds of failed writes\n{report}"
    )
    assert (lost, wrong, count.failed_reads) == ([], [], [])
    assert len(set(count.acknowledged.values())) == len(count.acknowledged)
    vkey = world.issuers[0].http.get("/log/vkey").text.strip()
    assert quick_cairn(world.place, "trust", "add", vkey).returncode == 0
    audited = quick_cairn(world.place, "audit", world.issuers[0].url)
    assert audited.returncode == 0, audited.stdout + audited.stderr


def has_reached(process: RoleProcess, size: int) -> bool:
    return int(process.http.get(f"/log/{CHECKPOINT_PATH}").text.split("\n")[1]) >= size


def carry_out(world: World, rounds: int) -> None:
    world.load.start()
    for _ in range(rounds):
        world.kill_everything()
    world.load.close()
    require_unharmed(world)


@pytest.mark.slow
def test_nothing_that_was_acknowledged_is_lost_when_everything_is_killed_in_turn(
    tmp_path: Path, stack: ExitStack
) -> None:
    carry_out(World(tmp_path, stack), 1)


@pytest.mark.soak
@pytest.mark.parametrize("degrade", [False, True], ids=["stop", "degrade"])
def test_nothing_that_was_acknowledged_is_lost_when_everything_is_killed_again_and_again(
    tmp_path: Path, stack: ExitStack, *, degrade: bool
) -> None:
    carry_out(World(tmp_path, stack, degrade=degrade), 3)


ISSUED = {"early": 5, "late": 50}


@pytest.mark.parametrize(
    "award, code, state, log_size, is_wrong",
    [
        ("early", 200, "active", 10, False),
        ("late", 404, None, 10, False),
        ("late", 200, "active", 10, False),  # ahead of what it says, and true
        ("late", 404, None, 51, True),
        ("early", 404, None, 10, True),
        ("early", 200, "active", 21, True),  # revoked at 20
        ("early", 200, "revoked", 10, False),
        ("late", 200, "revoked", 60, True),  # nobody wanted that
        ("early", 200, "suspended", 60, True),
    ],
)
def test_count_tells_a_wrong_answer_from_one_that_is_behind(
    award: str, code: int, state: str | None, log_size: int, *, is_wrong: bool
) -> None:
    read = Read(award, code, state, log_size, 0.0)
    assert wrong_answers([read], ISSUED, {"early": 20}, {"early"}) == ([read] if is_wrong else [])
