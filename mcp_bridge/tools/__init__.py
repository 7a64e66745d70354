"""What the tools do, one file per toolset. A tool asks through its Call and returns what it found; it never
checks rights, limits or idempotency, since the guard did."""
