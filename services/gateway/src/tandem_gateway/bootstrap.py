"""What a first start finds: keys and the owner's link from the environment, demo bots. Idempotent."""

from pydantic import SecretStr
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.rules import HandlerRef
from tandem_common.runtime.logging import get_logger

from .admin.accounts.service import add_token
from .admin.bots import repository, service as bots
from .admin.bots.schemas import BotCreate
from .admin.door import writing
from .admin.keys import service as keys
from .admin.keys.schemas import KeyCreate
from .admin.rules import service as rules
from .models import AccountRow, ApiKeyRow, AuditRow, SetupTokenRow
from .security.principals import Principal
from .security.tokens import digest
from .state import GatewayState

log = get_logger(__name__)
BOOTSTRAP = Principal(id="bootstrap", name="Bootstrap", role="owner")
MIN_KEY = 16

WELCOME = (
    "Hi! A person will answer you here. Send “/echo hello” to see the bot repeat it at once.\n"
    "您好！这里会有人回答您。发送“/echo 你好”，机器人会立刻原样回复。"
)
DEMO_BOTS: tuple[BotCreate, ...] = (
    BotCreate(
        id="human",
        platform="openai",
        name="Human support",
        settings={"description": "A person answers."},
        default_handler=HandlerRef(kind="human"),
    ),
    BotCreate(
        id="echo",
        platform="openai",
        name="Echo",
        settings={"description": "Says the same back."},
        default_handler=HandlerRef(kind="echo"),
    ),
    BotCreate(
        id="web-demo",
        platform="webchat",
        name="Web chat demo",
        settings={"title": "Tandem", "welcome": WELCOME},
        default_handler=HandlerRef(kind="human"),
    ),
)
DEMO_RULES: dict[str, list[dict[str, object]]] = {
    "web-demo": [
        {
            "id": "echo",
            "priority": 10,
            "description": "“/echo …” is answered by the machine",
            "events": ["message.received"],
            "when": {"text": {"starts_with": "/echo"}},
            "handler": {"kind": "echo", "config": {"stream": True}},
        }
    ],
}


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value().strip() if value is not None else ""


async def bootstrap(gateway: GatewayState) -> None:
    """Make what is missing; what is there stays as it is."""
    settings = gateway.settings
    async with writing(gateway) as session:
        await _key(
            session,
            gateway,
            _secret(settings.bootstrap_admin_key),
            KeyCreate(name="bootstrap admin", scopes=("admin", "operator")),
        )
        await _key(
            session,
            gateway,
            _secret(settings.bootstrap_api_key),
            KeyCreate(name="bootstrap api", scopes=("chat",), trusted_frontend=True),
        )
        await _owner(session, gateway, _secret(settings.bootstrap_owner_token))
        if settings.seed_demo:
            for bot in _demo_bots(gateway):
                await _bot(session, gateway, bot)


async def _key(session: AsyncSession, gateway: GatewayState, raw: str, body: KeyCreate) -> None:
    if not raw:
        return
    if len(raw) < MIN_KEY:
        log.warning("bootstrap_refused", name=body.name, reason="shorter than 16 characters")
        return
    known = select(ApiKeyRow).where(col(ApiKeyRow.hash) == digest(raw))
    if (await session.exec(known)).first() is None:
        keys.add(session, gateway, body, raw, BOOTSTRAP)
        log.info("bootstrap_made", name=body.name)


async def _owner(session: AsyncSession, gateway: GatewayState, raw: str) -> None:
    if not raw or (await session.exec(select(AccountRow).limit(1))).first() is not None:
        return
    if await session.get(SetupTokenRow, digest(raw)) is None:
        add_token(session, gateway, raw, "owner")


def _demo_bots(gateway: GatewayState) -> tuple[BotCreate, ...]:
    token = _secret(gateway.settings.bootstrap_onebot_token)
    if not token:
        return DEMO_BOTS
    onebot = BotCreate(
        id="onebot-demo",
        platform="onebot",
        name="OneBot demo",
        settings={"access_token": token},
        default_handler=HandlerRef(kind="echo"),
    )
    return (*DEMO_BOTS, onebot)


async def _bot(session: AsyncSession, gateway: GatewayState, body: BotCreate) -> None:
    # Also looked for under its key in the audit: a demo bot somebody deleted stays deleted.
    if await repository.find(session, body.id) is not None or await _was_there(session, body.id):
        return
    row = bots.add(session, gateway, body, BOOTSTRAP)
    await session.flush()
    if body.id in DEMO_RULES:
        rules.put(session, gateway, row, None, DEMO_RULES[body.id], BOOTSTRAP)


async def _was_there(session: AsyncSession, bot: str) -> bool:
    query = (
        select(AuditRow)
        .where(col(AuditRow.action) == "bot.created")
        .where(col(AuditRow.target) == f"bot:{bot}")
        .limit(1)
    )
    return (await session.exec(query)).first() is not None
