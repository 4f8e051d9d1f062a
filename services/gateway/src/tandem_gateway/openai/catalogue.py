"""Which models there are, and who answers for a name."""

from dataclasses import dataclass

from tandem_common.contract.config import BotConfig, ConnectionConfig
from tandem_common.contract.errors import NotFoundError
from tandem_gateway.keys import Key
from tandem_gateway.snapshot import ConfigSnapshot

PLATFORM = "openai"
OWNER = "tandem"


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """A connection and what the model is called there."""

    connection: ConnectionConfig
    name: str


Target = BotConfig | UpstreamModel


class UpstreamNames:
    """What connections without a list of their own said they have; see `upstream.py`."""

    def __init__(self) -> None:
        self.by_connection: dict[str, tuple[str, ...]] = {}

    def of(self, connection: ConnectionConfig) -> tuple[str, ...]:
        """Return the models of a connection that are known."""
        return connection.models or self.by_connection.get(connection.id, ())


def resolve(name: str, config: ConfigSnapshot, key: Key, names: UpstreamNames) -> Target:
    """Find who answers for a model.

    Raises:
        NotFoundError: Nobody, or the key may not ask; both look the same.
    """
    found = _find(name, config, names) if key.allows_model(name) else None
    if found is None:
        raise NotFoundError(
            f"The model {name[:100]!r} does not exist or you do not have access to it.",
            field="model",
            details={"openai_code": "model_not_found"},
        )
    return found


def _find(name: str, config: ConfigSnapshot, names: UpstreamNames) -> Target | None:
    bot = config.bots.get(name)
    if bot is not None and bot.platform == PLATFORM and bot.enabled:
        return bot
    open_ended: UpstreamModel | None = None
    for connection in config.connections.values():
        if not connection.enabled or not name.startswith(connection.prefix):
            continue
        bare = name[len(connection.prefix) :]
        if bare in names.of(connection):
            return UpstreamModel(connection, bare)
        if not connection.models and bare:
            open_ended = open_ended or UpstreamModel(connection, bare)
    return open_ended


def listing(config: ConfigSnapshot, key: Key, names: UpstreamNames) -> list[dict[str, object]]:
    """Return what `GET /v1/models` shows a key."""
    models: list[dict[str, object]] = [
        {
            "id": bot.id,
            "object": "model",
            "created": 0,
            "owned_by": OWNER,
            "name": bot.name,
            "tags": [{"name": bot.default_handler.kind}],
        }
        for bot in sorted(config.bots.values(), key=lambda b: b.id)
        if bot.platform == PLATFORM and bot.enabled
    ]
    for connection in sorted(config.connections.values(), key=lambda c: c.id):
        if not connection.enabled:
            continue
        models += [
            {
                "id": connection.prefix + name,
                "object": "model",
                "created": 0,
                "owned_by": connection.id,
                "name": connection.prefix + name,
                "tags": [{"name": tag} for tag in connection.tags],
            }
            for name in names.of(connection)
        ]
    return [model for model in models if key.allows_model(str(model["id"]))]
