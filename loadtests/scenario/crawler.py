"""A crawler: after a while a program at one address takes all that it finds, and guesses ids, without a pause."""

from __future__ import annotations

from locust import task

from loadtests.scenario.world import CHOICE, WORLD, Client, Issuer, Visitor, has_begun, new_address

_PAGES = (
    "/",
    "/docs",
    "/openapi.json",
    "/v1/institutions",
    "/v1/achievements?limit=50",
    "/v1/agreements",
    "/v1/skills",
)
_ADDRESS = new_address()


class Crawler(Client):
    """One of the connections of the program."""

    fixed_count = 8

    def on_start(self) -> None:
        """Come from the program's one address."""
        self.address = _ADDRESS
        self.tile = 0

    def wait_time(self) -> float:
        """No pause, once it has begun."""
        return 0.0 if has_begun() else 0.05

    @task(4)
    def page(self) -> None:
        """Take a page or a list."""
        if has_begun():
            self.crawl(CHOICE.choice(_PAGES), 200)

    @task(4)
    def award(self) -> None:
        """Take all that there is about an award."""
        if has_begun():
            public_id = CHOICE.choice(WORLD.ids)
            self.crawl(CHOICE.choice((f"/v1/credentials/{public_id}/evidence", f"/verify/{public_id}")), 200)

    @task(4)
    def guess(self) -> None:
        """Guess an id."""
        if has_begun():
            guessed = "".join(CHOICE.choices("0123456789abcdefghijklmnopqrstuv", k=36))
            self.crawl(f"/v1/credentials/{guessed}/status", 404)

    @task(2)
    def log(self) -> None:
        """Take the log, which has no limit."""
        if has_begun():
            self.tile = (self.tile + 1) % max(1, len(WORLD.ids) // 256 - 1)
            self.crawl(f"/log/tile/entries/{self.tile:03d}", 200)

    def crawl(self, path: str, expected: int) -> None:
        """Take one address; what comes of it is no look-up that has to go on."""
        fields = {"X-Forwarded-For": self.address}
        with self.client.get(path, name="crawler", headers=fields, catch_response=True) as answer:
            if answer.status_code == 429:
                answer.request_meta["name"] = "crawler: refused, over its limit"
            if answer.status_code in {expected, 429}:
                answer.success()
            else:
                answer.failure(f"answered with {answer.status_code}")


class Person(Visitor):
    """Somebody else."""

    fixed_count = 40


class Office(Issuer):
    """Goes on issuing."""

    fixed_count = 1
