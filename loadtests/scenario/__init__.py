"""What people and programs do to a ledger, as locust users: one scenario a file, each run by locust in its own process.

``loadtests/load.py`` starts the server, fills it, and runs them one after the other. What they have in common:

- the world (:mod:`loadtests.scenario.world`) is a JSON file that ``CAIRN_LOAD_WORLD`` names: an issuer's key, awards
  that are there, how long it goes on, and where the record goes;
- every client has an address of its own, which the server takes from ``X-Forwarded-For`` as it would behind a proxy, so
  that its limits are those of many clients and not of one machine;
- every request becomes one line of the record (:mod:`loadtests.scenario.record`): when it ended, what it was, how long
  it took, and what was wrong with it.
"""
