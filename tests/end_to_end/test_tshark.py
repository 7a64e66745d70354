"""Wireshark's dissectors read what engine and exchange really said to each other: feed, re-requests, order sessions."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from captures import Address, Capture, TcpStream, Tshark
from house import USER, House, eventually, make_market, simulated_venue
from proxies import TcpProxy

from fastpath.config import VenueConfig
from fastpath.records import OrderState
from sim.exchange.control import LineFaults

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed (apt-get install tshark)"),
]
MOLD_HEADER = struct.Struct(">10sQH")
END = 0xFFFF


@dataclass
class Datagram:
    source: Address
    target: Address
    time_ns: int
    payload: bytes


class Wire:
    """Everything that passes by UDP: a listener on both lines, and a relay in front of the re-request server."""

    def __init__(self) -> None:
        self.datagrams: list[Datagram] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10.0)
        for end in self._sockets:
            end.close()

    def _socket(self) -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.settimeout(0.1)
        self._sockets.append(end)
        return end

    def _spawn(self, body: object, *arguments: object) -> None:
        thread = threading.Thread(target=body, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def listen(self, group: Address) -> None:
        end = self._socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        end.bind(group)
        membership = socket.inet_aton(group[0]) + socket.inet_aton("127.0.0.1")
        end.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self._spawn(self._record, end, group)

    def _record(self, end: socket.socket, group: Address) -> None:
        while not self._stop.is_set():
            try:
                payload, source = end.recvfrom(65_536)
            except TimeoutError:
                continue
            self.datagrams.append(Datagram(source, group, time.time_ns(), payload))

    def relay(self, server: Address) -> Address:
        """An address whose datagrams go to the server and whose answers come back, both recorded."""
        front, back = self._socket(), self._socket()
        front.bind(("127.0.0.1", 0))
        back.connect(server)
        address: Address = front.getsockname()
        client: list[Address] = []

        def pump(direction: str) -> None:
            while not self._stop.is_set():
                try:
                    payload, source = (front if direction == "up" else back).recvfrom(65_536)
                except (TimeoutError, ConnectionRefusedError):
                    continue
                if direction == "up":
                    client[:] = [source]
                    self.datagrams.append(Datagram(source, address, time.time_ns(), payload))
                    back.send(payload)
                else:
                    self.datagrams.append(Datagram(address, client[0], time.time_ns(), payload))
                    front.sendto(payload, client[0])

        for direction in ("up", "down"):
            self._spawn(pump, direction)
        return address


@dataclass
class Recording:
    """What passed in one session, and what was known at its ends."""

    wire: Wire
    proxy: TcpProxy
    lines: list[Address]
    rerequest: Address
    session: str
    feed_messages: list[bytes]
    received: list[bytes]
    sequenced: list[bytes]
    engine_feed: dict[str, int]
    exchange_stats: dict[str, int]
    logins: int
    directory: Path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Two lives of an engine at one exchange: lossy lines, orders, fills, idle seconds, logout, new login, the end."""
    proxies: list[TcpProxy] = []
    relayed: list[Address] = []
    with Wire() as wire:

        def between(venue: VenueConfig) -> VenueConfig:
            assert venue.orders is not None
            proxies.append(TcpProxy(("127.0.0.1", venue.orders.port)))
            relayed.append(wire.relay(("127.0.0.1", venue.feed.rerequest_port)))
            return venue.model_copy(
                update={
                    "orders": venue.orders.model_copy(update={"port": proxies[0].address[1]}),
                    "feed": venue.feed.model_copy(update={"rerequest_port": relayed[0][1]}),
                }
            )

        market = simulated_venue(messages_per_s=150, end_of_session_ms=300)
        with House(market, venue=between, opened=False) as house, proxies[0] as proxy:
            exchange = house.exchanges["alpha"]
            lines = list(exchange.feed_addresses)
            for line in lines:
                wire.listen(line)
            exchange.start()
            engine = house.start_engine()
            exchange.set_line_faults("A", LineFaults(drop_per_mille=150, seed=1))
            exchange.set_line_faults("B", LineFaults(drop_per_mille=150, seed=2))
            make_market(exchange, "MSFT", "39.95", "40.05")
            for number in range(5):
                house.rest(f"first-{number}", symbol="MSFT", price=f"{30 + number}.00")
            house.submit("taken", symbol="MSFT", price="41.00", tif="ioc")
            house.settled("taken", OrderState.FILLED, OrderState.CANCELED)
            house.cancel("first-0")
            house.settled("first-0", OrderState.CANCELED)
            wanted = {name: exchange.stats()[name] + 2 for name in ("port_heartbeats_in", "port_heartbeats_out")}
            eventually(
                lambda: all(exchange.stats()[name] >= least for name, least in wanted.items()),
                "both sides send heartbeats",
            )
            assert engine.stop(30.0) == 0
            house.children.running.remove(engine)
            house.start_engine()
            house.rest("second", symbol="MSFT", price="36.00")
            exchange.set_rate(0)
            exchange.set_line_faults("A", None)
            exchange.set_line_faults("B", None)
            eventually(lambda: house.caught_up("alpha"), "the engine has the whole feed")
            heartbeats = exchange.stats()["feed_heartbeats"]
            eventually(lambda: exchange.stats()["feed_heartbeats"] > heartbeats + 1, "the feed sends heartbeats")
            exchange.end_of_session()
            eventually(lambda: house.venue_state("alpha").feed.state == 2, "the feed has ended")
            eventually(lambda: house.venue_state("alpha").orders.state == 5, "the order session has ended")
            engine_feed = house.feed_stats("alpha")
            sent = exchange.stats()["line_a_packets"] + exchange.stats()["line_b_packets"]
            eventually(
                lambda: sum(row.target in lines for row in wire.datagrams) >= sent, "the listener has everything"
            )
            yield Recording(
                wire=wire,
                proxy=proxy,
                lines=lines,
                rerequest=relayed[0],
                session=exchange.session,
                feed_messages=exchange.feed_messages(),
                received=exchange.received_messages(USER),
                sequenced=exchange.order_messages(USER),
                engine_feed=engine_feed,
                exchange_stats=exchange.stats(),
                logins=exchange.stats()["port_logins"],
                directory=tmp_path_factory.mktemp("captures"),
            )


