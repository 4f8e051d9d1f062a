"""A service of nothing but its health, its settings and, as gateway, its bots."""

import asyncio
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import nats

BOTS = (("webchat", "web-demo"), ("onebot", "onebot-demo"), ("openai", "echo"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        bots = [{"platform": p, "id": b, "enabled": True} for p, b in BOTS]
        self._answer(200, {"items": bots, "next": None})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        note("applied", body)
        if "nonsense" in body:
            self._answer(400, {"error": {"code": "invalid_input", "message": "what is nonsense?"}})
        else:
            self._answer(200, {"changes": []})

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def note(name, value):
    folder = Path(os.environ["STUB_NOTES"])
    (folder / f"{name}.json").write_text(json.dumps(value))


async def seed():
    """Do what the gateway does at first start, as its own NATS user."""
    user = os.environ["TANDEM_NATS_USER"]
    nc = await nats.connect(
        os.environ["TANDEM_NATS_URL"],
        nkeys_seed=os.environ["TANDEM_NATS_NKEY_FILE"],
        inbox_prefix=f"_INBOX_{user}",
    )
    kv = await nc.jetstream().create_key_value(bucket="CFG", direct=True)
    for platform, bot in BOTS:
        value = {"id": bot, "platform": platform, "enabled": True}
        await kv.put(f"bot.{platform}.{bot}", json.dumps(value).encode())
    await nc.close()


def main(service):
    name = "-".join([service, *sys.argv[1:]])
    print(f"{name} begins", flush=True)
    if os.environ.get("STUB_FAILS") == service:
        sys.exit("the stub was told to fail")
    own = {key: value for key, value in os.environ.items() if key.startswith("TANDEM_")}
    note(name, {"pid": os.getpid(), "env": own})
    if service == "gateway":
        asyncio.run(seed())
    port = int(os.environ[f"TANDEM_{service.upper()}_HTTP_PORT"])
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()
