"""A small real log for the tests of the verifier: real trees, keys, signatures and tokens.

It writes events, records and files by hand (plain dictionaries), so that the verifier is tested
against the formats and not against code that reads them.
"""

from __future__ import annotations

import base64
import json
import random
import warnings
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import rfc8785
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from certomancer.services import TimeStamper
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from openvc.keys import Ed25519SigningKey
from openvc.multibase import encode_multibase
from openvc.proof.di_jcs import EddsaJcsProofSuite

from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import Cosigner
from anchoring.entry import Entry
from anchoring.note import NoteSigner, format_note
from anchoring.state import StateCommitment, StatusTree
from anchoring.tree import MemoryTree, leaf_hash
from verifier import Policy, parse_policy

Json = dict[str, Any]

ORIGIN = "test.cairn.example/log"
BASE = "https://test.cairn.example"
DID = "did:web:test.cairn.example:institutions:north"
NOW = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)
ISSUED = datetime(2025, 3, 3, 9, 30, 0, tzinfo=UTC)
NORTH = UUID("019300aa-0000-8000-8000-00000000000a")
SOUTH = UUID("019300aa-0000-8000-8000-00000000000b")
WELDING = UUID("019300bb-0000-8000-8000-00000000000c")


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    return base64.b64decode(text)


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def private_key(name: str) -> Ed25519PrivateKey:
    """A key of the tests, always the same one for a name."""
    return Ed25519PrivateKey.from_private_bytes(sha256(b"test key " + name.encode()).digest())


def multibase(key: Ed25519PrivateKey) -> str:
    return encode_multibase(b"\xed\x01" + key.public_key().public_bytes_raw())


def public_id(moment: datetime, randomness: bytes) -> str:
    raw = int(moment.timestamp() * 1000).to_bytes(6, "big") + randomness
    return base64.b32hexencode(raw).decode().rstrip("=").lower()


def aggregate(identifier: str) -> UUID:
    raw = base64.b32hexdecode(identifier.upper() + "====")
    value = bytearray(raw[:6] + sha256(b"cairn/credential-id/v1\n" + raw).digest()[:10])
    value[6] = value[6] & 0x0F | 0x80
    value[8] = value[8] & 0x3F | 0x80
    return UUID(bytes=bytes(value))


def commit(owner: UUID, kind: str, form: bytes, salt: bytes) -> str:
    head = b"cairn/commitment/v1\n" + owner.bytes + bytes([len(kind)]) + kind.encode()
    return sha256(head + sha256(form).digest() + salt).hexdigest()


class Authority:
    """A time-stamping authority in the process: a certificate, and tokens for any time."""

    def __init__(self, name: str, certificate: x509.Certificate, key: bytes, chain: list[x509.Certificate]) -> None:
        self.name = name
        self.chain = [certificate, *chain]
        self._certificate = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
        self._key = asn1_keys.PrivateKeyInfo.load(key)

    @property
    def policy_line(self) -> str:
        ders = [one.public_bytes(serialization.Encoding.DER) for one in self.chain]
        return "".join(f"tsa {self.name} {b64(der)}\n" for der in ders)

    def stamp(self, message: bytes, at: datetime) -> bytes:
        imprint = {
            "hash_algorithm": {"algorithm": "sha256"},
            "hashed_message": sha256(message).digest(),
        }
        request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            stamper = TimeStamper(self._certificate, self._key, fixed_dt=at)
            token: bytes = stamper.request_tsa_response(request).dump()
        return token


def certify(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Certify a key: a stamping one unless it certifies itself under another's name."""
    common = [[x509.NameAttribute(NameOID.COMMON_NAME, who)] for who in (name, issuer)]
    stamps = not name.endswith("root")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(common[0]))
        .issuer_name(x509.Name(common[1]))
        .public_key(key.public_key())
        .serial_number(1 + len(name))
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=not stamps, path_length=None), critical=True)
    )
    if stamps:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(signer, hashes.SHA256())


def authority(name: str, *, issued: bool = False) -> Authority:
    """A time-stamping authority: self-signed, or issued by a root of its own. One for each name."""
    return _authority(name, issued)


@cache
def _authority(name: str, issued: bool) -> Authority:  # noqa: FBT001  (positional, as the cache tells arguments apart)
    key, root = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    common = f"Test time {name}"
    above = f"{common} root" if issued else common
    certificate = certify(common, key, above, root if issued else key)
    chain = [certify(above, root, above, root)] if issued else []
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Authority(name, certificate, der, chain)


