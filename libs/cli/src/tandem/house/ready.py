"""What scripts and the other commands are told once everything is ready."""

from pathlib import Path
from typing import Any

from .files import write_json
from .programs import House

READY_FILE = "ready.json"


def facts(house: House) -> dict[str, Any]:
    """Return where everything is and how to get in."""
    made = house.credentials.bootstrap
    return {
        "gateway": house.gateway_url,
        "console": f"{house.gateway_url}/console",
        "nats": house.nats_url,
        "temporal": house.temporal_address,
        "admin_key": made.admin_key,
        "api_key": made.api_key,
        "owner_link": house.owner_link,
        "onebot": {
            "reverse_ws": house.onebot_reverse_ws,
            "access_token": made.onebot_token,
        },
    }


class ReadyFiles:
    """The files whose presence says that the house is ready."""

    def __init__(self, data: Path, asked_for: Path | None) -> None:
        self._paths = [data / READY_FILE, *([asked_for] if asked_for else [])]

    @property
    def written(self) -> bool:
        """Whether the house was ready."""
        return self._paths[0].exists()

    def remove(self) -> None:
        """Take the files away: what an earlier run left would deceive those who wait."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def write(self, house: House) -> None:
        """Write the files."""
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, facts(house))
