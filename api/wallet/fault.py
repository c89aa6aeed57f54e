"""What wallets are refused with: the error codes of OAuth 2.0 and OpenID4VCI, in the form that these want.

Source: RFC 6749 section 5.2; RFC 6750 section 3; OpenID4VCI 1.0 sections 6.3 and 8.3.1.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

import msgspec
from fastapi import Response

NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}

FaultCode = Literal[
    "invalid_request",
    "invalid_grant",
    "unsupported_grant_type",
    "invalid_token",
    "invalid_credential_request",
    "unknown_credential_configuration",
    "unknown_credential_identifier",
    "invalid_proof",
    "invalid_nonce",
    "invalid_encryption_parameters",
    "credential_request_denied",
]


class WalletFault(Exception):  # noqa: N818  it is what the wallet is told, by the name that the specification gives it
    """A request of a wallet's is refused.

    Args:
        code: As the specifications name it.
        description: In plain ASCII, for whoever develops the wallet; without quotation marks and backslashes.
    """

    def __init__(self, code: FaultCode, description: str) -> None:
        super().__init__(description)
        self.code: FaultCode = code
        self.description = description

    def response(self) -> Response:
        """The answer."""
        headers = dict(NO_STORE)
        status = HTTPStatus.BAD_REQUEST
        if self.code == "invalid_token":
            status = HTTPStatus.UNAUTHORIZED
            headers["WWW-Authenticate"] = f'Bearer error="{self.code}", error_description="{self.description}"'
        body = {"error": self.code, "error_description": self.description}
        return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
