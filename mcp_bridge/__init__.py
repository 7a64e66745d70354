"""The MCP bridge: the door through which agents reach the engine.

It speaks MCP to agents and the bus's messages to the engine; it never trades by itself,
never retries a write, and keeps no session: every call authenticates itself.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