@pytest.fixture(scope="module")
def feed(recording: Recording) -> tuple[Tshark, list[Datagram]]:
    capture, datagrams = Capture(), recording.wire.datagrams[:]
    for row in datagrams:
        capture.udp(row.source, row.target, row.payload, row.time_ns)
    ports = {port for _, port in [*recording.lines, recording.rerequest]}
    rules = [f"udp.port=={port},moldudp64" for port in ports]
    return Tshark(capture.write(recording.directory / "feed.pcap"), *rules), datagrams


def test_no_datagram_is_malformed(feed: tuple[Tshark, list[Datagram]]) -> None:
    tshark, datagrams = feed
    assert tshark.faults() == []
    assert len(tshark.rows("moldudp64", "frame.number")) == len(datagrams)
    assert len(tshark.rows("udp.checksum.status == 1 && ip.checksum.status == 1", "frame.number")) == len(datagrams)


def test_tshark_reads_the_feed_as_it_was_sent(recording: Recording, feed: tuple[Tshark, list[Datagram]]) -> None:
    tshark, datagrams = feed
    names = ("moldudp64.session", "moldudp64.sequence", "moldudp64.count", "moldudp64.msgseq", "moldudp64.msgdata")
    rows = tshark.rows("moldudp64", *names)
    published: dict[int, set[bytes]] = {}
    kinds: Counter[str] = Counter()
    for datagram, (session, sequence, count, numbers, data) in zip(datagrams, rows, strict=True):
        head = MOLD_HEADER.unpack_from(datagram.payload)
        assert session.strip() == recording.session == head[0].decode().strip()
        assert (int(sequence.split(";")[0], 0), int(count, 0)) == head[1:]
        if datagram.target == recording.rerequest:
            kinds["request"] += 1
            continue
        messages = [bytes.fromhex(text.replace(":", "")) for text in data.split(";")] if data else []
        assert len(messages) == (0 if head[2] == END else head[2])
        assert [int(number, 0) for number in numbers.split(";") if number] == list(
            range(head[1], head[1] + len(messages))
        )
        for number, message in enumerate(messages, head[1]):
            published.setdefault(number, set()).add(message)
        kind = "end" if head[2] == END else "data" if head[2] else "heartbeat"
        kinds["answer" if datagram.source == recording.rerequest else kind] += 1
    assert min(kinds[kind] for kind in ("data", "heartbeat", "end", "request", "answer")) > 0, kinds
    # Between them, lines and answers brought every message once: the ones that the exchange has in its book of the day.
    assert published == {number: {message} for number, message in enumerate(recording.feed_messages, 1)}
    stats = recording.exchange_stats
    on_lines = sum(datagram.target in recording.lines for datagram in datagrams)
    assert on_lines == stats["line_a_packets"] + stats["line_b_packets"]
    assert stats["line_a_dropped"] > 0 and recording.engine_feed["messages_lost"] == 0
    assert kinds["request"] == stats["feed_rerequests"] >= recording.engine_feed["rerequests"] > 0


