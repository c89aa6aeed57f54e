"""The rule that tests speak to this machine alone is itself in force."""

import socket

import pytest

_DOCUMENTATION_ADDRESS = ("192.0.2.1", 9)  # RFC 5737: belongs to nobody


def test_connection_is_refused_when_it_leaves_this_machine() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outgoing,
        pytest.raises(RuntimeError, match="loopback alone"),
    ):
        outgoing.connect(_DOCUMENTATION_ADDRESS)


def test_lookup_is_refused_when_the_name_is_another_machine() -> None:
    with pytest.raises(RuntimeError, match="loopback alone"):
        socket.getaddrinfo("cairn.invalid", 443)


def test_connection_is_made_when_it_stays_on_this_machine() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        client.sendall(b"stone")
        client.shutdown(socket.SHUT_WR)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(16) == b"stone"
