"""Simulators: things outside the gateway, real on the wire."""
