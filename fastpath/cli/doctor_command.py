"""`fastpath doctor`: what this machine can do for the gateway, and the remedy for what it cannot.

Every finding is measured here and now; it changes nothing and leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import shutil
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

from fastpath.cli.config_command import ConfigOption
from fastpath.config import Config, load

Verdict = Literal["ok", "warn", "fail"]
SO_TIMESTAMPNS = 35
SO_RXQ_OVFL = 40


@dataclass(frozen=True)
class Finding:
    what: str
    verdict: Verdict
    value: str
    remedy: str = ""


def doctor(config: ConfigOption = None) -> None:
    """Check this machine; exit 1 when something that the gateway needs is missing."""
    loaded = load(config)
    table = Table("", "what", "found", "remedy")
    colour = {"ok": "green", "warn": "yellow", "fail": "red"}
    failed = False
    for finding in findings(loaded):
        failed |= finding.verdict == "fail"
        table.add_row(f"[{colour[finding.verdict]}]{finding.verdict}[/]", finding.what, finding.value, finding.remedy)
    Console().print(table)
    raise typer.Exit(1 if failed else 0)


def findings(config: Config) -> Iterator[Finding]:
    """Every check, in order; a check that raises is itself a finding."""
    checks: list[Callable[[], Finding]] = [
        _python,
        _core,
        _libzmq,
        _bridge,
        _multicast,
        _cores,
        lambda: _run_dir(config),
        _clock,
        _memlock,
        _hiccup,
        _tshark,
        _af_xdp,
        _hugepages,
        lambda: _card(config),
    ]
    for check in checks:
        try:
            yield check()
        except Exception as error:
            # The doctor outlives its patients: whatever a probe raises is what it found.
            yield Finding(getattr(check, "__name__", "check").lstrip("_"), "fail", f"{type(error).__name__}: {error}")


def _python() -> Finding:
    return Finding("python", "ok", f"{sys.version.split()[0]}, kernel {os.uname().release}")


def _core() -> Finding:
    try:
        importlib.import_module("fastpath._core")
    except ImportError as error:
        return Finding(
            "C core",
            "fail",
            str(error),
            "build it: pip install -e . (needs gcc and Python.h: apt-get install python3-dev)",
        )
    return Finding("C core", "ok", "loaded")


def _libzmq() -> Finding:
    zmq = importlib.import_module("zmq")
    return Finding("libzmq", "ok", f"{zmq.zmq_version()}, curve {'yes' if zmq.has('curve') else 'no'}")


def _bridge() -> Finding:
    try:
        importlib.import_module("mcp.server")
    except ImportError:
        return Finding("MCP bridge", "warn", "package mcp is not installed", 'pip install "fastpath[bridge]"')
    return Finding("MCP bridge", "ok", "package mcp is installed")


def _multicast() -> Finding:
    """Send ourselves one datagram over loopback multicast, as the socket backend receives it."""
    group, payload = "239.192.99.99", b"fastpath doctor"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((group, 0))
        receiver.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
        )
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        receiver.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        receiver.settimeout(1.0)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sender.sendto(payload, receiver.getsockname())
        try:
            data, ancillary, _, _ = receiver.recvmsg(64, 256)
        except TimeoutError:
            return Finding(
                "multicast on 127.0.0.1",
                "fail",
                "sent, not received in 1 s",
                "let loopback multicast pass the firewall, or use unicast addresses for the feed groups",
            )
    stamped = any(kind == SO_TIMESTAMPNS and len(value) >= struct.calcsize("qq") for _, kind, value in ancillary)
    if data != payload:
        return Finding(
            "multicast on 127.0.0.1", "fail", "another datagram came back", "stop what sends to 239.192.99.99"
        )
    return Finding(
        "multicast on 127.0.0.1",
        "ok" if stamped else "warn",
        "received, " + ("kernel timestamps" if stamped else "no kernel timestamp"),
        "" if stamped else "receive times will be taken in user space",
    )


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    if cores < 4:
        return Finding(
            "cores", "warn", str(cores), "leave engine.busy_poll = false: a spinning thread needs a core of its own"
        )
    return Finding("cores", "ok", str(cores))


def _run_dir(config: Config) -> Finding:
    path = config.run_path()
    if not path.exists():
        return Finding("run directory", "ok", f"{path} (made at start)")
    info = path.stat()
    if info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) & 0o077:
        return Finding(
            "run directory",
            "fail",
            f"{path} mode {stat.S_IMODE(info.st_mode):04o}, owner {info.st_uid}",
            f"chmod 700 {path}, or set engine.run_dir to a directory of yours",
        )
    return Finding("run directory", "ok", f"{path} mode {stat.S_IMODE(info.st_mode):04o}")


def _clock() -> Finding:
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    name = source.read_text().strip() if source.exists() else "unknown"
    start = time.perf_counter_ns()
    for _ in range(1_000):
        time.clock_gettime_ns(time.CLOCK_REALTIME)
    cost = (time.perf_counter_ns() - start) // 1_000
    good = name in ("tsc", "kvm-clock", "arch_sys_counter")
    return Finding(
        "clock",
        "ok" if good else "warn",
        f"{name}, {cost} ns a reading from Python",
        "" if good else "boot with clocksource=tsc",
    )


def _memlock() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    text = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft // 1024} KiB"
    return Finding("locked memory", "ok", text)


def _hiccup() -> Finding:
    """Spin for 200 ms and report the longest time that this thread was away."""
    end = time.perf_counter_ns() + 200_000_000
    last, worst = time.perf_counter_ns(), 0
    while last < end:
        now = time.perf_counter_ns()
        worst, last = max(worst, now - last), now
    quiet = worst < 2_000_000
    return Finding(
        "longest pause in 200 ms",
        "ok" if quiet else "warn",
        f"{worst / 1e3:.0f} us",
        "" if quiet else "a busy machine: tails are other people's work",
    )


def _tshark() -> Finding:
    if shutil.which("tshark"):
        return Finding("tshark", "ok", "installed")
    return Finding(
        "tshark", "warn", "not installed", "apt-get install tshark (only the protocol cross-checks in the tests use it)"
    )


def _af_xdp() -> Finding:
    try:
        socket.socket(44, socket.SOCK_RAW, 0).close()  # AF_XDP
    except PermissionError:
        return Finding("AF_XDP sockets", "warn", "not permitted", "needs CAP_NET_RAW; the socket backend works without")
    except OSError as error:
        return Finding(
            "AF_XDP sockets",
            "warn",
            os.strerror(error.errno or 0),
            "kernel without CONFIG_XDP_SOCKETS; the socket backend works without",
        )
    return Finding("AF_XDP sockets", "ok", "the kernel offers them; this version receives through the socket backend")


def _hugepages() -> Finding:
    free = next(
        (
            int(line.split()[1])
            for line in Path("/proc/meminfo").read_text().splitlines()
            if line.startswith("HugePages_Free")
        ),
        0,
    )
    return Finding(
        "huge pages",
        "ok" if free else "warn",
        f"{free} free",
        "" if free else "sysctl -w vm.nr_hugepages=128 saves page misses in the books",
    )


def _card(config: Config) -> Finding:
    """The simulated card: built, or what it needs to be."""
    path, needed = config.card_path(), config.uses_card()
    if not path.exists():
        verdict: Verdict = "fail" if needed else "warn"
        return Finding(
            "FPGA card (simulated)", verdict, "not built", "make sim-device, for --io fpga and `fastpath cosim`"
        )
    try:
        library = ctypes.CDLL(str(path))
        opened = hasattr(library, "fp_card_open")
    except OSError as error:
        return Finding("FPGA card (simulated)", "fail" if needed else "warn", str(error), "make sim-device")
    if not opened:
        return Finding("FPGA card (simulated)", "fail" if needed else "warn", f"{path} is no card", "make sim-device")
    return Finding("FPGA card (simulated)", "ok", f"{path}: for --io fpga")
