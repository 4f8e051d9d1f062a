"""The configuration of nats-server: one nkey user a service, JetStream on file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tandem_common.contract.permissions import Permissions, permissions_of

MAX_PAYLOAD_BYTES = 4 << 20


@dataclass(frozen=True)
class NatsServer:
    """Where a nats-server listens and keeps its files.

    Attributes:
        port: Client port; -1 lets the server choose.
        monitor_port: Port of /healthz and /jsz; -1 lets the server choose.
        store: Folder of the streams.
        host: Address of both ports.
    """

    port: int
    monitor_port: int
    store: Path
    host: str = "127.0.0.1"


def render(server: NatsServer, public_keys: Mapping[str, str]) -> str:
    """Return the configuration file.

    Args:
        server: Where it listens and stores.
        public_keys: Public nkey of each user; what a user may do is in the contract.
    """
    users = "\n".join(_user(name, key) for name, key in public_keys.items())
    return f"""\
# Written at each start; changes made here are lost.
server_name: tandem
listen: {_text(f"{server.host}:{server.port}")}
http: {_text(f"{server.host}:{server.monitor_port}")}
max_payload: {MAX_PAYLOAD_BYTES}
jetstream {{
  store_dir: {_text(str(server.store))}
  # An acknowledged message survives the loss of power: there is only one server to keep it.
  sync_interval: always
}}
authorization {{
  users: [
{users}
  ]
}}
"""


def _user(name: str, public_key: str) -> str:
    allowed = permissions_of(name)
    return f"""\
    {{  # {name}
      nkey: {public_key}
      permissions: {{
        publish: {_rule(allowed.publish)}
        subscribe: {_rule(allowed.subscribe)}{_responses(allowed)}
      }}
    }}"""


def _rule(subjects: Iterable[str]) -> str:
    listed = sorted(set(subjects))
    # An empty allow-list would mean "anything" to the server.
    return _object("allow", listed) if listed else _object("deny", [">"])


def _object(verb: str, subjects: list[str]) -> str:
    lines = "".join(f"\n          {_text(subject)}" for subject in subjects)
    return f"{{\n        {verb}: [{lines}\n        ]}}"


def _responses(allowed: Permissions) -> str:
    if not allowed.allow_responses:
        return ""
    return '\n        allow_responses: {max: 1000, expires: "10m"}'


def _text(value: str) -> str:
    return json.dumps(value)
