"""Relays between a client and a server, in which a network can fail."""

import ctypes
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

LINUX_ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of asm-generic/socket.h"""


@contextmanager
def relay(
    port: int, greet: Callable[[socket.socket], socket.socket] = lambda client: client
) -> Iterator[tuple[int, list[socket.socket]]]:
    """Pass one connection on to a server. Yield the relay's port, and its socket to the client once there is one.

    Args:
        greet: what happens first with that socket. It returns the one to go on with.
    """
    accepted: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            client, _ = listener.accept()
            accepted.append(client)
            with greet(client) as greeted, socket.create_connection(("127.0.0.1", port)) as server:
                back = Thread(target=_pump, args=(server, greeted))
                back.start()
                _pump(greeted, server)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Thread(target=serve)
        server.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            for each in (listener, *accepted):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            server.join(timeout=10)
            for each in accepted:
                each.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def swallow_packets(sock: socket.socket) -> None:
    """Let the kernel drop each packet that comes to a socket: nothing is acknowledged any more."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF_RET | BPF_K, with 0 bytes
    program = struct.pack("HL", 1, ctypes.addressof(drop_all))
    sock.setsockopt(socket.SOL_SOCKET, LINUX_ATTACH_FILTER, program)
