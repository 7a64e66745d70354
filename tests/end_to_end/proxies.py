"""Wires of the tests' own to put between two real processes: they pass bytes on, write them down, or lose them.

A proxy never makes up a byte. Threads, so that they work beside any event loop; both ends of a lost connection are
closed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import zmq

Direction = Literal["up", "down"]
Verdict = Literal["pass", "hold", "cut"]
"""pass on; keep back and go on reading; or close both ends at once, the bytes unsent."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as they came: `connection` counts from 0, `up` is towards the server."""

    connection: int
    direction: Direction
    time_ns: int
    data: bytes


class TcpProxy:
    """Connections to a target, each chunk judged before it is passed on. `chunks` holds what was passed on."""

    def __init__(self, target: tuple[str, int], judge: Callable[[Direction, bytes], Verdict] | None = None) -> None:
        self.target = target
        self.chunks: list[Chunk] = []
        self.opened: list[tuple[tuple[str, int], tuple[str, int]]] = []
        """Addresses of the client's and the server's end of each connection."""
        self._judge = judge or (lambda _direction, _data: "pass")
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10.0)

    def cut(self) -> None:
        """Close every connection now."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            _shut(end)
            end.close()

    def _spawn(self, body: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=body, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=10.0)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets += [client, server]
                self.opened.append((client.getpeername(), client.getsockname()))
                number = len(self.opened) - 1
            self._spawn(self._pump, number, "up", client, server)
            self._spawn(self._pump, number, "down", server, client)

    def _pump(self, number: int, direction: Direction, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                verdict = self._judge(direction, data)
                if verdict == "cut":
                    break
                if verdict == "pass":
                    with self._lock:
                        self.chunks.append(Chunk(number, direction, time.time_ns(), data))
                    target.sendall(data)
        except OSError:
            pass
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


class BusProxy:
    """A ROUTER in front of an engine's command socket that keeps requests of one operation, or their answers, back."""

    def __init__(
        self,
        listen: Path,
        engine: str,
        operation: str,
        keep: Literal["request", "answer"],
        on_request: Callable[[], None] | None = None,
    ) -> None:
        self.seen = threading.Event()
        """Set when a request of the operation has come (and, keeping answers, been passed on)."""
        self.kept = threading.Event()
        """Set when something has been kept back."""
        self._operation, self._keep, self._on_request = operation, keep, on_request
        self._stop = threading.Event()
        self._context = zmq.Context()
        self._front, self._back = self._context.socket(zmq.ROUTER), self._context.socket(zmq.DEALER)
        for end in (self._front, self._back):
            end.setsockopt(zmq.LINGER, 0)
        self._front.bind(f"ipc://{listen}")
        self._back.connect(engine)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._front.close(0)
        self._back.close(0)
        self._context.term()

    def _run(self) -> None:
        client, dropped = b"", set[int]()
        poller = zmq.Poller()
        poller.register(self._front, zmq.POLLIN)
        poller.register(self._back, zmq.POLLIN)
        while not self._stop.is_set():
            ready = dict(poller.poll(50))
            if self._front in ready:
                client, request = self._front.recv_multipart()
                fields = msgspec.msgpack.decode(request)
                if fields["op"] == self._operation:
                    if self._on_request:
                        self._on_request()
                    if self._keep == "answer":
                        self._back.send(request)
                        dropped.add(fields["id"])
                    else:
                        self.kept.set()
                    self.seen.set()
                else:
                    self._back.send(request)
            if self._back in ready:
                answer = self._back.recv()
                if msgspec.msgpack.decode(answer)["id"] in dropped:
                    self.kept.set()
                else:
                    self._front.send_multipart([client, answer])
