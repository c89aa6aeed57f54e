"""How a log stands with its witnesses, for readiness and metrics."""

from __future__ import annotations

from anchoring.witnesses import Witnesses
from api.health import Health, ReadyCheck
from api.log_node import LogNode
from api.metric import Reader
from ledger.application import Clock


def witness_check(log: LogNode, witnesses: Witnesses, clock: Clock, patience_seconds: float) -> ReadyCheck:
    """Say whether the witnesses' quorum signed the newest checkpoint.

    A quorum that did not sign is said and stops nothing, unless the checkpoint has been withheld for longer than
    *patience_seconds*: then what is recorded does not become public.
    """

    def look() -> Health:
        since = log.sequencer.withheld_since
        waited = 0.0 if since is None else (clock() - since).total_seconds()
        words = _words(witnesses)
        if since is not None:
            words = f"The newest checkpoint has been withheld for {waited:.0f} seconds. {words}"
        return Health(ok=waited <= patience_seconds, detail=words)

    return ReadyCheck("witnesses", look)


def _words(witnesses: Witnesses) -> str:
    signed = "The quorum of witnesses has signed." if witnesses.is_met() else "The quorum of witnesses has NOT signed."
    wrong = [f"{one.name}: {one.error}." for one in witnesses.standing() if one.error is not None]
    return " ".join([signed, *wrong])


def witness_readers(log: LogNode, witnesses: Witnesses) -> tuple[Reader, ...]:
    """Return the metrics of a log with witnesses."""

    def cosigned_at() -> dict[str, float]:
        return {one.name: 0.0 if one.at is None else one.at.timestamp() for one in witnesses.standing()}

    def cosigned_size() -> dict[str, float]:
        return {one.name: float(one.size) for one in witnesses.standing()}

    return (
        Reader(
            "cairn_witness_quorum_met", "1 if the witnesses' quorum signed the newest checkpoint.", witnesses.is_met
        ),
        Reader(
            "cairn_witness_withheld",
            "1 while the newest checkpoint waits for the quorum.",
            lambda: log.sequencer.withheld_since is not None,
        ),
        Reader("cairn_witness_timestamp_seconds", "When a witness cosigned last.", cosigned_at, "witness"),
        Reader("cairn_witness_size_entries", "Size that a witness cosigned last.", cosigned_size, "witness"),
    )