@dataclass
class Award:
    """One credential of the small log, with everything its holder has."""

    public_id: str
    salt: bytes
    document: Json
    issued: Json
    indexes: list[int] = field(default_factory=list)
    block: int = 0
    index: int = 0

    @property
    def id(self) -> UUID:
        return aggregate(self.public_id)


def template() -> Json:
    return {
        "title": "Сварка в защитных газах",
        "language": "ru",
        "description": "Joins thin steel plates.",
        "outcomes": [{"text": "Sets up a torch", "skill_uri": None, "skill_name": None}],
        "assessment": "practical examination",
        "participation": "on site",
        "quality_assurance": "external",
        "criteria": "Three seams without fault.",
        "credits_centi": 250,
        "workload_minutes": None,
        "eqf_level": 4,
        "qf_ehea": None,
        "supervision": None,
        "prerequisites": None,
        "stackable": None,
    }


def key_row(name: str = "north-1", key_id: str = "key-1") -> Json:
    return {
        "key_id": key_id,
        "multibase": multibase(private_key(name)),
        "valid_from": "2024-01-01T00:00:00Z",
        "retired_at": None,
        "revoked_at": None,
        "compromised_at": None,
    }


def accreditation_row() -> Json:
    return {
        "accreditation_id": "acc-1",
        "by": "Agency of the North",
        "scope": "EQF 3-5",
        "valid_from": "2024-01-01T00:00:00Z",
        "valid_until": None,
        "withdrawn_at": None,
    }


def record(institution: UUID, number: int, did: str = DID) -> Json:
    return {
        "institution": str(institution),
        "number": number,
        "slug": did.rpartition(":")[2],
        "name": "Northern College",
        "country": "NO",
        "kind": "vocational_college",
        "did": did,
        "registered_at": "2024-01-01T00:00:00Z",
        "keys": [key_row()],
        "accreditations": [accreditation_row()],
    }


