"""The declared configuration: a YAML file sent to the gateway as a whole."""

from pathlib import Path
from typing import Any

import yaml

from .api import Api
from .errors import CommandError

APPLY_PATH = "/api/v1/apply"


def read_declared(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises:
        CommandError: It is absent, not YAML, or not a mapping.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise CommandError(f"{path} is not YAML{where}: {problem}") from error
    if not isinstance(value, dict):
        raise CommandError(f"{path} must hold names and values, such as `bots:` and `rules:`")
    return value


async def apply_declared(
    api: Api, declared: dict[str, Any], *, dry_run: bool = False, prune: bool = False
) -> dict[str, Any]:
    """Bring the gateway's configuration to what is declared; return what differs.

    Raises:
        CommandError: The gateway refuses it.
    """
    flags = {"dry_run": dry_run, "prune": prune}
    chosen = {name: True for name, is_set in flags.items() if is_set}
    result = await api.post(APPLY_PATH, {**declared, **chosen})
    return result if isinstance(result, dict) else {}
