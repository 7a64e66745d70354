"""What the bridge is told: one model, the [bridge] section of the Fastpath TOML, every default safe.

Safe means loopback, no key (so nobody gets in), and no secret of its own. It opens nothing but the TOML.
"""

from __future__ import annotations

import ipaddress
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class SettingsError(Exception):
    """Settings that cannot be used; the text names the key and what would be right."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server listening on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class BridgeSettings(BaseModel):
    """Where the bridge listens, which engine it speaks to, and what it keeps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on; anything but loopback needs allow_remote")
    port: int = Field(8765, ge=0, le=65535, description="0 = any free port")
    path: str = Field("/mcp", pattern=r"^/[a-z0-9/_-]{1,60}$", description="URL path of the MCP endpoint")
    allow_remote: bool = Field(False, description="listen beyond loopback; put TLS in front of it")
    allowed_hosts: list[str] = Field(default=[], description='further Host headers to accept, "name" or "name:*"')
    allowed_origins: list[str] = Field(default=[], description="further Origin headers to accept")
    run_dir: str = Field("", description="where the engine's sockets are; empty = the engine's own default")
    keys_file: str = Field("", description="API keys (hashes); empty = <state dir>/keys.toml")
    data_dir: str = Field("", description="audit and idempotency database; empty = <state dir>/bridge")
    stdio_key_id: str = Field("", description="whose rights a stdio server has: the id of a key in keys_file")
    calls_per_s: int = Field(50, ge=1, le=100_000, description="tool calls a second for one key")
    orders_per_s: int = Field(
        20, ge=1, le=100_000, description="submits and replaces a second for one key; cancels and kills never count"
    )
    write_timeout_ms: int = Field(2_000, ge=10, le=60_000, description="then the outcome of a write is unknown")
    read_timeout_ms: int = Field(1_000, ge=10, le=60_000, description="then a read is given up")
    settle_ms: int = Field(
        50, ge=0, le=2_000, description="how long a write may wait for the venue's first answer before it returns"
    )
    stale_after_ms: int = Field(
        3_000, ge=1, le=3_600_000, description="silence of a venue's feed after which its quotes are called stale"
    )
    durability: Literal["crash", "sync"] = Field(
        "crash", description="audit rows survive the process (crash) or also a power cut (sync, some ms a write)"
    )
    max_body_bytes: int = Field(65_536, ge=1_024, le=4_194_304, description="largest HTTP request body")

    @model_validator(mode="after")
    def _remote_is_asked_for(self) -> BridgeSettings:
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"host = {self.host!r} is not loopback; set allow_remote = true to listen beyond this machine "
                "(and put TLS in front of it)"
            )
        return self

    def run_path(self) -> Path:
        """Directory of the engine's sockets."""
        if self.run_dir:
            return Path(self.run_dir).expanduser()
        base = os.environ.get("XDG_RUNTIME_DIR")
        return Path(base) / "fastpath" if base else Path(tempfile.gettempdir()) / f"fastpath-{os.getuid()}"

    def keys_path(self) -> Path:
        """File of API keys."""
        return Path(self.keys_file).expanduser() if self.keys_file else _state_path() / "keys.toml"

    def data_path(self) -> Path:
        """Directory of the audit and idempotency database."""
        return Path(self.data_dir).expanduser() if self.data_dir else _state_path() / "bridge"

    def command_endpoint(self) -> str:
        """The engine's command socket (ROUTER)."""
        return f"ipc://{self.run_path()}/engine.cmd"


def _state_path() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(base) / "fastpath"


def load_settings(path: Path | None = None, **overrides: Any) -> BridgeSettings:
    """Settings from the one Fastpath TOML (argument, else $FASTPATH_CONFIG, else the defaults).

    Reads `[bridge]`, and from elsewhere only where the engine's sockets and the state directory are.
    Overrides win over the file; None means not given.

    Raises:
        SettingsError: one line for each thing that is wrong.
    """
    if path is None and (named := os.environ.get("FASTPATH_CONFIG")):
        path = Path(named)
    document: dict[str, Any] = {}
    if path is not None:
        try:
            document = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: not valid TOML: {error}") from error
    section = document.get("bridge", {})
    engine = document.get("engine", {})
    if not isinstance(section, dict) or not isinstance(engine, dict):
        raise SettingsError(f"{path}: bridge and engine must be tables")
    values = dict(section)
    if engine.get("run_dir") and not values.get("run_dir"):
        values["run_dir"] = engine["run_dir"]
    if state_dir := document.get("state_dir"):
        state = Path(str(state_dir)).expanduser()
        values["keys_file"] = values.get("keys_file") or str(state / "keys.toml")
        values["data_dir"] = values.get("data_dir") or str(state / "bridge")
    values.update({key: value for key, value in overrides.items() if value is not None})
    try:
        return BridgeSettings.model_validate(values)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"])
            message = "no such setting" if item["type"] == "extra_forbidden" else item["msg"]
            lines.append(f"{path or 'settings'}: bridge.{key}: {message}".replace("bridge.: ", "bridge: "))
        raise SettingsError("\n".join(lines)) from error
