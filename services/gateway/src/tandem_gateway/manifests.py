"""The platforms' manifests: the gateway's own, and what each adapter put into CFG at its start."""

from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from tandem_common.contract.capabilities import Capability, Labels, Limit, Manifest
from tandem_common.runtime.logging import get_logger

log = get_logger(__name__)

OPENAI = Manifest(
    name="openai",
    labels=Labels(en="OpenAI API", zh="OpenAI 接口"),
    description=Labels(
        en="Programs that speak the OpenAI API ask this bot as a model by its id.",
        zh="使用 OpenAI 接口的程序把这个机器人的 id 当作模型名来提问。",
    ),
    icon="🔌",
    settings_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "description": {
                "type": "string",
                "maxLength": 500,
                "title": "Description",
                "title_zh": "说明",
                "description": "Shown in the list of models.",
                "description_zh": "显示在模型列表中。",
            },
        },
    },
    events=(Capability(name="message.received"),),
    commands=(
        Capability(name="deliver_turn"),
        Capability(name="send_message", support="emulated", reason="as a part of the turn"),
    ),
    components_in=(Capability(name="text"), Capability(name="image"), Capability(name="file")),
    components_out=(
        Capability(name="text"),
        Capability(name="markdown"),
        Capability(name="image", support="emulated", reason="as a link in Markdown"),
    ),
    limits=(
        Limit(
            name="models",
            value=1,
            unit="count",
            source="https://platform.openai.com/docs/api-reference/models",
        ),
    ),
    streaming="native",
    idempotent_send=True,
    docs=("https://platform.openai.com/docs/api-reference/chat",),
)

OnManifest = Callable[[str], Awaitable[None]]


class ManifestBook:
    """Every platform known so far."""

    def __init__(self) -> None:
        self._manifests: dict[str, Manifest] = {OPENAI.name: OPENAI}
        self.on_change: OnManifest | None = None

    def get(self, platform: str) -> Manifest | None:
        """Return a platform's manifest, or None while its adapter never ran."""
        return self._manifests.get(platform)

    def all(self) -> list[Manifest]:
        """Return all manifests by name."""
        return [self._manifests[name] for name in sorted(self._manifests)]

    def schema(self, platform: str) -> dict[str, object] | None:
        """Return the schema of a platform's settings, or None while unknown."""
        manifest = self.get(platform)
        return None if manifest is None else manifest.settings_schema

    async def apply(self, key: str, value: bytes | None) -> None:
        """Take over a manifest from CFG. A platform stays known after its adapter went away."""
        if value is None:
            return
        try:
            manifest = Manifest.read(value)
        except ValidationError as error:
            log.warning("manifest_not_read", key=key, error=str(error))
            return
        if manifest.name == OPENAI.name:
            return
        self._manifests[manifest.name] = manifest
        if self.on_change is not None:
            await self.on_change(manifest.name)
