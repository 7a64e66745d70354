"""The key file: TOML with the sha256 of each 256-bit random key, mode 0600, re-read when it changes.

A key itself is shown once, when it is made, and stored nowhere. A file that others can read, or that cannot be
parsed, opens nothing: every check then fails until it is repaired.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tomli_w
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from .principal import DEFAULT_SCOPES, SCOPES, Principal

logger = logging.getLogger(__name__)

_NAME = r"^[a-z][a-z0-9_-]{0,22}$"
_KEY = re.compile(r"fpk_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_NO_DIGEST = "0" * 64


class KeyFileError(Exception):
    """The key file cannot be used; the text says why and what to do."""


class KeyRecord(BaseModel):
    """One key as the file holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    agent: str = Field(pattern=_NAME)
    account: str = Field(pattern=_NAME)
    scopes: list[str] = list(DEFAULT_SCOPES)
    symbols: list[str] = Field(default=["*"], min_length=1, max_length=64)
    venues: list[str] = Field(default=["*"], min_length=1, max_length=8)
    allow_live: bool = False
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    @field_validator("scopes")
    @classmethod
    def _known_scopes(cls, scopes: list[str]) -> list[str]:
        for scope in scopes:
            if scope not in SCOPES:
                raise ValueError(f"no scope {scope!r}; known: {', '.join(SCOPES)}")
        return scopes

    @field_validator("symbols", "venues")
    @classmethod
    def _short_globs(cls, globs: list[str]) -> list[str]:
        for glob in globs:
            if not re.fullmatch(r"[A-Za-z0-9.*?_+=#^~$-]{1,23}", glob):
                raise ValueError(f"{glob[:32]!r} is not a name or a glob like 'A*'")
        return globs

    def status(self, now: datetime) -> str:
        """active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    keys: dict[str, KeyRecord] = {}


class KeyStore:
    """The keys in one file. Reading is cheap (one stat a call) and always current."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signature: tuple[int, int, int, int] | None = None
        self._keys: dict[str, KeyRecord] = {}

    # ---- checking ----

    def verify(self, token: str) -> Principal | None:
        """The principal of a presented key, None when it is unknown, wrong, expired or revoked."""
        match = _KEY.fullmatch(token)
        key_id = match.group(1) if match else ""
        record = self._current().get(key_id)
        presented = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        # One comparison of the same length whether or not the id exists, so that time tells nothing.
        right = hmac.compare_digest(presented, record.sha256 if record else _NO_DIGEST)
        if record is None or not right or record.status(datetime.now(UTC)) != "active":
            return None
        return _principal(key_id, record)

    def principal(self, key_id: str) -> Principal | None:
        """The principal of a key by id, while it is active: for stdio, and to re-check within a call."""
        record = self._current().get(key_id)
        if record is None or record.status(datetime.now(UTC)) != "active":
            return None
        return _principal(key_id, record)

    def _current(self) -> dict[str, KeyRecord]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._signature, self._keys = None, {}
            return self._keys
        signature = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        if signature != self._signature:
            self._signature = signature
            try:
                self._keys = read_keys(self.path)
            except KeyFileError as error:
                logger.error("%s; no key is accepted until it is repaired", error)
                self._keys = {}
        return self._keys

    # ---- changing ----

    def add(
        self,
        agent: str,
        account: str,
        *,
        scopes: list[str] | None = None,
        symbols: list[str] | None = None,
        venues: list[str] | None = None,
        allow_live: bool = False,
        valid_days: int | None = 90,
    ) -> tuple[str, str]:
        """Make a key; returns (key id, key). The key is not stored: this is the only time it can be shown.

        Raises:
            KeyFileError: a value is refused, or the file cannot be used.
        """
        key_id = secrets.token_hex(4)
        key = f"fpk_{key_id}_{secrets.token_urlsafe(32)}"
        now = datetime.now(UTC).replace(microsecond=0)
        try:
            record = KeyRecord(
                sha256=hashlib.sha256(key.encode()).hexdigest(),
                agent=agent,
                account=account,
                scopes=list(DEFAULT_SCOPES) if scopes is None else scopes,
                symbols=symbols or ["*"],
                venues=venues or ["*"],
                allow_live=allow_live,
                created_at=now,
                expires_at=None if valid_days is None else now + timedelta(days=valid_days),
            )
        except ValidationError as error:
            raise KeyFileError(_readable(error)) from error
        with self._locked() as keys:
            keys[key_id] = record
        return key_id, key

    def revoke(self, key_id: str) -> None:
        """Revoke a key; it stays in the file, so that old audit rows still have a name.

        Raises:
            KeyFileError: no such key.
        """
        with self._locked() as keys:
            if key_id not in keys:
                raise KeyFileError(f"{self.path}: no key {key_id!r}")
            keys[key_id] = keys[key_id].model_copy(update={"revoked_at": datetime.now(UTC).replace(microsecond=0)})

    @contextmanager
    def _locked(self) -> Iterator[dict[str, KeyRecord]]:
        """The keys under a lock; what the caller changes is written back in one atomic step."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = read_keys(self.path) if self.path.exists() else {}
            yield keys
            text = tomli_w.dumps(_KeyFile(keys=keys).model_dump(exclude_none=True))
            temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)


def read_keys(path: Path) -> dict[str, KeyRecord]:
    """Every key in the file.

    Raises:
        KeyFileError: unreadable, readable by others, or not a key file.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyFileError(f"{path}: mode {mode:04o} lets others read it; run: chmod 600 {path}")
        return _KeyFile.model_validate(tomllib.loads(path.read_text())).keys
    except ValidationError as error:
        raise KeyFileError(f"{path}: {_readable(error)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeyFileError(f"{path}: cannot be read: {error}") from error


def _principal(key_id: str, record: KeyRecord) -> Principal:
    return Principal(
        key_id=key_id,
        agent=record.agent,
        account=record.account,
        scopes=frozenset(record.scopes),
        symbols=tuple(record.symbols),
        venues=tuple(record.venues),
        allow_live=record.allow_live,
    )


def _readable(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors()
    )
