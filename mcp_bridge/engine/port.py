"""The engine port: the one thing the tools may ask. Two implementations: the bus, and a paper engine in-process.

A port never retries. It tells apart what was never sent from what was sent and not answered, since only the
first is safe to call a failure.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from .messages import Answer, Request

AnswerT = TypeVar("AnswerT", bound=Answer)


class NotSentError(Exception):
    """The engine cannot be reached; the request never left."""


class NoAnswerError(Exception):
    """The request was sent; no readable answer came in time. What it did is unknown."""


class EnginePort(Protocol):
    """What the bridge needs of an engine."""

    @property
    def epoch(self) -> int:
        """The engine run that answered last, 0 before the first answer."""

    async def start(self) -> None:
        """Open the connection; does not wait for the engine to be there."""

    async def close(self) -> None:
        """Give everything back. Requests in flight end with NoAnswerError."""

    async def ask(self, request: Request, answer: type[AnswerT], timeout_s: float) -> AnswerT:
        """Send one request and wait for its answer.

        Raises:
            NotSentError: no connection to the engine within the timeout.
            NoAnswerError: sent, but no readable answer within the timeout.
        """
