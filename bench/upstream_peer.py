"""An upstream provider that costs nothing: raw ASGI, canned answers, after a given delay.

python -m bench.upstream_peer PORT DELAY_MS
"""

import asyncio
import random
import sys

import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

_WHOLE = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello " * 20},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    }
)
_CHUNK = (
    b"data: "
    + orjson.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": "hello "}, "finish_reason": None}],
        }
    )
    + b"\n\n"
)
_CHUNKS = 200
_DELAY_S = float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a chat completion."""
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if _DELAY_S:
        # Spread, as a provider's times are: callers in lockstep would only queue behind each other.
        await asyncio.sleep(_DELAY_S * random.uniform(0.5, 1.5))
    if b'"stream":true' not in body.replace(b" ", b""):
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(_WHOLE)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _WHOLE})
        return
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(_CHUNKS):
        await send({"type": "http.response.body", "body": _CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
