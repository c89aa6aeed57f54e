"""A normal day: people look awards up, some check a page or take the proof, and now and then one is issued."""

from __future__ import annotations

from locust import task

from loadtests.scenario.world import CHOICE, WORLD, Issuer, Visitor


class Person(Visitor):
    """An employer, an admissions office, or a learner."""

    fixed_count = 60

    @task(90)
    def status(self) -> None:
        """Ask a program for the status."""
        self.look_up(CHOICE.choice(WORLD.ids))

    @task(5)
    def page(self) -> None:
        """Open the page that a QR code leads to."""
        self.ask(f"/verify/{CHOICE.choice(WORLD.ids)}", "page")

    @task(3)
    def evidence(self) -> None:
        """Take the file that proves it offline."""
        self.ask(f"/v1/credentials/{CHOICE.choice(WORLD.ids)}/evidence", "evidence")

    @task(1)
    def institution(self) -> None:
        """See who issues."""
        self.ask("/v1/institutions", "institutions")

    @task(1)
    def checkpoint(self) -> None:
        """Follow the log, as witnesses and mirrors do."""
        self.ask("/log/checkpoint", "checkpoint")


class Registry(Issuer):
    """Issues one award after the other."""

    fixed_count = 3
    pace_seconds = 1.5
