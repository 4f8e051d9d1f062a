"""What the command line reads from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_DATA = Path(".tandem")
DEFAULT_PORT_BASE = 8400


@dataclass(frozen=True)
class CliSettings:
    """The environment of a command.

    Attributes:
        url: Gateway to talk to instead of the one started here.
        api_key: Key for that gateway.
        language: `zh` or `en`, by the locale.
        log_level: Level of the services `up` starts.
        follow_parent: Whether `up` ends when the process that started it is gone.
    """

    url: str = ""
    api_key: str = ""
    language: str = "en"
    log_level: str = "INFO"
    follow_parent: bool = False

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "CliSettings":
        """Read the environment."""
        env = os.environ if environ is None else environ
        return cls(
            url=env.get("TANDEM_URL", "").rstrip("/"),
            api_key=env.get("TANDEM_API_KEY", ""),
            language=_language(env),
            log_level=env.get("TANDEM_LOG_LEVEL", "INFO"),
            follow_parent=env.get("TANDEM_UP_FOLLOW_PARENT", "") == "1",
        )


def _language(env: Mapping[str, str]) -> str:
    locale = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"
