"""Bytes that should not be, at every door of a running engine: each is counted under a name, and the engine works on.

A sound venue, `alpha`, is there throughout; after every attack its book is compared and an order goes through.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator

import msgspec
import pytest
import zmq
from hostile_peers import EvilVenue, Relay, accepted, attack, canceled, executed, next_number, order_port, soup
from house import LINES, LIVE, PASSWORD, USER, House, alive, book_of, eventually, simulated_venue

from fastpath import calls
from fastpath.bus_messages import request
from fastpath.config import ExchangeConfig, VenueConfig
from fastpath.records import OrderState, Reason
from sim.exchange import UserConfig
from sim.exchange.control import LineFaults

pytestmark = pytest.mark.timeout(300)

MOLD = struct.Struct(">10sQH")
MOST = 2**64 - 1


OTHER = "OTHER"
"""Another user of the sound venue, who is not logged in."""
EVIL = ("evil", "mute", "stranger")


@pytest.fixture(scope="module")
def relays() -> Iterator[list[Relay]]:
    made: list[Relay] = []
    yield made
    for relay in made:
        relay.close()


@pytest.fixture(scope="module")
def house(relays: list[Relay]) -> Iterator[House]:
    """One sound venue, and three whose ports the tests serve themselves."""

    def behind_relay(venue: VenueConfig) -> VenueConfig:
        relays.append(Relay(("127.0.0.1", venue.feed.rerequest_port)))
        feed = venue.feed.model_copy(update={"rerequest_port": relays[0].address[1]})
        return venue.model_copy(update={"feed": feed})

    outside = tuple(ExchangeConfig(name=name) for name in EVIL)
    feed = {"gap_wait_us": 5_000, "gap_retry_ms": 20, "gap_attempts": 10}
    users = (UserConfig(USER, PASSWORD), UserConfig(OTHER, PASSWORD))
    with House(
        simulated_venue(messages_per_s=100, users=users), venue=behind_relay, feed=feed, outside=outside
    ) as house:
        # It accepts and never says a word, for as long as the tests run.
        mute = socket.create_server(("127.0.0.1", order_port(house, "mute")))
        try:
            house.start_engine(live=False)
            house.wait_live("alpha")
            yield house
        finally:
            mute.close()


@pytest.fixture(autouse=True)
def still_sound(house: House) -> Iterator[None]:
    """Before and after each test the good venue is whole: book, session, orders, positions."""
    before = session_of(house)
    yield
    assert house.engine is not None and alive(house.engine.process.pid)
    exchange = house.exchanges["alpha"]
    house.quiet("alpha")
    house.wait_live("alpha")

    def equal() -> bool:
        answer = house.ask(calls.snapshot("md.alpha.full"))
        theirs = {row.symbol: book_of(exchange, row.symbol) for row in exchange.config.symbols}
        return {book.symbol: (book.bids, book.asks) for book in answer.books} == theirs

    eventually(equal, "the books are the exchange's", 15.0)
    exchange.set_rate(100)
    order = house.rest(price="100.00")
    house.cancel(order.client_order_id)
    house.settled(order.client_order_id, OrderState.CANCELED)
    assert session_of(house) == before, "the good venue's session never noticed"
    assert house.positions() == {}
    assert house.stats()["ring_full_events"] == 0


def session_of(house: House) -> dict[str, int]:
    stats = house.order_stats("alpha")
    quiet = (
        "connects",
        "logins",
        "disconnects",
        "anomalies",
        "soup_bad_length",
        "ouch_unknown_type",
        "ouch_unknown_urn",
    )
    return {name: stats[name] for name in quiet}


# ---- the feed ----


def mold(session: str, sequence: int, *messages: bytes, count: int | None = None) -> bytes:
    body = b"".join(struct.pack(">H", len(message)) + message for message in messages)
    return MOLD.pack(session.encode().ljust(10), sequence, len(messages) if count is None else count) + body


def hostile_datagrams(session: str, next_sequence: int, rng: random.Random) -> dict[str, list[bytes]]:
    """Datagrams by the counter that they belong to; none of them may move the stream."""
    sound = mold(session, next_sequence, b"S" + bytes(11))
    return {
        "bad_truncated": [
            b"",
            *(rng.randbytes(size) for size in (1, 2, 10, 19)),
            mold(session, next_sequence, count=3),
            sound[:-1],
            mold(session, next_sequence, b"S" + bytes(11), count=2),
            mold(session, next_sequence, count=1) + b"\xff\xff",
        ],
        "bad_length": [
            mold(session, next_sequence, b""),
            mold(session, next_sequence, b"S" + bytes(11)) + b"\0",
            mold(session, next_sequence, b"X") + bytes(100),
            mold(session, next_sequence, count=0) + b"more",
        ],
        "bad_session": [
            mold("SOMEOTHER", next_sequence, b"S" + bytes(11)),
            mold("", 1),
            mold("SOMEOTHER", next_sequence, count=0xFFFF),
        ],
        "bad_count": [
            mold(session, 0, b"S" + bytes(11)),
            mold(session, MOST, b"S", b"S"),
            mold(session, next_sequence + 2**33, b"S" + bytes(11)),
            mold(session, MOST, count=0),
            mold(session, 1, count=0xFFFF),
        ],
        "bad_oversized": [rng.randbytes(1_473), rng.randbytes(9_000), sound + bytes(60_000)],
    }  # fmt: skip


COUNTERS = ("bad_truncated", "bad_length", "bad_session", "bad_count", "bad_oversized")


def sender() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    return end


def counted(house: House, name: str = "alpha") -> dict[str, int]:
    stats = house.feed_stats(name)
    return {counter: stats[counter] for counter in COUNTERS}


@pytest.mark.parametrize("line", [0, 1])
def test_datagrams_on_a_line(house: House, line: int) -> None:
    exchange = house.exchanges["alpha"]
    before = counted(house)
    hostile = hostile_datagrams(exchange.session, exchange.stats()["venue_feed_next_sequence"] + 1, random.Random(line))
    with sender() as end:
        for datagrams in hostile.values():
            for datagram in datagrams:
                end.sendto(datagram, exchange.feed_addresses[line])
    expected = {counter: before[counter] + len(hostile[counter]) for counter in COUNTERS}
    eventually(lambda: counted(house) == expected, f"every one is counted: {expected}", 20.0)
    stats = house.feed_stats("alpha")
    assert (stats["gaps_lost"], stats["messages_lost"]) == (0, 0)


def test_random_datagrams(house: House) -> None:
    exchange, rng = house.exchanges["alpha"], random.Random(3)
    head = exchange.session.encode().ljust(10)
    before = sum(counted(house).values())
    with sender() as end:
        for number in range(400):
            size = rng.choice([0, 1, 19, 20, 21, 40, 200, 1_472])
            datagram = rng.randbytes(size)
            if number % 2 and size >= 20:
                # Our session and an impossible sequence, so that the rest of the bytes is looked at.
                datagram = head + bytes(8) + datagram[18:]
            end.sendto(datagram, exchange.feed_addresses[number % 2])
            if number % 50 == 0:
                time.sleep(0.01)
    eventually(lambda: sum(counted(house).values()) == before + 400, "every one is counted", 20.0)


def test_a_sequence_that_jumps_ahead_of_the_stream(house: House) -> None:
    """A bogus claim of what is to come is told as a gap, asked for in vain, and taken back."""
    exchange = house.exchanges["alpha"]
    exchange.set_rate(0)
    house.quiet("alpha")
    before = house.feed_stats("alpha")
    with sender() as end:
        end.sendto(mold(exchange.session, before["next_sequence"] + 1_000), exchange.feed_addresses[0])
    eventually(lambda: house.feed_stats("alpha")["gaps_opened"] == before["gaps_opened"] + 1, "the gap is told")
    eventually(lambda: house.feed_stats("alpha")["gaps_filled"] == before["gaps_filled"] + 1, "it is taken back", 30.0)
    after = house.feed_stats("alpha")
    assert (after["gaps_lost"], after["messages_lost"], after["stale"]) == (0, 0, 0)
    assert after["rerequests"] > before["rerequests"]


def test_answers_of_the_rerequest_server(house: House, relays: list[Relay]) -> None:
    """Lies in front of every true answer; the gap is filled from the truth."""
    exchange = house.exchanges["alpha"]
    before, counts = house.feed_stats("alpha"), counted(house)
    hostile = hostile_datagrams(exchange.session, before["next_sequence"] + 1, random.Random(4))
    relays[0].lies = [datagram for datagrams in hostile.values() for datagram in datagrams]
    for line in LINES:
        exchange.set_line_faults(line, LineFaults(drop_per_mille=300, seed=7))
    eventually(lambda: house.feed_stats("alpha")["gaps_filled"] >= before["gaps_filled"] + 3, "gaps are filled")
    for line in LINES:
        exchange.set_line_faults(line, None)
    house.quiet("alpha")
    relays[0].lies = []
    rounds = relays[0].told // sum(map(len, hostile.values()))
    expected = {counter: counts[counter] + rounds * len(hostile[counter]) for counter in COUNTERS}
    eventually(lambda: counted(house) == expected, f"every lie is counted: {expected}", 20.0)
    stats = house.feed_stats("alpha")
    assert (stats["gaps_lost"], stats["messages_lost"], stats["gap_open"]) == (0, 0, 0)


def itch(kind: bytes, locate: int, body: bytes) -> bytes:
    return kind + struct.pack(">HH", locate, 0) + bytes(6) + body


def add(locate: int, reference: int, side: bytes = b"B", shares: int = 100, price_e4: int = 100_000) -> bytes:
    return itch(b"A", locate, struct.pack(">QcI8sI", reference, side, shares, b"EVIL    ", price_e4))


def test_a_feed_of_sound_packets_with_senseless_messages(house: House) -> None:
    """ITCH that is wrong in itself, from a venue of its own: skipped or refused by name, the rest of the book stays."""
    feed = house.config.venue("evil").feed
    directory = itch(b"R", 7, b"EVIL    " + b"QN" + struct.pack(">I", 100) + b"NC" + b"Z " + b"PN 1N" + bytes(4) + b"N")
    trading = itch(b"H", 7, b"EVIL    T " + b"    ")
    messages = {
        "unknown_type": [b"z" + bytes(30), b"\0", b"a" * 1_000],
        "wrong_length": [add(7, 9)[:-1], add(7, 9) + b"\0", b"A", b"D" + bytes(100)],
        "unknown_ref": [
            itch(b"D", 7, struct.pack(">Q", 999)),
            itch(b"X", 7, struct.pack(">QI", 998, 5)),
            itch(b"E", 7, struct.pack(">QIQ", 997, 5, 1)),
            itch(b"U", 7, struct.pack(">QQII", 996, 995, 5, 100)),
        ],
        "duplicate_ref": [add(7, 1), add(7, 1, b"S", 5)],
        "bad_shares": [itch(b"X", 7, struct.pack(">QI", 1, 101)), itch(b"E", 7, struct.pack(">QIQ", 1, 1_000, 2))],
        "bad_side": [add(7, 50, b"Q"), add(7, 51, b"\0")],
    }
    with sender() as end:
        stream = [directory.ljust(39, b" ")[:39], trading[:25].ljust(25), add(7, 1), add(7, 2, b"S", 300, 110_000)]
        for rows in messages.values():
            stream += rows
        stream.append(add(7, 3, b"B", 700, 90_000))
        for number, message in enumerate(stream, 1):
            for address in ((feed.group_a, feed.port_a), (feed.group_b, feed.port_b)):
                end.sendto(mold("EVIL1", number, message), address)
        eventually(lambda: house.feed_stats("evil")["next_sequence"] == len(stream) + 1, "the stream is through", 20.0)
        stats = house.feed_stats("evil")
        assert {name: stats[name] for name in messages} == {name: len(rows) for name, rows in messages.items()}
        depth = house.ask(calls.depth("EVIL", "evil", 10))
        # Taking more than there is, or adding what is there, shows that the book is wrong: it says so.
        assert depth.stale and depth.asks == [(110_000, 300, 1)]
        refused = house.submit(venue="evil", symbol="EVIL", price="10.00")
        assert refused.outcome == "refused"


# ---- the command socket ----


def test_garbage_at_the_command_socket(house: House) -> None:
    rng = random.Random(5)
    sound = request(1, "hello", {})
    order = calls.submit(
        account="desk", agent="alice", venue="alpha", symbol="AAPL", side="B", quantity=1, client_order_id="x",
        price_e4=1_000_000, order_type="limit",
    )  # fmt: skip
    bad: list[bytes] = [
        b"",
        b"\xc1",
        b"{}",
        sound + b"\0",
        sound[:-1],
        b"\x81",
        b"\xdf\xff\xff\xff\xff",
        b"\x91" * 8_000,
        msgspec.msgpack.encode([1, 2, 3]),
        msgspec.msgpack.encode({1: 2}),
        request(1, "no_such_op", {}),
        request(1, "", {}),
        request(1, "hello", {"surplus": 1}),
        request(1, "top", {}),
        request(1, "top", {"symbol": 7}),
        request(1, "top", {"symbol": "LONGERTHANEIGHT"}),
        request(1, "top", {"symbol": "A\nB"}),
        request(1, "depth", {"symbol": "AAPL", "venue": "alpha", "levels": -1}),
        request(1, "depth", {"symbol": "AAPL", "venue": "alpha", "levels": 1.5}),
        request(1, "snapshot", {"topic": "md." + "x" * 5_000}),
        request(1, "submit", order.fields | {"quantity": 2**40}),
        request(1, "submit", order.fields | {"client_order_id": "x" * 60}),
        request(1, "submit", order.fields | {"client_order_id": {"a": 1}}),
        request(1, "submit", {key: value for key, value in order.fields.items() if key != "agent"}),
        request(2**64 - 1, "release", {"operator": "me", "scope": "firm", "reason_text": "please", "target": 1}),
        msgspec.msgpack.encode({"v": 2, "id": 1, "op": "hello"}),
        msgspec.msgpack.encode({"v": 1, "op": "hello"}),
        b"\x83\xa1v\x01\xa2id\x01\xa2op\xa5hello"[:-3] + b"\xff\xfe\xfd",
        *(rng.randbytes(rng.randrange(1, 300)) for _ in range(200)),
        *(mutated(sound, rng) for _ in range(200)),
    ]  # fmt: skip
    before = house.stats()
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.connect(house.endpoint("cmd"))
    try:
        taken = 0
        for body in bad:
            dealer.send(body)
            assert dealer.poll(20_000), f"no answer to {body[:60]!r}"
            answer = msgspec.msgpack.decode(dealer.recv())
            assert answer["v"] == 1 and answer["epoch"] == before["epoch"]
            if answer["ok"]:
                taken += 1
                continue
            assert answer["reason"] != 0 and answer["error"].isprintable() and answer["error"], answer
        assert taken < 30, "a mutated request may by chance still be one"
        dealer.send_multipart([sound, b"a second frame"])
        dealer.send_multipart([b"a", b"b"] * 20)
        for _ in range(2):
            assert dealer.poll(20_000)
            assert not msgspec.msgpack.decode(dealer.recv())["ok"]
        after = house.stats()
        # Not every refusal is about form: an order for too much is read and then judged.
        assert after["bus_bad_requests"] - before["bus_bad_requests"] >= len(bad) - taken - 2
        assert after["order"][0]["enters"] == before["order"][0]["enters"]
        # Larger than any request: libzmq ends that connection, nobody else's.
        dealer.send(bytes(1 << 20))
        assert house.ask(calls.hello()).mode == "paper"
    finally:
        dealer.close(0)
        context.term()


def mutated(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def test_bytes_that_are_not_zeromq(house: House) -> None:
    rng = random.Random(6)
    for name in ("cmd", "pub", "op"):
        for greeting in (
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            rng.randbytes(1_000),
            b"\xff" + bytes(8) + b"\x7f" + bytes(200),
        ):
            with socket.socket(socket.AF_UNIX) as end:
                end.settimeout(10.0)
                end.connect(house.endpoint(name).removeprefix("ipc://"))
                end.sendall(greeting)
    assert house.ask(calls.hello()).epoch == 1


def test_a_client_that_asks_and_never_reads(house: House) -> None:
    """Its answers are dropped and counted; others are served meanwhile."""
    before = house.stats()
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    for option in (zmq.RCVHWM, zmq.SNDHWM):
        dealer.setsockopt(option, 10)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.SNDTIMEO, 20_000)
    dealer.connect(house.endpoint("cmd"))
    question = request(1, "instruments", {"max": 500})
    try:
        for _ in range(20_000):
            dealer.send(question)
        eventually(lambda: house.stats()["bus_send_errors"] > before["bus_send_errors"], "answers were dropped")
        assert house.ask(calls.hello()).mode == "paper"
    finally:
        dealer.close(0)
        context.term()


# ---- a venue's order session ----


def test_a_venue_that_speaks_badly(house: House) -> None:
    with EvilVenue(house, "evil") as venue:
        # Before the login is answered: whatever is not an answer ends the connection, and the next one is tried.
        for packets, named in (
            ((b"\0\0",), {"soup_bad_length": 1}),
            ((b"\xff\xff" + bytes(100),), {"soup_bad_length": 1}),
            ((b"\x80\x00" + bytes(100),), {"soup_bad_length": 1}),
            ((soup(b"A", b"short"),), {"soup_bad_length": 1}),
            ((soup(b"J", b"SS"),), {"soup_bad_length": 1}),
            ((soup(b"J", b"S"),), {"login_rejects": 1}),
            ((accepted(sequence=5),), {}),
            ((soup(b"A", b" " * 20 + b"a number?!".rjust(10)),), {"anomalies": 1}),
            ((soup(b"S", executed(1)),), {"anomalies": 1}),
            ((soup(b"U", b"too early"),), {"anomalies": 1}),
            ((soup(b"H", b"x"),), {"soup_bad_length": 1}),
            ((b"\xff" + random.Random(1).randbytes(40_000),), {"soup_bad_length": 1}),
        ):
            venue.grows(attack(venue, *packets), disconnects=1, logins=0, fills=0, **named)
        assert house.submit(venue="evil", symbol="EVIL").reason in (Reason.SESSION_DOWN, Reason.RECOVERING)

        # Logged in, in the replay: messages that make no sense are counted, and the session stands.
        connection = venue.login()

        def replay() -> None:
            connection.send(
                soup(b"+", b"debug"), soup(b"X", b"no such packet"), accepted(), soup(b"U", b"unsequenced"),
                soup(b"S", b"z" + bytes(20)), soup(b"S", b"\0"), soup(b"S", executed(77)), soup(b"S", canceled(78)),
                soup(b"S", executed(0)), soup(b"S", executed(1)[:10]), soup(b"S", b""), soup(b"S", b"E" + bytes(2_000)),
            )  # fmt: skip
            assert connection.expect(b"U") == b"Q"

        venue.grows(
            replay, logins=1, disconnects=0, soup_unknown_type=1, ouch_unknown_type=2, ouch_unknown_urn=3,
            ouch_bad_length=3, fills=0, sequenced_in=8,
        )  # fmt: skip
        assert house.venue_state("evil").orders.state != LIVE, "its number is not known yet"
        connection.send(soup(b"S", next_number()))
        eventually(lambda: house.venue_state("evil").orders.state == LIVE, "the session is live")

        # Live: a length of zero ends the connection; the login asks for what comes behind the last message.

        def nothing() -> None:
            connection.send(b"\0\0")
            connection.closed()

        venue.grows(nothing, soup_bad_length=1, disconnects=1)
        again = venue.connection()
        payload = again.expect(b"L")
        assert (payload[16:26].decode().strip(), int(payload[26:46])) == ("EVIL1", 10)
        # The answer of another session, then the right one.

        def other_session() -> None:
            again.send(accepted("OTHER", 10))
            again.closed()

        venue.grows(other_session, disconnects=1, logins=0, anomalies=1)
        last = venue.login()
        venue.grows(lambda: last.send(accepted(sequence=10)), logins=1)
        last.expect(b"U")
        last.send(soup(b"S", next_number()))
        eventually(lambda: house.venue_state("evil").orders.state == LIVE, "the session is live again")
        assert house.positions() == {}
        # In the end it says that the day is over, and is not asked again.
        last.send(soup(b"Z"))
        eventually(lambda: house.venue_state("evil").orders.state == 5, "the session has ended")
        assert house.submit(venue="evil", symbol="EVIL").reason == Reason.SESSION_ENDED


def test_a_venue_that_does_not_know_us(house: House) -> None:
    """Not authorized does not get better by asking: one refusal, then a person has to look."""
    with EvilVenue(house, "stranger") as venue:
        connection = venue.login()
        venue.grows(lambda: connection.send(soup(b"J", b"A")), login_rejects=1, disconnects=1)
        eventually(lambda: house.venue_state("stranger").orders.state == 6, "it is told")
        connects = venue.stats()["connects"]
        venue._listener.settimeout(2.5)
        with pytest.raises(TimeoutError):
            venue.connection()
        assert venue.stats()["connects"] == connects


def test_a_venue_that_accepts_and_says_nothing(house: House) -> None:
    """Half-open TCP: after fifteen seconds without a word the engine hangs up and tries anew."""
    eventually(lambda: house.order_stats("mute")["disconnects"] >= 1, "it was given up", 60.0)
    eventually(lambda: house.order_stats("mute")["connects"] >= 2, "it was tried again", 30.0)
    assert house.venue_state("mute").orders.state in (0, 1, 2)
    assert house.submit(venue="mute").reason in (Reason.SESSION_DOWN, Reason.RECOVERING)


# ---- the exchange ----


def test_the_exchange_under_the_same(house: House) -> None:
    """Strangers at the order port and at the re-request server, while the engine is logged in."""
    exchange = house.exchanges["alpha"]
    before = exchange.stats()

    def login(user: str, password: str, session: str = "", sequence: int = 1) -> bytes:
        fields = (user.ljust(6), password.ljust(10), session.rjust(10), str(sequence).rjust(20))
        return soup(b"L", "".join(fields).encode())

    refused = {
        "login_wrong_user": login("NOBODY", PASSWORD),
        "login_wrong_password": login(USER, "guess"),
        "login_wrong_session": login(OTHER, PASSWORD, "YESTERDAY"),
        "login_sequence_ahead": login(OTHER, PASSWORD, exchange.session, 1_000_000),
        "login_duplicate": login(USER, PASSWORD),
    }
    broken = {
        "zero_length": b"\0\0",
        "oversized": b"\xff\xff",
        "login_malformed": soup(b"L", b"too short"),
        "out_of_order": soup(b"U", b"Q"),
    }
    for name, data in (refused | broken).items():
        with socket.create_connection(exchange.order_address, timeout=20.0) as end:
            end.sendall(data)
            answer = b""
            while got := end.recv(100):
                answer += got
            assert (b"\0\2J" in answer) == (name in refused), (name, answer)
        grown = exchange.stats()[f"port_{name}"] - before[f"port_{name}"]
        assert grown == 1, name
    half_open = socket.create_connection(exchange.order_address, timeout=20.0)
    try:
        with socket.create_connection(exchange.order_address, timeout=20.0) as end:
            end.sendall(random.Random(1).randbytes(5_000))
        with sender() as end:
            for datagram in (
                b"",
                b"x" * 19,
                b"x" * 21,
                mold("OTHER", 1, count=1),
                mold(exchange.session, 2**63, count=1),
            ):
                end.sendto(datagram, exchange.rerequest_address)
        names = ("truncated", "oversized", "wrong_session", "out_of_range")
        wanted = {name: before[f"feed_rerequest_{name}"] + (2 if name == "truncated" else 1) for name in names}
        eventually(
            lambda: {name: exchange.stats()[f"feed_rerequest_{name}"] for name in names} == wanted, str(wanted), 20.0
        )
        # A rejected login may sit in the engine's place for no moment: it is still there and trades.
        assert exchange.logged_in(USER) and house.rest(price="90.00").state == OrderState.LIVE
        for order in house.orders(only_open=True):
            house.cancel(order.client_order_id)
            house.settled(order.client_order_id, OrderState.CANCELED)
    finally:
        half_open.close()
