"""Fixtures of the engine's tests."""

from engine_fixtures import feed, run_dir  # noqa: F401
