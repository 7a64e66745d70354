"""The order ports of a running venue: logins, replay, hostile bytes, cuts, timeouts, latency."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator

import exchange_wire as wire
import pytest

from sim.exchange import Exchange, UserConfig
from sim.exchange.audit import fold

SESSION = b"  TESTDAY1"


@pytest.fixture
def venue() -> Iterator[Exchange]:
    with Exchange(wire.still_venue()) as running:
        yield running


def logged_in(venue: Exchange, user: str = "alice", password: str = "secret", sequence: int = 1) -> wire.SoupClient:
    client = wire.SoupClient(venue.order_address)
    answer = client.login(user, password, sequence=sequence)
    assert answer is not None and answer[0] == b"A", answer
    return client


# ---- logins ----


def test_login_accepted_names_session_and_sequence(venue: Exchange) -> None:
    with wire.SoupClient(venue.order_address) as client:
        assert client.login("alice", "secret") == (b"A", SESSION + b"1".rjust(20))
        assert client.next() == (b"S", venue.order_messages("alice")[0])
        assert venue.order_messages("alice")[0][9:10] == b"S"


@pytest.mark.parametrize(
    ("user", "password", "session", "sequence", "counter"),
    [
        ("mallor", "secret", "", 1, "login_wrong_user"),
        ("alice", "wrong", "", 1, "login_wrong_password"),
        ("alice", "", "", 1, "login_wrong_password"),
        ("", "", "", 1, "login_wrong_user"),
        ("alice", "secret", "OTHERDAY", 1, "login_wrong_session"),
        ("alice", "secret", "", 3, "login_sequence_ahead"),
    ],
)
def test_login_refused(venue: Exchange, user: str, password: str, session: str, sequence: int, counter: str) -> None:
    with wire.SoupClient(venue.order_address) as client:
        reason = b"A" if counter in ("login_wrong_user", "login_wrong_password") else b"S"
        assert client.login(user, password, session, sequence) == (b"J", reason)
        assert client.rest() == []
    assert venue.stats()[f"port_{counter}"] == 1
    assert not venue.logged_in("alice")


def test_login_without_case_and_with_either_padding(venue: Exchange) -> None:
    fields = b" ALICE" + b"SeCrEt    " + b"TESTDAY1  " + b"1".ljust(20)
    with wire.SoupClient(venue.order_address) as client:
        client.send(wire.soup(b"L", fields))
        assert client.next() == (b"A", SESSION + b"1".rjust(20))
    wire.eventually(lambda: not venue.logged_in("alice"))
    with wire.SoupClient(venue.order_address) as client:  # the 4.10 form, with a heartbeat timeout
        client.send(wire.soup(b"L", fields + b" 9000"))
        assert client.next() == (b"A", SESSION + b"1".rjust(20))


def test_requested_sequences(venue: Exchange) -> None:
    with logged_in(venue) as client:
        client.messages(1)
        for number in range(1, 6):
            client.ouch(wire.enter(number))
        want = client.messages(5)
    wire.eventually(lambda: not venue.logged_in("alice"))
    for asked, first in ((1, 1), (4, 4), (7, 7), (0, 6)):  # 0: the most recent message
        with wire.SoupClient(venue.order_address) as client:
            assert client.login("alice", "secret", sequence=asked) == (b"A", SESSION + str(first).rjust(20).encode())
            stream = venue.order_messages("alice")
            assert client.messages(7 - first) == stream[first - 1 :]
            assert stream[1:] == want
        wire.eventually(lambda: not venue.logged_in("alice"))


def test_second_login_is_refused_and_the_first_lives_on(venue: Exchange) -> None:
    with logged_in(venue) as first, wire.SoupClient(venue.order_address) as second:
        assert second.login("alice", "secret") == (b"J", b"S")
        first.messages(1)
        first.ouch(wire.enter(1))
        assert first.messages(1)[0][:1] == b"A"
    assert venue.stats()["port_login_duplicate"] == 1


def test_second_login_takes_over_when_told_so() -> None:
    with (
        Exchange(wire.still_venue(kick_on_duplicate=True)) as venue,
        logged_in(venue) as first,
        logged_in(venue) as second,
    ):
        assert first.rest()[-1][0] == b"+"
        second.messages(1)
        second.ouch(wire.enter(1))
        assert second.messages(1)[0][:1] == b"A"
        assert venue.stats()["port_kicked"] == 1


def test_users_have_their_own_streams(venue: Exchange) -> None:
    with logged_in(venue) as alice, logged_in(venue, "bob", "hunter") as bob:
        alice.messages(1), bob.messages(1)
        alice.ouch(wire.enter(1, "S", 100, client_id="mine"))
        assert [m[:1] for m in alice.messages(1)] == [b"A"]
        bob.ouch(wire.enter(1, "B", 60, client_id="his"))
        assert [m[:1] for m in bob.messages(2)] == [b"A", b"E"]
        assert [m[:1] for m in alice.messages(1)] == [b"E"]
    (mine,), (fill,) = venue.orders("alice"), venue.executions("alice")
    (his,), (other,) = venue.orders("bob"), venue.executions("bob")
    assert (mine.client_order_id, mine.executed, mine.leaves, mine.state) == ("mine", 60, 40, "live")
    assert (his.executed, his.state) == (60, "filled")
    assert fill.match_number == other.match_number and (fill.liquidity, other.liquidity) == ("A", "R")
    executed = [m for m in venue.feed_messages() if m[:1] == b"E"]
    assert [int.from_bytes(m[23:31], "big") for m in executed] == [fill.match_number]
    assert venue.live_references("alice") == [mine.order_reference_number]


def test_logout_leaves_orders_alone(venue: Exchange) -> None:
    with logged_in(venue) as client:
        client.messages(1)
        client.ouch(wire.enter(1))
        client.messages(1)
        client.send(wire.soup(b"O"))
        assert client.rest() == []
    assert venue.stats()["port_logouts"] == 1
    assert len(venue.live_references("alice")) == 1


def test_end_of_session(venue: Exchange) -> None:
    with logged_in(venue) as client:
        client.messages(1)
        client.ouch(wire.enter(1))
        client.messages(1)
        venue.end_of_session()
        rest = client.rest()
        assert [kind for kind, _ in rest] == [b"S", b"S", b"Z"]
        assert rest[0][1][:1] == b"C" and rest[0][1][17:18] == b"E" and rest[1][1][9:10] == b"E"
    with wire.SoupClient(venue.order_address) as client:
        assert client.login("alice", "secret") == (b"J", b"S")
    assert venue.orders("alice")[0].state == "canceled"


# ---- hostile bytes ----


@pytest.mark.parametrize(
    ("data", "counter"),
    [
        (b"\0\0", "zero_length"),
        (b"\xff\xff" + b"x" * 100, "oversized"),
        (wire.soup(b"U", b"Q"), "out_of_order"),
        (wire.soup(b"L", b"short"), "login_malformed"),
        (wire.soup(b"L", b"x" * 47), "login_malformed"),
        (wire.soup(b"L", b"alice secret    " + b" " * 10 + b"twelve".rjust(20)), "login_malformed"),
        (wire.soup(b"L", b"alice secret    " + b" " * 10 + b"9" * 20 + b""), "login_sequence_ahead"),
        (wire.soup(b"R", b"payload"), "wrong_length"),
    ],
)
def test_bad_bytes_before_login(venue: Exchange, data: bytes, counter: str) -> None:
    if counter == "login_sequence_ahead":
        data = data.replace(b"9" * 20, b"9999999999".rjust(20))
    with wire.SoupClient(venue.order_address) as client:
        client.send(data)
        packets = client.rest()
        assert packets[0][0] == b"+"
    assert venue.stats()[f"port_{counter}"] == 1
    with logged_in(venue):
        pass


@pytest.mark.parametrize(
    ("data", "counter"),
    [
        (b"\0\0", "zero_length"),
        (wire.login_packet("alice", "secret"), "out_of_order"),
        (wire.soup(b"O", b"x"), "wrong_length"),
    ],
)
def test_bad_bytes_after_login(venue: Exchange, data: bytes, counter: str) -> None:
    with logged_in(venue) as client:
        client.messages(1)
        client.send(data)
        assert client.rest()[0][0] == b"+"
    assert venue.stats()[f"port_{counter}"] == 1


def test_odd_packets_are_counted_and_survived(venue: Exchange) -> None:
    with logged_in(venue) as client:
        client.messages(1)
        client.send(wire.soup(b"?", b"who knows") + wire.soup(b"+", b"hello") + wire.soup(b"R"))
        for message in (b"", b"O", b"z" * 40, wire.enter(1)[:30], wire.enter(1) + b"!", b"Q" * 600, b"X" * 32000):
            client.ouch(message)
        client.ouch(wire.enter(7))
        assert client.messages(1)[0][:1] == b"A"
    stats = venue.stats()
    assert stats["port_unknown_type"] == 1 and stats["port_ouch_oversized"] == 2 and stats["port_heartbeats_in"] == 1
    assert stats["ouch_truncated"] + stats["ouch_bad_length"] + stats["ouch_unknown_type"] == 5
    assert len(venue.orders("alice")) == 1


def test_random_garbage(venue: Exchange) -> None:
    r = random.Random(5)
    for _ in range(60):
        with wire.SoupClient(venue.order_address) as client:
            if r.random() < 0.5:
                client.login("alice", "secret")
            client.send(r.randbytes(r.randint(1, 3000)))
            client.socket.shutdown(socket.SHUT_WR)
            client.rest()
        wire.eventually(lambda: not venue.logged_in("alice"))
    with logged_in(venue) as client:
        client.ouch(wire.enter(4_000_000_000))
        venue.stats()
    wire.eventually(lambda: venue.stats()["port_live"] == 0)


def test_a_session_byte_by_byte(venue: Exchange) -> None:
    data = (
        wire.login_packet("alice", "secret")
        + wire.soup(b"U", wire.enter(1))
        + wire.soup(b"U", wire.cancel(1))
        + wire.soup(b"O")
    )
    with wire.SoupClient(venue.order_address) as client:
        for byte in data:
            client.send(bytes([byte]))
        assert [kind for kind, _ in client.rest() if kind != b"H"] == [b"A", b"S", b"S", b"S"]
    assert venue.orders("alice")[0].state == "canceled"


def test_many_connections(venue: Exchange) -> None:
    clients = [wire.SoupClient(venue.order_address) for _ in range(140)]
    wire.eventually(lambda: venue.stats()["port_connections"] + venue.stats()["port_connections_refused"] == 140)
    assert venue.stats()["port_connections_refused"] == 12
    for client in clients:
        client.close()
    wire.eventually(lambda: venue.stats()["port_live"] == 0)
    with logged_in(venue):
        pass


# ---- cuts ----


def short_session(sequence: int, first_urn: int) -> list[bytes]:
    """Packets of a session that enters, replaces, reduces and trades; numbers from first_urn on."""
    return [
        wire.login_packet("alice", "secret", sequence=sequence),
        *(
            wire.soup(b"U", message)
            for message in (
                wire.enter(first_urn, "B", 300),
                wire.replace(first_urn, first_urn + 1, 500, 99_900),
                wire.cancel(first_urn + 1, 200),
                wire.enter(first_urn + 2, "S", 50, price_e4=99_900),
            )
        ),
    ]


def test_cut_after_every_inbound_byte() -> None:
    """However the connection is cut, sending everything again in order completes the day, each order once."""
    users = (UserConfig("alice", "secret", self_match="allow"),)
    with Exchange(wire.still_venue(users=users, max_orders=100_000)) as venue:
        length = sum(map(len, short_session(1, 1)))
        for cut in range(0, length + 1, 1):
            urn, sequence = 3 * cut + 1, len(venue.order_messages("alice")) + 1
            packets = short_session(sequence, urn)
            venue.cut_after(None, in_bytes=cut)
            with wire.SoupClient(venue.order_address) as client:
                try:
                    client.send(b"".join(packets))
                    client.rest() if cut < length else None
                except OSError:
                    pass
            wire.eventually(lambda: not venue.logged_in("alice"))
            with wire.SoupClient(venue.order_address) as client:
                client.send(b"".join(packets[:1]))
                answer = client.next()
                assert answer is not None and answer[0] == b"A"
                client.send(b"".join(packets[1:]))
                # accepted, replaced, reduced, accepted, two executions
                client.messages(6)
                client.ouch(wire.account_query())
                assert int.from_bytes(client.messages(1)[0][9:13], "big") == urn + 3
                client.ouch(wire.mass_cancel(urn + 2))  # the number is used: ignored
                client.send(wire.soup(b"U", wire.cancel(urn + 1)) + wire.soup(b"O"))
                assert client.messages(1)[0][:1] == b"C"
                client.rest()
            wire.eventually(lambda: not venue.logged_in("alice"))
        orders, trades = fold(venue.order_messages("alice"))
        assert len(orders) == 3 * (length + 1) and len(trades) == 2 * (length + 1)
        assert {o.state for o in orders} == {"replaced", "canceled", "filled"}
        assert venue.live_references("alice") == []
        assert venue.stats()["port_cuts"] >= length


def test_cut_after_every_outbound_byte(venue: Exchange) -> None:
    """What a cut client has received is a prefix of its stream; a login at the next message gives exactly the rest."""
    with logged_in(venue) as client:
        client.messages(1)
        client.send(b"".join(short_session(1, 1)[1:]))
        client.messages(4)
    wire.eventually(lambda: not venue.logged_in("alice"))
    stream = venue.order_messages("alice")
    whole = wire.soup(b"A", SESSION + b"1".rjust(20)) + b"".join(wire.soup(b"S", m) for m in stream)
    for cut in range(0, len(whole), 1):
        venue.cut_after(None, out_bytes=cut)
        with wire.SoupClient(venue.order_address) as client:
            try:
                client.send(wire.login_packet("alice", "secret"))
                client.rest()
            except OSError:
                pass
            assert client.received == whole[:cut]
        wire.eventually(lambda: not venue.logged_in("alice"))
        have, at = 0, 33
        while at + 2 <= cut and at + 2 + int.from_bytes(whole[at : at + 2], "big") <= cut:
            at += 2 + int.from_bytes(whole[at : at + 2], "big")
            have += 1
        with logged_in(venue, sequence=have + 1) as client:
            assert client.messages(len(stream) - have) == stream[have:]
        wire.eventually(lambda: not venue.logged_in("alice"))


def test_lost_answer(venue: Exchange) -> None:
    """The order counts, its answer is lost, the resend is harmless."""
    with logged_in(venue) as client:
        client.messages(1)
        venue.cut_after("alice", out_bytes=0)
        client.ouch(wire.enter(1, client_id="only-once"))
        assert client.rest() == []
    wire.eventually(lambda: not venue.logged_in("alice"))
    with logged_in(venue, sequence=2) as client:
        client.ouch(wire.enter(1, client_id="only-once"))
        assert client.messages(1)[0][:1] == b"A"
        client.ouch(wire.account_query())
        assert client.messages(1)[0][:1] == b"Q"
    assert [o.client_order_id for o in venue.orders("alice")] == ["only-once"]
    assert len(venue.received_messages("alice")) == 3 and venue.stats()["benign_resends"] == 1


def test_cancel_on_disconnect() -> None:
    users = (UserConfig("alice", "secret", cancel_on_disconnect=True), wire.BOB)
    with Exchange(wire.still_venue(users=users)) as venue:
        with logged_in(venue) as client:
            client.ouch(wire.enter(1))
            client.messages(2)
        wire.eventually(lambda: venue.orders("alice")[0].state == "canceled")
        assert venue.orders("alice")[0].cancel_reason == "S"
        with logged_in(venue, sequence=4) as client:
            client.ouch(wire.enter(2))
            client.messages(1)
            venue.disconnect("alice")
            assert client.rest() == []
        wire.eventually(lambda: venue.orders("alice")[1].state == "canceled")


# ---- time ----


def test_login_timeout_and_idle_timeout() -> None:
    with Exchange(wire.still_venue(login_timeout_ms=300, idle_timeout_ms=1200)) as venue:
        with (
            wire.SoupClient(venue.order_address) as silent,
            logged_in(venue) as idle,
            logged_in(venue, "bob", "hunter") as alive,
        ):
            assert silent.rest() == [(b"+", b"no login")]
            ends = time.monotonic() + 2.0
            while time.monotonic() < ends:
                alive.send(wire.soup(b"R"))
                time.sleep(0.1)
            kinds = [kind for kind, _ in idle.rest()]
            assert kinds[0] == b"S" and b"H" in kinds and kinds[-1] == b"+"
            assert venue.logged_in("bob") and not venue.logged_in("alice")
        stats = venue.stats()
        assert stats["port_login_timeouts"] == stats["port_idle_timeouts"] == 1


def test_half_open_connection_frees_its_user() -> None:
    """A peer that vanished without a word is dropped by the idle timeout; then it may log in again."""
    with Exchange(wire.still_venue(idle_timeout_ms=400)) as venue:
        client = logged_in(venue)
        with wire.SoupClient(venue.order_address) as early:
            assert early.login("alice", "secret") == (b"J", b"S")
        wire.eventually(lambda: not venue.logged_in("alice"))
        with logged_in(venue):
            pass
        client.close()


def test_slow_reader_costs_a_bounded_buffer() -> None:
    config = wire.still_venue(slow_consumer_ms=500, out_buffer_bytes=4096, idle_timeout_ms=60_000)
    with Exchange(config) as venue, wire.SoupClient(venue.order_address) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(wire.login_packet("alice", "secret"))
        for number in range(1, 60_001, 500):
            client.send(b"".join(wire.soup(b"U", wire.enter(n, quantity=0)) for n in range(number, number + 500)))
        wire.eventually(lambda: venue.stats()["port_slow_consumers"] == 1, timeout_s=30)
        wire.eventually(lambda: not venue.logged_in("alice"))
        # nothing is lost to the client: it comes back and reads on
        with logged_in(venue, sequence=59_990) as again:
            assert again.messages(5)[0][:1] == b"J"


def test_order_latency() -> None:
    with Exchange(wire.still_venue(order_latency_us=60_000)) as venue, logged_in(venue) as client:
        client.messages(1)
        began = time.monotonic()
        client.send(wire.soup(b"U", wire.enter(1)) + wire.soup(b"U", wire.enter(2)))
        client.messages(1)
        assert time.monotonic() - began >= 0.06
        client.messages(1)
        venue.set_order_latency(0)
        client.ouch(wire.enter(3))
        assert int.from_bytes(client.messages(1)[0][9:13], "big") == 3
        assert venue.stats()["venue_delayed_peak"] >= 2


def test_a_disconnect_does_not_overtake_orders() -> None:
    users = (UserConfig("alice", "secret", cancel_on_disconnect=True),)
    with Exchange(wire.still_venue(users=users, order_latency_us=50_000)) as venue:
        with logged_in(venue) as client:
            client.ouch(wire.enter(1))
            wire.eventually(lambda: venue.stats()["port_unsequenced_in"] == 1)
        wire.eventually(lambda: [o.state for o in venue.orders("alice")] == ["canceled"])


def test_spinning_venue_answers() -> None:
    with Exchange(wire.still_venue(spin_us=20_000)) as venue, logged_in(venue) as client:
        client.messages(1)
        for number in range(1, 200):
            client.ouch(wire.enter(number))
            client.messages(1)
            if number % 20 == 0:
                assert venue.stats()["accepted"] == number
        time.sleep(0.1)
        before = venue.stats()["venue_wakeups"]
        time.sleep(0.5)
        assert venue.stats()["venue_wakeups"] - before < 50  # it sleeps again


def test_window_of_orders(venue: Exchange) -> None:
    """Thousands of orders in flight: one answer each, in order."""
    with logged_in(venue) as client:
        client.messages(1)
        for first in range(1, 5001, 250):
            client.send(b"".join(wire.soup(b"U", wire.enter(n, tif="3")) for n in range(first, first + 250)))
        answers = client.messages(5000)
        assert [int.from_bytes(m[9:13], "big") for m in answers] == list(range(1, 5001))
        assert {m[47:48] for m in answers} == {b"D"}
