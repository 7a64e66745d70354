"""The bus: from the wire to a Python subscriber, and how many records a second Python takes.

`python -m bench.bench_bus` runs an engine on a loopback multicast feed. Latency: paced packets,
each stamped by the kernel on arrival; the time until the subscriber holds the record, beside
the engine's own parts (wire to event, event to bus) and a bare UDP round to a Python reader in
the same run. Throughput: bursts of packets, records a second arriving in order at one
subscriber, with what was lost by layer. Writes bench/results/bus.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import socket
import struct
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import report
from fastpath.core import Engine
from fastpath.engine_config import EngineConfig, VenueConfig
from fastpath.follower import Frame, Gap, Snapshot
from fastpath.subscriber import Subscriber

GROUP = "239.192.250.1"
TOPIC = "md.bench.full"
SESSION = b"BENCHBUS01"


def percentiles(values: Sequence[int]) -> dict[str, float]:
    """Microseconds at the usual ranks."""
    ordered = sorted(values)
    rank = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {name: ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1e3 for name, share in rank.items()}
    return found | {"count": float(len(ordered))}


class Sender:
    """Packets of adds and deletes that leave the book as it was; the session's sequence goes on over runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sequence = 1
        self.ref = 1
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))

    def packet(self, messages: list[bytes]) -> bytes:
        """The session's next packet."""
        blocks = b"".join(struct.pack(">H", len(m)) + m for m in messages)
        header = SESSION + struct.pack(">QH", self.sequence, len(messages))
        self.sequence += len(messages)
        return header + blocks

    def send(self, packet: bytes) -> None:
        """On its way."""
        self.socket.sendto(packet, (GROUP, self.port))

    def pair(self) -> list[bytes]:
        """An order that comes and goes."""
        self.ref += 1
        side, price = (b"B", 990_000) if self.ref & 1 else (b"S", 1_010_000)
        add = struct.pack(">cHH6sQcI8sI", b"A", 1, 0, bytes(6), self.ref, side, 100, b"BENCH   ", price)
        return [add, struct.pack(">cHH6sQ", b"D", 1, 0, bytes(6), self.ref)]

    def opening(self) -> bytes:
        """Announces the symbol."""
        tail = b"QN" + struct.pack(">I", 100) + b"NCZ PNN1N" + struct.pack(">I", 0) + b"N"
        return self.packet([struct.pack(">cHH6s8s", b"R", 1, 0, bytes(6), b"BENCH   ") + tail])


def subscribe(config: EngineConfig, pipe: Connection) -> None:
    """The subscriber's process: joins, then for each run reads to a sequence and tells what it saw."""
    with Subscriber(config.pub, config.router, [TOPIC]) as subscriber:
        assert isinstance(subscriber.recv(30), Snapshot)
        pipe.send("joined")
        while (last := pipe.recv()) is not None:
            first_ns, records, gaps, frames, latencies = 0, 0, 0, 0, []
            reached = 0
            while reached < last:
                item = subscriber.recv(30)
                now_ns = time.time_ns()
                if isinstance(item, Frame):
                    first_ns = first_ns or now_ns
                    frames += 1
                    records += len(item.records)
                    reached = item.seq + len(item.records) - 1
                    latencies.append(now_ns - int(item.records["rx_ns"][-1]))
                elif isinstance(item, Gap):
                    gaps += item.last - item.first + 1
                elif isinstance(item, Snapshot):
                    reached = item.seq
                elif item is None:
                    break
            spent_ns = time.time_ns() - first_ns
            pipe.send({"records": records, "gaps": gaps, "frames": frames, "ns": spent_ns, "latencies": latencies})


def bare_udp(count: int) -> dict[str, float]:
    """The floor for any Python reader here: kernel receive time to a blocking recvmsg in another process."""
    reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    reader.bind(("127.0.0.1", 0))
    reader.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    ours, theirs = multiprocessing.Pipe()

    def read() -> None:
        found = []
        for _ in range(count):
            _, control, _, _ = reader.recvmsg(64, 128)
            now_ns = time.time_ns()
            seconds, nanoseconds = struct.unpack("qq", control[0][2][:16])
            found.append(now_ns - seconds * 10**9 - nanoseconds)
        theirs.send(found)

    process = multiprocessing.get_context("fork").Process(target=read, daemon=True)
    process.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(count):
            time.sleep(0.001)
            out.sendto(b"x" * 64, reader.getsockname())
    values: list[int] = ours.recv() if ours.poll(30) else []
    process.join(5)
    reader.close()
    if not values:
        raise RuntimeError("the bare UDP reader lost packets")
    return percentiles(values)


