"""Tick to order, in software and in the card: from a market-data packet to the OUCH bytes of the order it triggers.

Software: from the packet handed to the feed to the bytes journaled and queued, in ns, on this machine; no socket, no
kernel. Card: from the last byte of the message on its line to the first byte of the order, in clock cycles of 6.4 ns of
the simulated RTL; on a real card these cycles pass at 156.25 MHz, here they are only counted. The two are not the same
path (the card's bytes go through the engine, which journals them, before they leave) and no ratio is made of them.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench import report
from sim.device.build import missing
from sim.device.card import LINE_A, Card, Line

CORE = report.ROOT / "fastpath/core"
SOURCES = [
    report.ROOT / "bench/tick_driver.c",
    *sorted((CORE / "order").glob("*.c")),
    *sorted((CORE / "wire").glob("*.c")),
    *sorted((CORE / "book").glob("*.c")),
    *sorted((CORE / "io").glob("*.c")),
    *[CORE / "engine" / f"{name}.c" for name in (
        "feed", "card_feed", "card_orders", "mirror", "memory", "hist", "journal", "journal_read", "crc32c",
    )],
]  # fmt: skip
MEANINGS = {
    "one_message": "software: packet of one message",
    "last_of_25": "software: packet of 25 messages, the last one meets the condition",
}
STATISTICS = ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns")
NS_PER_CYCLE = 6.4
LOCATE, INDEX, SLOT = 11, 3, 0
ADDRESS, PORT = 0xE9360C01, 26400
SESSION = b"TICKTICK01"
ASK_AT_OR_BELOW = 4


def software(samples: int) -> dict[str, dict[str, float]]:
    """Figures of the C path by name. Raises RuntimeError with the driver's words."""
    with tempfile.TemporaryDirectory(prefix="fastpath-tick-", dir=report.ROOT) as directory:
        binary = report.compile_c(
            SOURCES, Path(directory) / "tick_driver", "-pthread", "-ldl", f"-I{report.ROOT / 'hdl/spec/generated'}"
        )
        run = subprocess.run(
            [str(binary), str(Path(directory) / "journal"), str(samples)],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    if run.returncode:
        raise RuntimeError(run.stderr.strip() or f"the driver ended with {run.returncode}")
    figures = {}
    for line in run.stdout.splitlines():
        name, count, *values = line.split()
        figures[name] = {"samples": float(count), **dict(zip(STATISTICS, map(float, values), strict=True))}
    return figures


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data)) if len(data) % 2 == 0 else 0
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def frame(sequence: int, messages: Sequence[bytes]) -> bytes:
    """One Ethernet/IPv4/UDP/MoldUDP64 frame to the card's line A; UDP checksum absent."""
    payload = SESSION + struct.pack(">QH", sequence, len(messages))
    payload += b"".join(struct.pack(">H", len(message)) + message for message in messages)
    udp = struct.pack(">HHHH", 30000, PORT, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 16, 17, 0)
    addresses = struct.pack(">II", 0x0A000001, ADDRESS)
    head = head[:10] + struct.pack(">H", checksum(head + addresses)) + addresses
    return bytes.fromhex("01005e360c01020000000001") + b"\x08\x00" + head + udp


def message(kind: bytes, body: bytes) -> bytes:
    """An ITCH message of the bench's symbol."""
    return kind + struct.pack(">HH", LOCATE, 0) + bytes(6) + body


def add(ref: int, side: bytes, price_e4: int) -> bytes:
    """Add Order of 100 shares."""
    return message(b"A", struct.pack(">QcI8sI", ref, side, 100, b"AAPL    ", price_e4))


def enter_order() -> bytes:
    """An OUCH 5.0 Enter Order: buy 100 AAPL at 150.05, day."""
    body = b"O" + bytes(4) + b"B" + struct.pack(">I8sQ", 100, b"AAPL    ", 1_500_500) + b"0YPNN"
    return body + b"TICK".ljust(14) + struct.pack(">H", 0)


def card(orders: int) -> Counter[int]:
    """Cycles from last byte in to first order byte out, and how often; the message at every place in the beats."""
    found: Counter[int] = Counter()
    with Card(Line(ADDRESS, PORT), frame_gap_cycles=3) as device:
        device.track([(LOCATE, INDEX)])
        device.set_trading(rate_burst=16)
        device.set_limits(INDEX, quantity=100, notional_e4=10**12, collar_bps=500, buy_room=10**9, sell_room=0)
        device.set_template(SLOT, enter_order())
        sequence = 1

        def send(*messages: bytes) -> None:
            nonlocal sequence
            device.push(LINE_A, frame(sequence, messages))
            device.idle(64)
            sequence += len(messages)

        send(message(b"R", b"AAPL    QN" + struct.pack(">I", 100) + bytes(14)), message(b"H", b"AAPL    T    \0"))
        send(add(1, b"B", 1_499_000), add(2, b"S", 1_510_000))
        for number in range(orders):
            device.arm(SLOT, INDEX, ASK_AT_OR_BELOW, 1_500_200)
            ref = 10 + 10 * number
            before = [message(b"P", bytes(33)), message(b"B", bytes(8)), message(b"L", bytes(15))][: number % 4]
            before += [message(b"S", b"Q")] * (number // 4 % 8)
            send(*before, add(ref, b"S", 1_500_100))
            for fire in device.fires():
                if fire.reasons:
                    raise RuntimeError(f"the card's gate refused the order: reasons {fire.reasons:#x}")
                found[fire.out_cycle + 1 - fire.rx_cycle] += 1
            device.order_bytes()
            send(message(b"D", struct.pack(">Q", ref)))
    if sum(found.values()) != orders:
        raise RuntimeError(f"{sum(found.values())} of {orders} triggers fired")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run, print, write bench/results/tick_to_order.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--samples", type=int, default=20_000, help="software, each, 1000 to 60000 (default %(default)s)"
    )
    parser.add_argument("--orders", type=int, default=256, help="of the card (default %(default)s)")
    options = parser.parse_args(arguments)
    report.print_conditions()
    figures = software(options.samples)
    rows = [[MEANINGS[name], *(f"{values[key]:.0f}" for key in STATISTICS)] for name, values in figures.items()]
    report.table("Tick to order in software, ns", ["what", "min", "p50", "p90", "p99", "p99.9"], rows)
    result: dict[str, object] = {"software": figures, "meanings": MEANINGS}
    if why := missing():
        report.CONSOLE.print(f"no figure of the card: {why}", style="dim")
    else:
        cycles = card(options.orders)
        low, high = min(cycles), max(cycles)
        report.table(
            "Tick to order in the card (RTL, simulated): last byte in to first byte out",
            ["orders", "min cycles", "max cycles", "min ns", "max ns"],
            [[options.orders, low, high, f"{low * NS_PER_CYCLE:.1f}", f"{high * NS_PER_CYCLE:.1f}"]],
        )
        result["card"] = {"cycles": dict(sorted(cycles.items())), "ns_per_cycle": NS_PER_CYCLE}
    report.save("tick_to_order", result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
