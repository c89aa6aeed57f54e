"""What a mirror fetches from: nothing stays open when it is given up."""

from __future__ import annotations

import socket
import threading

import pytest

from api.mirror.upstream import Upstream

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_connection_that_was_being_made_when_the_others_were_closed_is_closed_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upstream = Upstream(f"http://127.0.0.1:{listener.getsockname()[1]}")
        found: list[bytes | None] = []
        asking = threading.Thread(target=lambda: found.append(upstream.document("/x")))
        asking.start()
        with listener.accept()[0] as served:
            served.settimeout(30)
            served.recv(65_536)
            with monkeypatch.context() as patched:  # the client does not know of it yet
                patched.setattr(upstream._client, "close", lambda: None)
                upstream.close()
            served.sendall(ANSWER)
            asking.join(30)
            assert found == [b"ok"]
            assert served.recv(1) == b""
        upstream.close()