def run(packets: int, burst_records: int, *, busy_poll: bool) -> dict[str, Any]:
    """One engine, one subscriber, both measurements."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="fp-") as folder:
        venue = VenueConfig(name="bench", feed_group=(GROUP, ""), feed_port=(port, 0), max_orders=65_536)
        run_dir = str(Path(folder) / "run")
        config = EngineConfig(run_dir=run_dir, venues=(venue,), busy_poll=busy_poll, history_events=1 << 20)
        ours, theirs = multiprocessing.Pipe()
        with Engine(config) as engine:
            child = multiprocessing.get_context("spawn").Process(target=subscribe, args=(config, theirs), daemon=True)
            child.start()
            if not ours.poll(60) or ours.recv() != "joined":
                raise RuntimeError("the subscriber did not join")
            sender = Sender(port)
            sender.send(sender.opening())
            ours.send(sender.sequence)  # the session's record makes the records one more than the messages
            ours.recv()
            small = [sender.packet(sender.pair()) for _ in range(packets)]
            ours.send(sender.sequence)
            for packet in small:
                time.sleep(0.001)
                sender.send(packet)
            paced = ours.recv()
            after_pace = engine.stats()
            pairs = range(20)
            large = [sender.packet([m for _ in pairs for m in sender.pair()]) for _ in range(burst_records // 40)]
            ours.send(sender.sequence)
            start_ns = time.time_ns()
            for i, packet in enumerate(large):
                sender.send(packet)
                if i % 64 == 63:
                    time.sleep(0.0005)  # the kernel's receive buffer is 8 MiB at best
            send_ns = time.time_ns() - start_ns
            burst = ours.recv()
            ours.send(None)
            child.join(10)
            stats = engine.stats()
    return {
        "mode": "busy_poll" if busy_poll else "adaptive, spin 50 us",
        "wire_to_subscriber_us": percentiles(paced["latencies"]),
        "wire_to_event_ns": dataclasses.asdict(after_pace.wire_to_event),
        "event_to_bus_ns": dataclasses.asdict(after_pace.event_to_bus),
        "throughput": {
            "records_per_s": burst["records"] / (burst["ns"] / 1e9),
            "offered_per_s": burst_records / (send_ns / 1e9),
            "records_per_frame": burst["records"] / max(burst["frames"], 1),
            "repaired": burst["gaps"],
            "ring_full": stats.ring_full_events,
            "kernel_drops": stats.feed[0].drop_kernel,
            "messages_lost": stats.feed[0].messages_lost,
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=3_000, help="paced packets for latency")
    parser.add_argument("--records", type=int, default=400_000, help="records of the burst")
    chosen = parser.parse_args(arguments)
    report.print_conditions()
    floor = bare_udp(chosen.packets)
    runs = [run(chosen.packets, chosen.records, busy_poll=busy) for busy in (False, True)]
    rows: list[list[object]] = [
        ["bare UDP to blocking Python", *(f"{floor[k]:.1f}" for k in ("min", "p50", "p90", "p99")), "1.0"]
    ]
    for one in runs:
        us = one["wire_to_subscriber_us"]
        shown = [f"{us[k]:.1f}" for k in ("min", "p50", "p90", "p99")]
        rows.append([f"wire to subscriber, {one['mode']}", *shown, f"{us['p50'] / floor['p50']:.1f}"])
    report.table("Latency, us (1,000 packets a second)", ["path", "min", "p50", "p90", "p99", "p50 : bare"], rows)
    parts = [
        [
            one["mode"],
            f"{one['wire_to_event_ns']['p50_ns'] / 1e3:.1f}",
            f"{one['event_to_bus_ns']['p50_ns'] / 1e3:.1f}",
            f"{one['throughput']['records_per_s']:,.0f}",
            f"{one['throughput']['offered_per_s']:,.0f}",
            f"{one['throughput']['records_per_frame']:.0f}",
            f"{one['throughput']['repaired']} / {one['throughput']['ring_full']} / {one['throughput']['kernel_drops']}",
        ]
        for one in runs
    ]
    header = [
        "mode",
        "wire to event p50 us",
        "event to bus p50 us",
        "records/s at Python",
        "offered/s",
        "records/frame",
        "repaired / ring full / kernel drops",
    ]
    report.table("Inside, and one Python subscriber under bursts", header, parts)
    report.save("bus", {"bare_udp_us": floor, "runs": runs})


if __name__ == "__main__":
    main()
