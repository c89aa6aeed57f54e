"""A viral credential: one id, and all traffic. Everybody asks once, from an address of their own, as fast as can be."""

from __future__ import annotations

from locust import task

from loadtests.scenario.world import WORLD, Client, Issuer, new_address


class Crowd(Client):
    """A part of the crowd behind one connection, such as a proxy's: each request is another person's."""

    fixed_count = 48
    tag = ""

    @task(19)
    def status(self) -> None:
        """Look the one award up."""
        self.address = new_address()
        self.tag = self.look_up(WORLD.ids[0]).headers.get("ETag", "")

    @task(1)
    def again(self) -> None:
        """Look again, with what was sent the last time at hand."""
        self.address = new_address()
        if self.tag:
            self.ask(f"/v1/credentials/{WORLD.ids[0]}/status", "status, unchanged", expected=304, tag=self.tag)


class Office(Issuer):
    """Goes on issuing."""

    fixed_count = 1
