"""The engine as the bridge sees it: messages, one port, and its two implementations. It knows the bus only."""