class SmallLog:
    """A log with its operator, a witness and a time-stamping authority."""

    def __init__(self, origin: str = ORIGIN, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.signer = NoteSigner(origin, private_key("log " + origin))
        self.operator = Cosigner("test.cairn.example/operator", private_key("operator " + origin))
        self.witness = Cosigner("witness.example/w1", private_key("witness"))
        self.entries: list[bytes] = []
        self.tree = MemoryTree()
        self.records = [record(SOUTH, 0, "did:web:other.example"), record(NORTH, 1)]
        self.status = {"revocation": StatusTree(), "suspension": StatusTree()}
        for bits in self.status.values():
            bits.append_block()
            bits.append_block()
        self.versions: dict[UUID, int] = {}
        self.anchors: list[Json] = []
        self.note = b""
        self.checkpoint = Checkpoint(origin, 0, b"")
        for number in range(3):
            self.append("submission.accepted.v1", UUID(int=number + 1), {"n": number})
        self.edition_index = self.publish_edition()

    # ── whom to trust ────────────────────────────────────────────────────────────────────

    def policy(self, *, witness: bool = False, tsa: bool = False, extra: str = "") -> Policy:
        text = f"log {self.signer.vkey}\n"
        text += f"witness w1 {self.witness.vkey}\n" if witness else ""
        text += authority("stamp").policy_line if tsa else ""
        return parse_policy(text + extra)

    # ── writing ──────────────────────────────────────────────────────────────────────────

    def append(self, topic: str, originator: UUID, body: Json, version: int | None = None) -> int:
        number = self.versions.get(originator, 0) + 1 if version is None else version
        self.versions[originator] = number
        return self.append_bytes(Entry(topic, originator, number, compact(body)).encode())

    def append_bytes(self, entry: bytes) -> int:
        self.entries.append(entry)
        self.tree.append(leaf_hash(entry))
        return len(self.entries) - 1

    def publish_edition(self, **changes: Any) -> int:  # noqa: ANN401  (any member of the event)
        body = {
            "institution": str(NORTH),
            "code": "WELD-1",
            "edition": 1,
            "template": template(),
            "recorded_at": "2024-02-01T00:00:00Z",
        }
        return self.append("achievement.published.v1", WELDING, body | changes)

    def build_document(self, identifier: str, block: int, index: int, **changes: Any) -> Json:  # noqa: ANN401  any JSON value stands here
        entries = []
        for offset, purpose in enumerate(("revocation", "suspension")):
            url = f"{BASE}/status-lists/{2 * block + offset}"
            entries.append(
                {
                    "id": f"{url}#{index}",
                    "type": "BitstringStatusListEntry",
                    "statusPurpose": purpose,
                    "statusListIndex": str(index),
                    "statusListCredential": url,
                }
            )
        document = {
            "@context": [
                "https://www.w3.org/ns/credentials/v2",
                "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
            ],
            "id": f"{BASE}/verify/{identifier}",
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "issuer": {"id": DID, "type": ["Profile"], "name": "Northern College"},
            "name": template()["title"],
            "validFrom": instant(ISSUED),
            "awardedDate": instant(ISSUED),
            "credentialSubject": {
                "type": ["AchievementSubject"],
                "identifier": [{"type": "IdentityObject", "identityHash": "Анна Ли"}],
                "creditsEarned": 2.5,
                "achievement": {
                    "id": f"{BASE}/institutions/north/achievements/WELD-1/1",
                    "type": ["Achievement"],
                    "name": template()["title"],
                    "description": template()["description"],
                    "criteria": {"narrative": template()["criteria"]},
                    "version": "1",
                    "inLanguage": "ru",
                    "creditsAvailable": 2.5,
                },
            },
            "credentialStatus": entries,
        }
        return document | changes

    def sign(self, document: Json, key: str = "north-1", method: str = f"{DID}#key-1") -> Json:
        signing = Ed25519SigningKey(private_key(key), method)
        signed: Json = EddsaJcsProofSuite().add_proof(
            document, signing_key=signing, verification_method=method, created=ISSUED
        )
        return signed

    def issue(
        self,
        *,
        block: int = 1,
        index: int = 70_001,
        document: Json | None = None,
        signed: Json | None = None,
        **changes: Any,  # noqa: ANN401  (any member of the event)
    ) -> Award:
        identifier = public_id(ISSUED, self.random.randbytes(16))
        salt = self.random.randbytes(32)
        plain = self.build_document(identifier, block, index, **(document or {}))
        finished = signed or self.sign(plain)
        owner = aggregate(identifier)
        body = {
            "institution": str(NORTH),
            "achievement": str(WELDING),
            "edition": 1,
            "key_id": "key-1",
            "commitments": {"vc+jcs": commit(owner, "vc+jcs", rfc8785.dumps(finished), salt)},
            "status_block": block,
            "status_index": index,
            "valid_from": instant(ISSUED),
            "valid_until": None,
            "recorded_at": instant(ISSUED),
        } | changes
        award = Award(identifier, salt, finished, body, block=block, index=index)
        award.indexes.append(self.append("credential.issued.v1", owner, body))
        return award

    def change(self, award: Award, kind: str, effective: datetime, **members: Any) -> None:  # noqa: ANN401  any JSON value stands here
        """Log a change of status and set the bits that follow from it."""
        body: Json = {}
        if kind != "reinstated":
            body["reason"] = members.pop("reason", "incorrect_data")
        body["effective_at"] = instant(effective)
        if kind in {"suspended", "revoked"}:
            body["note"] = None
        body |= {"recorded_at": instant(effective + timedelta(minutes=1))} | members
        award.indexes.append(self.append(f"credential.{kind}.v1", award.id, body))
        purpose = "suspension" if kind in {"suspended", "reinstated"} else "revocation"
        value = kind != "reinstated"
        self.status[purpose].set_bit(award.block, award.index, value=value)

    def reissue(self, award: Award, at: datetime, *, key: str = "north-2", key_id: str = "key-2") -> Award:
        """Sign an award anew and log it; return it with the new document, the old one being as it was."""
        plain = {name: value for name, value in award.document.items() if name != "proof"}
        signed = self.sign(plain, key, f"{DID}#{key_id}")
        salt = self.random.randbytes(32)
        commitments = {"vc+jcs": commit(award.id, "vc+jcs", rfc8785.dumps(signed), salt)}
        body = {"key_id": key_id, "commitments": commitments, "recorded_at": instant(at)}
        award.indexes.append(self.append("credential.reissued.v1", award.id, body))
        return replace(award, document=signed, salt=salt)

    def directory(self) -> MemoryTree:
        return MemoryTree(leaf_hash(rfc8785.dumps(row)) for row in self.records)

    def publish(
        self,
        at: datetime | None = NOW,
        *,
        witnessed: datetime | None = None,
        **changes: Any,  # noqa: ANN401  any JSON value stands here
    ) -> None:
        """End the log in a state commitment, sign and cosign its checkpoint."""
        tree = self.directory()
        facts: Json = {
            "covered_size": len(self.entries),
            "status_lists": self.status["revocation"].blocks,
            "revocation_root": self.status["revocation"].root(),
            "suspension_root": self.status["suspension"].root(),
            "directory_size": len(tree),
            "directory_root": tree.root(),
            "cosigner": self.operator.vkey,
        }
        self.append_bytes(StateCommitment(**(facts | changes)).entry())
        self.sign_checkpoint(at, witnessed=witnessed)

    def sign_checkpoint(self, at: datetime | None, *, witnessed: datetime | None = None) -> None:
        origin = self.signer.name
        self.checkpoint = Checkpoint(origin, len(self.entries), self.tree.root())
        text = self.checkpoint.text()
        lines = [self.signer.sign(text)]
        if at is not None:
            lines.append(self.operator.cosign(text, at))
        if witnessed is not None:
            lines.append(self.witness.cosign(text, witnessed))
        self.note = format_note(text, lines)

    def stamp(self, at: datetime, name: str = "stamp", *, issued: bool = False) -> None:
        """Have the current checkpoint time-stamped."""
        token = authority(name, issued=issued).stamp(self.note, at)
        self.anchors.append(self._anchor("rfc3161", name, at, token))

    def cosign_anchor(self, at: datetime) -> None:
        """Have the current checkpoint cosigned by the witness, kept as an anchor."""
        token = self.witness.cosign(self.checkpoint.text(), at).encode()
        self.anchors.append(self._anchor("cosignature", "w1", at, token))

    def _anchor(self, kind: str, name: str, at: datetime, token: bytes) -> Json:
        return {
            "kind": kind,
            "name": name,
            "time": instant(at),
            "checkpoint": self.note.decode(),
            "token": b64(token),
            "size": self.checkpoint.size,
        }

    # ── files ────────────────────────────────────────────────────────────────────────────

    def proved(self, index: int) -> Json:
        proof = [b64(node) for node in self.tree.inclusion_proof(index)]
        return {"index": index, "entry": b64(self.entries[index]), "proof": proof}

    def chunk(self, purpose: str, award: Award) -> Json:
        leaf = award.block * 16 + award.index // 8192
        bits = self.status[purpose]
        proof = [b64(node) for node in bits.inclusion_proof(leaf)]
        return {"leaf": leaf, "chunk": b64(bits.chunk(leaf)), "proof": proof}

    def evidence(self, award: Award) -> Json:
        """Write the evidence file of an award as of the current checkpoint."""
        anchors = [self._covering(anchor, award) for anchor in self.anchors]
        covering = [anchor for anchor in anchors if anchor is not None]
        sizes = [row["size"] for row in self.anchors if row["size"] > award.indexes[0]]
        return {
            "format": "cairn/evidence/v1",
            "credential": award.public_id,
            "log": {"origin": self.signer.name, "vkey": self.signer.vkey},
            "checkpoint": self.note.decode(),
            "entries": [self.proved(at) for at in (*award.indexes, self.edition_index)],
            "state": self.proved(len(self.entries) - 1),
            "status": {purpose: self.chunk(purpose, award) for purpose in ("revocation", "suspension")},
            "directory": {
                "leaf": 1,
                "record": b64(rfc8785.dumps(self.records[1])),
                "proof": [b64(node) for node in self.directory().inclusion_proof(1)],
            },
            "anchors": covering,
            "anchored_size": max(sizes, default=None),
        }

    def _covering(self, anchor: Json, award: Award) -> Json | None:
        row = deepcopy(anchor)
        size = row.pop("size")
        if size <= award.indexes[0]:
            return None
        proof = self.tree.inclusion_proof(award.indexes[0], size)
        consistency = self.tree.consistency_proof(size)
        return row | {
            "index": award.indexes[0],
            "proof": [b64(node) for node in proof],
            "consistency": [b64(node) for node in consistency],
        }

    def bundle(self, award: Award) -> Json:
        return {
            "format": "cairn/bundle/v1",
            "document": award.document,
            "salt": b64(award.salt),
            "evidence": self.evidence(award),
        }
