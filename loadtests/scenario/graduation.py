"""Graduation day: 100,000 awards in an hour, in batches of 25, while everybody opens the link that just arrived."""

from __future__ import annotations

from locust import task

from loadtests.scenario.record import AWARDS_AN_HOUR
from loadtests.scenario.world import CHOICE, NEWEST, WORLD, Issuer, Visitor


class Registrar(Issuer):
    """A faculty's system, one of four."""

    fixed_count = 4
    batch = 25
    pace_seconds = 3_600 * fixed_count * batch / AWARDS_AN_HOUR


class Graduate(Visitor):
    """Somebody who was told a moment ago, or shows it around."""

    fixed_count = 100

    @task(3)
    def own(self) -> None:
        """Look up an award of the last minutes."""
        self.look_up(CHOICE.choice(NEWEST))

    @task(1)
    def other(self) -> None:
        """Look up any award."""
        self.look_up(CHOICE.choice(WORLD.ids))


class Office(Issuer):
    """Goes on issuing single awards."""

    fixed_count = 1
