"""A real app side for the fake: NoneBot with its OneBot adapter, in a process of its own.

Says on standard output, one JSON line each, what it understood and what its calls brought.
"""

import json
import os
import sys
from typing import Any

import nonebot
from nonebot import on, on_message
from nonebot.adapters.onebot.v11 import (
    Adapter,
    Bot,
    Event,
    FriendRequestEvent,
    GroupRequestEvent,
    MessageEvent,
)


def tell(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
    sys.stdout.flush()


nonebot.init(
    driver="~fastapi+~httpx",
    host="127.0.0.1",
    port=int(os.environ["PEER_PORT"]),
    log_level="ERROR",
    onebot_access_token=os.environ.get("PEER_TOKEN") or None,
    onebot_secret=os.environ.get("PEER_SECRET") or None,
    onebot_api_roots=json.loads(os.environ.get("PEER_API_ROOTS", "{}")),
    api_timeout=3.0,
)
driver = nonebot.get_driver()
driver.register_adapter(Adapter)


@driver.on_startup
async def started() -> None:
    tell(kind="started")


@driver.on_bot_connect
async def connected(bot: Bot) -> None:
    tell(kind="bot", self_id=bot.self_id, login=await bot.get_login_info())


everything = on(priority=1, block=False)
talk = on_message(priority=5)


@everything.handle()
async def heard(event: Event) -> None:
    tell(kind="event", cls=type(event).__name__, name=event.get_event_name(), tome=event.is_tome())


@everything.handle()
async def asked(bot: Bot, event: FriendRequestEvent | GroupRequestEvent) -> None:
    await event.approve(bot)
    tell(kind="approved", flag=event.flag)


@talk.handle()
async def spoken(bot: Bot, event: MessageEvent) -> None:
    text = event.get_plaintext()
    reply = event.reply.message.extract_plain_text() if event.reply else None
    sent = await bot.send(event, f"you said {text}", reply_message=True)
    back = await bot.get_msg(message_id=sent["message_id"])
    tell(kind="spoken", text=text, reply=reply, sent=sent, back=str(back["message"]))
    try:
        await bot.call_api("no_such_action")
    except Exception as error:  # noqa: BLE001 - the test wants to know which
        tell(kind="error", cls=type(error).__name__)


nonebot.run()
