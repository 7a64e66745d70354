"""`python -m mcp_bridge` is the `fastpath-mcp` command."""

from mcp_bridge.cli import main

main()
