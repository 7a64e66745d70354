"""A whole exchange on this machine: ITCH 5.0 over MoldUDP64, OUCH 5.0 over SoupBinTCP, deterministic from a seed.

The matching core and the network thread are C (`_native`); Python configures, commands
and asks. See `Exchange` and `VenueConfig`.
"""

from sim.exchange.audit import OrderRecord, TradeRecord
from sim.exchange.config import (
    DEFAULT_SYMBOLS,
    FeedLine,
    Replay,
    SymbolConfig,
    UserConfig,
    VenueConfig,
    load_venues,
    preset,
)
from sim.exchange.control import Depth, Endpoints, Exchange, ExchangeError, Level, LineFaults

__all__ = [
    "DEFAULT_SYMBOLS",
    "Depth",
    "Endpoints",
    "Exchange",
    "ExchangeError",
    "FeedLine",
    "Level",
    "LineFaults",
    "OrderRecord",
    "Replay",
    "SymbolConfig",
    "TradeRecord",
    "UserConfig",
    "VenueConfig",
    "load_venues",
    "preset",
]