@pytest.fixture(scope="module")
def sessions(recording: Recording) -> Tshark:
    capture, streams = Capture(), {}
    chunks = recording.proxy.chunks[:]
    for chunk in chunks:
        if chunk.connection not in streams:
            client, server = recording.proxy.opened[chunk.connection]
            streams[chunk.connection] = TcpStream(capture, client, server, chunk.time_ns)
        streams[chunk.connection].send(chunk.direction, chunk.data, chunk.time_ns)
    for stream in streams.values():
        stream.close(chunks[-1].time_ns)
    port = recording.proxy.address[1]
    return Tshark(capture.write(recording.directory / "orders.pcap"), f"tcp.port=={port},soupbintcp")


def test_no_segment_is_malformed(recording: Recording, sessions: Tshark) -> None:
    assert sessions.faults() == []
    carrying = sessions.rows("tcp.len > 0", "frame.number")
    assert len(sessions.rows("soupbintcp", "frame.number")) <= len(carrying)
    assert sessions.rows("tcp.checksum.status != 1", "frame.number") == []


def packets(data: bytes) -> list[tuple[str, bytes]]:
    """Type and payload of every SoupBinTCP packet in a direction's bytes, which they must fill exactly."""
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        assert length >= 1 and at + 2 + length <= len(data)
        found.append((chr(data[at + 2]), data[at + 3 : at + 2 + length]))
        at += 2 + length
    return found


def test_tshark_reads_both_sides_of_the_order_sessions(recording: Recording, sessions: Tshark) -> None:
    port = recording.proxy.address[1]
    seen: dict[str, list[tuple[str, str]]] = {}
    for direction, only in (("up", f"tcp.dstport == {port}"), ("down", f"tcp.srcport == {port}")):
        rows = sessions.rows(f"soupbintcp && {only}", "soupbintcp.packet_type", "soupbintcp.packet_length")
        kinds = [kind for row in rows for kind in row[0].split(";")]
        lengths = [length for row in rows for length in row[1].split(";")]
        seen[direction] = list(zip(kinds, lengths, strict=True))
    for direction, told in seen.items():
        sent = []
        for number in range(len(recording.proxy.opened)):
            chunks = [row for row in recording.proxy.chunks if (row.connection, row.direction) == (number, direction)]
            sent += packets(b"".join(row.data for row in chunks))
        # Old versions print the letter in quotes, or as a number.
        letters = [text.strip("'") if "x" not in text else chr(int(text.strip("'"), 16)) for text, _ in told]
        assert letters == [kind for kind, _ in sent]
        assert [int(length) for _, length in told] == [len(payload) + 1 for _, payload in sent]
        counted = Counter(letters)
        if direction == "up":
            assert set(counted) == {"L", "U", "R", "O"}
            assert counted["L"] == recording.logins == 2 and counted["O"] == 1 and counted["R"] >= 2
            assert [payload for kind, payload in sent if kind == "U"] == recording.received
        else:
            assert set(counted) == {"A", "S", "H", "Z"}
            assert counted["A"] == 2 and counted["Z"] == 1 and counted["H"] >= 2
            # What the first life had read is not sent to the second one again.
            assert [payload for kind, payload in sent if kind == "S"] == recording.sequenced
    text = sessions.text("soupbintcp")
    assert re.findall(r"User Name: *(\w+)", text) == [USER, USER]
    named = [name.strip() for name in re.findall(r"^    Session:(.*)$", text, re.M)]
    assert named == ["", recording.session, recording.session, recording.session]
    asked, answered = (
        [int(n) for n in re.findall(f"{what} sequence number: (\\d+)", text)] for what in ("Requested", "Next")
    )
    assert asked == answered and asked[0] == 1 < asked[1] <= len(recording.sequenced)
    # tshark counts the sequenced packets itself, from the number in the answer to the login on.
    numbers = [int(n) for n in re.findall(r"Sequence number: (\d+) \(Calculated\)", text)]
    assert numbers == list(range(1, len(recording.sequenced) + 1))
