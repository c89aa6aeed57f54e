"""The DID resolver: what it resolves, in which form, and what it says when it cannot."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from openvc.did.base import DidResolutionError, parse_did_document
from openvc.did.did_key import DidKeyResolver
from openvc.multibase import decode_multibase, encode_multibase

from api.did_resolution import DidError, DidResolution, key_document
from api.did_url import parse_did_url, part_of
from api.route.did_resolver import make_router
from tests.api.client import send_raw
from tests.api.served import SLUG, Served

ED25519: Final = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
P256: Final = "zDnaeTQKDbXQT4bauxKcnMQYQ8Jynjq5Z1u5MkhHn8Gq1"
DID_KEY: Final = f"did:key:{ED25519}"
ENVELOPE: Final = {"@context", "didDocument", "didDocumentMetadata", "didResolutionMetadata"}
RESULT: Final = "application/did-resolution"
LD_RESULT: Final = 'application/ld+json;profile="https://w3id.org/did-resolution"'
ASCII: Final = ("accept", "service", "serviceType", "relativeRef", "versionId", "versionTime", "hl")
SPELLINGS: Final = {
    "invalidDid": "INVALID_DID",
    "invalidPublicKeyLength": "INVALID_DID",
    "methodNotSupported": "METHOD_NOT_SUPPORTED",
    "notFound": "NOT_FOUND",
    "invalidDidUrl": "INVALID_DID_URL",
    "invalidOptions": "INVALID_OPTIONS",
}
SIGNING: Final = ["assertionMethod", "authentication", "capabilityInvocation", "capabilityDelegation"]


def resolve(served: Served, did: str, accept: str | None = RESULT) -> httpx.Response:
    headers = {} if accept is None else {"Accept": accept}
    return served.http.get(f"/1.0/identifiers/{quote(did, safe='')}", headers=headers)


def ec_keys() -> dict[str, tuple[str, str]]:
    """A did:key of each curve, made by the library that signs with them."""
    made = {}
    for name, curve, prefix in (("P-256", ec.SECP256R1(), b"\x80\x24"), ("P-384", ec.SECP384R1(), b"\x81\x24")):
        point = ec.generate_private_key(curve).public_key()
        raw = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        made[name] = (encode_multibase(prefix + raw), name)
    return made


EC: Final = ec_keys()
JSON: Final = st.recursive(
    st.one_of(st.none(), st.integers(), st.sampled_from(["#a", "a", "did:web:elsewhere.example#a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["id", "type"]), inner)),
    max_leaves=6,
)


def jwk_did(jwk: dict[str, str]) -> str:
    return "did:jwk:" + base64.urlsafe_b64encode(json.dumps(jwk).encode()).rstrip(b"=").decode()


PUBLIC_JWK: Final = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_resolver_answers_a_resolution_result_when_it_is_asked_for_a_did_key(served: Served) -> None:
    answered = resolve(served, DID_KEY)
    assert answered.status_code == httpx.codes.OK
    assert answered.headers["content-type"] == RESULT
    body = answered.json()
    assert body.keys() == ENVELOPE
    assert body["@context"] == "https://w3id.org/did-resolution/v1"
    assert body["didResolutionMetadata"] == {"contentType": "application/did"}
    document = body["didDocument"]
    method = {
        "id": f"{DID_KEY}#{ED25519}",
        "type": "Multikey",
        "controller": DID_KEY,
        "publicKeyMultibase": ED25519,
    }
    assert document["id"] == DID_KEY
    assert document["@context"] == ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
    assert document["verificationMethod"] == [method]
    assert all(document[name] == [method["id"]] for name in SIGNING)


@pytest.mark.parametrize("multibase", [ED25519, *(key for key, _ in EC.values())], ids=["Ed25519", *EC])
def test_document_of_a_did_key_is_read_alike_by_another_reader(multibase: str) -> None:
    did = f"did:key:{multibase}"
    ours = parse_did_document(key_document(did))
    theirs = DidKeyResolver().resolve(did)
    assert ours.verification_methods[0].public_key_jwk == theirs.verification_methods[0].public_key_jwk
    assert ours.verification_methods[0].id == theirs.verification_methods[0].id
    for purpose in SIGNING:
        assert ours.key_for_purpose(f"{did}#{multibase}", purpose) is not None


@given(st.binary(min_size=32, max_size=32))
def test_agreement_key_of_a_did_key_is_that_of_the_same_secret(seed: bytes) -> None:
    """Both public keys follow from one secret scalar, which Ed25519 gets by hashing its seed (RFC 8032, 5.1.5)."""
    signing = Ed25519PrivateKey.from_private_bytes(seed)
    multibase = encode_multibase(b"\xed\x01" + signing.public_key().public_bytes_raw())
    [agreement] = key_document(f"did:key:{multibase}")["keyAgreement"]
    secret = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])
    assert decode_multibase(agreement["publicKeyMultibase"]) == b"\xec\x01" + secret.public_key().public_bytes_raw()
    assert agreement["controller"] == f"did:key:{multibase}"


@pytest.mark.parametrize("accept", ["application/did+json", "application/did+ld+json", "application/did"])
def test_resolver_answers_the_document_alone_when_that_is_asked_for(served: Served, accept: str) -> None:
    answered = resolve(served, DID_KEY, accept)
    assert answered.status_code == httpx.codes.OK
    assert answered.headers["content-type"] == accept
    assert answered.json()["id"] == DID_KEY


@pytest.mark.parametrize(
    "accept, kind",
    [
        (None, RESULT),
        ("*/*", RESULT),
        ("application/*", RESULT),
        ("application/json", "application/json"),
        ("application/did-resolution", RESULT),
        ("text/html, application/json;q=0.5", "application/json"),
        ("application/did+json;q=0.1, application/ld+json", LD_RESULT),
        (LD_RESULT, LD_RESULT),
        ("application/json, application/ld+json, */*", LD_RESULT),
    ],
)
def test_resolver_answers_in_the_best_format_when_accept_names_some(
    served: Served, accept: str | None, kind: str
) -> None:
    answered = resolve(served, DID_KEY, accept)
    assert answered.status_code == httpx.codes.OK
    assert answered.headers["content-type"] == kind
    assert answered.json().keys() == ENVELOPE


def test_resolver_resolves_a_did_jwk(served: Served) -> None:
    did = jwk_did(PUBLIC_JWK)
    document = resolve(served, did).json()["didDocument"]
    assert document["verificationMethod"] == [
        {"id": f"{did}#0", "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": PUBLIC_JWK}
    ]
    assert all(document[name] == [f"{did}#0"] for name in [*SIGNING, "keyAgreement"])


def test_resolver_gives_a_did_jwk_the_relationships_that_its_use_allows(served: Served) -> None:
    signing = resolve(served, jwk_did({**PUBLIC_JWK, "use": "sig"})).json()["didDocument"]
    assert "keyAgreement" not in signing
    assert "assertionMethod" in signing
    agreeing = resolve(served, jwk_did({**PUBLIC_JWK, "use": "enc"})).json()["didDocument"]
    assert "keyAgreement" in agreeing
    assert "assertionMethod" not in agreeing


def test_resolver_resolves_the_institutions_of_this_ledger(served: Served, school_key: str) -> None:
    assert school_key
    did = served.http.get(f"/institutions/{SLUG}").json()["did"]
    answered = resolve(served, did)
    assert answered.status_code == httpx.codes.OK, answered.text
    document = answered.json()["didDocument"]
    assert document == served.http.get(f"/institutions/{SLUG}/did.json").json()
    assert document["verificationMethod"][0]["type"] == "Multikey"


def test_resolver_reads_a_did_with_a_port_when_it_is_escaped_once_or_not_at_all() -> None:
    did = "did:web:localhost%3A8000:institutions:nobody"
    seen: list[str] = []

    def note(asked: str) -> None:
        seen.append(asked)

    app = FastAPI()
    app.include_router(make_router(DidResolution(note)))
    for path in (did, quote(did, safe="")):
        assert send_raw(app, f"/1.0/identifiers/{path}").status_code == httpx.codes.NOT_FOUND
    assert seen == [did, did]


@pytest.mark.parametrize(
    "did, code, status",
    [
        ("notDid:key:" + ED25519, "invalidDid", 400),
        ("did:key:-4:" + ED25519, "invalidDid", 400),
        ("did:key:" + ED25519[1:], "invalidDid", 400),
        ("did:key:@", "invalidDid", 400),
        ("did:key:z", "invalidDid", 400),
        ("did:key:z0OIl", "invalidDid", 400),
        ("did:key:" + encode_multibase(b"\xed\x01" + b"\x01" * 31), "invalidPublicKeyLength", 400),
        ("did:key:" + encode_multibase(b"\x80\x24\x02" + b"\xff" * 32), "invalidDid", 400),
        ("did:key:" + encode_multibase(b"\xec\x01" + b"\x01" * 32), "invalidDid", 400),
        ("did:key:" + encode_multibase(b"\xff" * 20), "invalidDid", 400),
        ("did:key:z1" + ED25519[1:], "invalidDid", 400),
        ("did:key:z" + "1" * 5_000, "invalidDid", 400),
        ("did:key:z" + "2" * 3_000, "invalidDid", 400),
        ("did", "invalidDid", 400),
        ("did:", "invalidDid", 400),
        ("did:key:", "invalidDid", 400),
        ("did:KEY:" + ED25519, "invalidDid", 400),
        ("did:jwk:e30", "invalidDid", 400),
        ("did:jwk:@@", "invalidDid", 400),
        ("did:jwk:AAAA", "invalidDid", 400),
        (jwk_did({**PUBLIC_JWK, "d": "AAAA"}), "invalidDid", 400),
        (jwk_did({"kty": "oct", "k": "AAAA"}), "invalidDid", 400),
        ("did:experimental:abc", "methodNotSupported", 501),
        ("did:web:elsewhere.example", "notFound", 404),
        ("did:web:ledger.test:institutions:nobody", "notFound", 404),
        ("\u0444", "invalidDid", 400),
        ("did:key:\x00", "invalidDid", 400),
        ("../../etc/passwd", "invalidDid", 400),
    ],
)
def test_resolver_says_in_the_same_envelope_why_there_is_no_document(
    served: Served, did: str, code: str, status: int
) -> None:
    answered = resolve(served, did, LD_RESULT)
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == LD_RESULT
    body = answered.json()
    assert body.keys() == ENVELOPE
    assert (body["didDocument"], body["didDocumentMetadata"]) == (None, {})
    assert body["didResolutionMetadata"]["error"] == code
    answered = resolve(served, did)
    assert (answered.status_code, answered.headers["content-type"]) == (status, RESULT)
    error = answered.json()["didResolutionMetadata"]["error"]
    assert error["type"] == f"https://www.w3.org/ns/did#{SPELLINGS[code]}"
    assert error["detail"] == body["didResolutionMetadata"]["message"]
    assert answered.json().keys() == ENVELOPE


@pytest.mark.parametrize(
    "option",
    [
        *({name: text} for name in ASCII for text in ("Привет", "🔥", "foo\u200bbar")),
        *({"relativeRef": text} for text in ("my path/file", "file#section", "dir/with?query=value", "100%")),
        *(
            {"versionTime": text}
            for text in (
                "2025-10-07 12:30:45",
                "2025/10/07T12:30:45Z",
                "2025-13-07T12:30:45Z",
                "2025-10-32T12:30:45Z",
                "2025-10-07T25:00:00Z",
                "2025-10-07T12:30:60Z",
                "2025-10-07T12:30:45+24:00",
                "2025-10-07",
                "2025-10-07T12:30:45Zabc",
                "T12:30:45",
                "2025-10-07T00:00:00+02:00",
                "2025-10-07T00:00:00",
                "2025-10-07T00:00:00.123Z",
            )
        ),
    ],
    ids=str,
)
def test_resolver_refuses_options_that_are_malformed(served: Served, option: dict[str, str]) -> None:
    answered = served.http.get(f"/1.0/identifiers/{DID_KEY}", params=option)
    assert answered.status_code == httpx.codes.BAD_REQUEST, answered.text
    assert answered.json()["didResolutionMetadata"]["error"]["type"] == "https://www.w3.org/ns/did#INVALID_OPTIONS"


def test_resolver_takes_options_that_are_well_formed(served: Served, school_key: str) -> None:
    assert school_key
    own = served.http.get(f"/institutions/{SLUG}").json()["did"]
    for option in (
        {"service": "linkedDomain"},
        {"relativeRef": "my%20path/file"},
        {"versionTime": "2025-10-07T14:30:00Z"},
        {"versionId": "1"},
        {"publicKeyFormat": "Multikey"},
        {"anything": "else"},
    ):
        assert served.http.get(f"/1.0/identifiers/{DID_KEY}", params=option).status_code == httpx.codes.OK, option
        answered = served.http.get(f"/1.0/identifiers/{own}", params=option)
        expected = httpx.codes.NOT_IMPLEMENTED if "version" in str(option) else httpx.codes.OK
        assert answered.status_code == expected, option


DID_URL: Final = f"{DID_KEY}#{ED25519}"
DEREFERENCED: Final = "application/did-url-dereferencing"
METHOD: Final = {"id": DID_URL, "type": "Multikey", "controller": DID_KEY, "publicKeyMultibase": ED25519}


@pytest.mark.parametrize("accept", [DEREFERENCED, "*/*", f"application/json;q=0.2, {DEREFERENCED}"])
def test_resolver_dereferences_a_did_url_to_the_key_that_it_names(served: Served, accept: str) -> None:
    answered = resolve(served, DID_URL, accept)
    assert (answered.status_code, answered.headers["content-type"]) == (200, DEREFERENCED), answered.text
    assert answered.headers["vary"] == "Accept"
    assert answered.json() == {
        "contentStream": METHOD,
        "contentMetadata": {},
        "dereferencingMetadata": {"contentType": "application/did"},
    }


@pytest.mark.parametrize("accept", ["application/did", "application/did+json", "application/json"])
def test_resolver_answers_what_a_did_url_names_alone_when_a_plain_format_is_asked_for(
    served: Served, accept: str
) -> None:
    answered = resolve(served, DID_URL, accept)
    assert (answered.status_code, answered.headers["content-type"]) == (200, accept)
    assert answered.json() == METHOD


def test_resolver_answers_a_did_url_with_its_context_when_json_ld_is_asked_for(served: Served) -> None:
    context = resolve(served, DID_KEY, "application/did+ld+json").json()["@context"]
    assert resolve(served, DID_URL, "application/did+ld+json").json() == {"@context": context, **METHOD}
    answered = resolve(served, DID_URL, LD_RESULT)
    assert answered.headers["content-type"] == LD_RESULT
    body = answered.json()
    assert body["didDocument"] == {"@context": context, **METHOD}
    assert body.keys() == {"@context", "didDocument", "didDocumentMetadata", "didDereferencingMetadata"}


def test_resolver_dereferences_a_did_to_its_document(served: Served) -> None:
    body = resolve(served, DID_KEY, DEREFERENCED).json()
    assert body["contentStream"] == resolve(served, DID_KEY, "application/did").json()


def test_resolver_dereferences_the_key_that_agrees_on_keys(served: Served) -> None:
    [agreement] = key_document(DID_KEY)["keyAgreement"]
    assert resolve(served, agreement["id"], DEREFERENCED).json()["contentStream"] == agreement


def test_resolver_dereferences_the_keys_of_an_institution(served: Served, school_key: str) -> None:
    assert school_key
    own = served.http.get(f"/institutions/{SLUG}").json()["did"]
    for method in resolve(served, own, "application/did").json()["verificationMethod"]:
        assert resolve(served, method["id"], "application/did").json() == method


def test_resolver_reads_a_did_url_when_it_is_escaped_once_or_as_a_whole(served: Served) -> None:
    for path in (quote(DID_URL, safe=""), quote(DID_URL, safe=":")):
        answered = served.http.get(f"/1.0/identifiers/{path}", headers={"Accept": "application/did"})
        assert answered.json() == METHOD, path


@pytest.mark.parametrize(
    "url, code, status",
    [
        (DID_KEY + "/^bar^/?query=`#" + ED25519, "invalidDidUrl", 400),
        (DID_KEY + "#\u0444", "invalidDidUrl", 400),
        (DID_KEY + "#%", "invalidDidUrl", 400),
        (DID_KEY + "#a#b", "invalidDidUrl", 400),
        (DID_KEY + "#" + "a" * 5_000, "invalidDidUrl", 400),
        ("did:KEY:" + ED25519 + "#x", "invalidDidUrl", 400),
        ("did:#x", "invalidDidUrl", 400),
        (DID_KEY + "#", "notFound", 404),
        (DID_KEY + "#x", "notFound", 404),
        (DID_KEY + "/path", "notFound", 404),
        (DID_KEY + "?service=files&relativeRef=%2Fa", "notFound", 404),
        (DID_KEY + "?versionTime=yesterday#" + ED25519, "invalidOptions", 400),
        ("did:key:z#z", "invalidDid", 400),
        ("did:experimental:abc#x", "methodNotSupported", 501),
        ("did:web:elsewhere.example#x", "notFound", 404),
    ],
)
def test_resolver_says_why_a_did_url_points_at_nothing(served: Served, url: str, code: str, status: int) -> None:
    older = resolve(served, url, LD_RESULT)
    assert older.status_code == status, older.text
    assert older.json()["didDereferencingMetadata"]["error"] == code
    assert older.json()["didDocument"] is None
    answered = resolve(served, url, DEREFERENCED)
    assert (answered.status_code, answered.headers["content-type"]) == (status, DEREFERENCED)
    body = answered.json()
    assert (body["contentStream"], body["contentMetadata"]) == (None, {})
    error = body["dereferencingMetadata"]["error"]
    assert error["type"] == f"https://www.w3.org/ns/did#{SPELLINGS[code]}"
    assert error["detail"] == older.json()["didDereferencingMetadata"]["message"]


def test_resolver_says_that_a_did_url_is_no_did_when_only_a_resolution_is_asked_for(served: Served) -> None:
    answered = resolve(served, DID_URL, RESULT)
    assert (answered.status_code, answered.headers["content-type"]) == (400, RESULT)
    assert answered.json()["didResolutionMetadata"]["error"]["type"].endswith("#INVALID_DID")


@given(st.dictionaries(st.sampled_from(["verificationMethod", "keyAgreement", "service", "authentication"]), JSON))
def test_part_is_found_or_refused_when_a_document_holds_anything(document: dict[str, Any]) -> None:
    url = parse_did_url("did:web:elsewhere.example#a")
    for id_ in ("#a", "did:web:elsewhere.example#a"):
        wanted = {"id": id_}
        assert part_of({**document, "capabilityInvocation": [wanted]}, url)["id"] in {"#a", url.did + "#a"}
    try:
        assert part_of(document, url)["id"] in {"#a", url.did + "#a"}
    except DidError as error:
        assert error.code == "notFound"  # noqa: PT017  any other error would escape


def test_resolver_refuses_when_no_did_is_given(served: Served) -> None:
    assert served.http.get("/1.0/identifiers/").status_code == httpx.codes.BAD_REQUEST


def test_resolver_says_which_formats_of_keys_it_has(served: Served) -> None:
    headers = {"accept": LD_RESULT}
    answered = served.http.get(f"/1.0/identifiers/{DID_KEY}", params={"publicKeyFormat": "unknown"}, headers=headers)
    assert answered.status_code == httpx.codes.BAD_REQUEST
    assert answered.json()["didResolutionMetadata"]["error"] == "unsupportedPublicKeyType"


@pytest.mark.parametrize(
    "options, code",
    [
        ({}, "invalidPublicKeyType"),
        ({"enableExperimentalPublicKeyTypes": "false"}, "invalidPublicKeyType"),
        ({"enableExperimentalPublicKeyTypes": "true"}, "unsupportedPublicKeyType"),
    ],
)
def test_resolver_refuses_experimental_formats_of_keys_when_they_are_not_switched_on(
    served: Served, options: dict[str, str], code: str
) -> None:
    asked = {"publicKeyFormat": "Ed25519VerificationKey2018", **options}
    for path, envelope in ((DID_KEY, "didResolutionMetadata"), (quote(DID_URL, safe=""), "didDereferencingMetadata")):
        answered = served.http.get(f"/1.0/identifiers/{path}", params=asked, headers={"accept": LD_RESULT})
        assert answered.status_code == httpx.codes.BAD_REQUEST
        assert answered.json()[envelope]["error"] == code


def test_resolver_refuses_when_it_has_no_format_that_is_asked_for(served: Served) -> None:
    answered = resolve(served, DID_KEY, "text/turtle")
    assert answered.status_code == httpx.codes.NOT_ACCEPTABLE
    error = answered.json()["didResolutionMetadata"]["error"]
    assert error["type"] == "https://www.w3.org/ns/did#REPRESENTATION_NOT_SUPPORTED"
    assert answered.json().keys() == ENVELOPE


def test_resolution_asks_other_hosts_when_that_is_switched_on() -> None:
    document = {"id": "did:web:elsewhere.example"}

    def fetch(did: str) -> dict[str, Any]:
        if did != document["id"]:
            raise DidResolutionError("nothing there")
        return document

    resolution = DidResolution(lambda _: None, fetch)
    assert resolution.document("did:web:elsewhere.example") == document
    with pytest.raises(DidError) as refused:
        resolution.document("did:web:nobody.example")
    assert refused.value.code == "notFound"


@given(st.text(max_size=60))
def test_resolution_never_raises_anything_else_when_asked_for_anything(text: str) -> None:
    resolution = DidResolution(lambda _: None)
    for did in (text, f"did:key:{text}", f"did:key:z{text}", f"did:jwk:{text}", f"did:web:{text}"):
        try:
            resolution.document(did)
        except DidError as error:
            assert error.message  # noqa: PT017  any other error would escape
