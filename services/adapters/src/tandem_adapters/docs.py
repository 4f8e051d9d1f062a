"""A page a platform, drawn from its manifest."""

from collections.abc import Iterable
from typing import Any

from tandem_common.contract.capabilities import Capability, Manifest

from .registry import PLATFORMS, platform

_DRAWN = (
    "Drawn from the platform's manifest: change the manifest, "
    "then `python -m tandem_adapters docs docs/platforms`."
)


def pages() -> dict[str, str]:
    """Return each platform's page by name."""
    return {name: page(platform(name).manifest) for name in sorted(PLATFORMS)}


def page(manifest: Manifest) -> str:
    """Draw a platform's page."""
    parts = [
        f"# {manifest.icon} {manifest.labels.en}",
        f"{manifest.labels.zh}\n\n{manifest.description.en}\n\n{manifest.description.zh}",
        _DRAWN,
        _nature(manifest),
        "## Settings",
        _settings(manifest.settings_schema),
    ]
    for title, capabilities in (
        ("Events", manifest.events),
        ("Commands", manifest.commands),
        ("Components it sends us", manifest.components_in),
        ("Components we send", manifest.components_out),
    ):
        parts += [f"## {title}", _table(capabilities)]
    if manifest.limits:
        rows = [f"| {x.name} | {x.value} {x.unit} | {x.source} |" for x in manifest.limits]
        parts += ["## Limits", "\n".join(["| what | limit | source |", "|---|---|---|", *rows])]
    if manifest.docs:
        parts += ["## More", "\n".join(f"- <{url}>" for url in manifest.docs)]
    return "\n\n".join(parts) + "\n"


def _nature(manifest: Manifest) -> str:
    return (
        f"Streaming: {manifest.streaming}. "
        f"A repeated send is dropped by the platform: {_yes(manifest.idempotent_send)}. "
        f"One consumer a bot: {_yes(manifest.single_consumer)}."
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _table(capabilities: Iterable[Capability]) -> str:
    rows = [f"| `{c.name}` | {c.support} | {c.reason or ''} |" for c in capabilities]
    return "\n".join(["| name | how | reserve |", "|---|---|---|", *rows])


def _settings(schema: dict[str, Any]) -> str:
    rows = [
        f"| `{name}` | {field.get('title', '')} / {field.get('title_zh', '')} "
        f"| {field.get('description', '')} | {_default(field)} |"
        for name, field in schema.get("properties", {}).items()
    ]
    return "\n".join(["| setting | label | what | default |", "|---|---|---|---|", *rows])


def _default(field: dict[str, Any]) -> str:
    if field.get("secret"):
        return "secret"
    value = field.get("default")
    return f"`{value}`" if value not in (None, "") else ""
