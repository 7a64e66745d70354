"""Fastpath: a low-latency market-data and order gateway. See `core`, `subscriber` and `client`."""

__version__ = "0.1.0"
