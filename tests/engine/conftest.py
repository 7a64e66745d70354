"""Fixtures of the engine's tests."""

from engine_fixtures import card_library, feed, run_dir  # noqa: F401
