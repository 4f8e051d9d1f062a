"""What the commands understand and show."""

import json
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from tandem.api import Api, ApiError, error_of
from tandem.commands.apply import changes
from tandem.commands.chat import piece_of
from tandem.commands.doctor import clock, folder, fullness
from tandem.commands.events import describe, render
from tandem.commands.inbox import InboxSession
from tandem.connection import find
from tandem.declared import read_declared
from tandem.desk import Desk, list_view, ticket_view, waited
from tandem.errors import CommandError
from tandem.settings import CliSettings

EVENT_ID = "01936f0c-0000-7000-8000-000000000001"


def shown(renderable):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(renderable)
    console.file.close()
    return console.export_text()


def ticket(**changed):
    return {
        "id": EVENT_ID,
        "state": "waiting",
        "rev": 3,
        "platform": "webchat",
        "bot": "support",
        "conversation_id": "a" * 20,
        "user": {"id": "7", "name": "Ann"},
        "questions": [{"time": "2026-11-21T02:33:00.000Z", "text": "Is [bold]anybody[/] there?"}],
        "parts": [],
        "notes": [],
        "opened_at": "2026-11-21T02:33:00.000Z",
        **changed,
    }


class Gateway:
    """A gateway that has one ticket and remembers what it was asked."""

    url = ""

    def __init__(self):
        self.asked = []
        self.app = web.Application()
        self.app.router.add_get("/api/v1/tickets", self.tickets)
        self.app.router.add_get("/api/v1/tickets/{id}", self.ticket)
        self.app.router.add_post("/api/v1/tickets/{id}/{op}", self.act)

    async def tickets(self, request):
        if "cursor" in request.query:
            return web.json_response({"items": [ticket(bot="second")], "next": None})
        return web.json_response({"items": [ticket()], "next": "2"})

    async def ticket(self, _):
        return web.json_response(ticket())

    async def act(self, request):
        self.asked.append((request.match_info["op"], await request.json()))
        if request.match_info["op"] == "close":
            error = {"code": "conflict", "message": "Bob was faster", "field": "rev"}
            return web.json_response({"error": error}, status=409)
        return web.json_response(ticket(rev=4, state="answered"))


@pytest.fixture
async def gateway():
    fake = Gateway()
    async with TestServer(fake.app) as server:
        fake.url = str(server.make_url("/"))
        yield fake


class TestApi:
    async def test_reads_every_page(self, gateway):
        async with Api(gateway.url, "key") as api:
            assert [t["bot"] for t in await api.items("/api/v1/tickets")] == ["support", "second"]

    async def test_a_refusal_is_one_line(self, gateway):
        async with Api(gateway.url, "key") as api:
            with pytest.raises(ApiError, match=r"^conflict: Bob was faster \(rev\)$"):
                await Desk(api).close(ticket(), "")

    async def test_nobody_there_is_one_line(self):
        async with Api("http://127.0.0.1:9", "key") as api:
            with pytest.raises(CommandError, match="does not answer"):
                await api.get("/api/v1/bots")

    @pytest.mark.parametrize("text", ["", "<html>", '{"error": "x"}', "[]"])
    def test_an_answer_that_is_no_error_object_is_said_by_its_status(self, text):
        assert error_of(502, text, "application/json").message == "the gateway answered 502"


class TestInbox:
    async def test_what_is_typed_answers_the_question(self, gateway):
        async with Api(gateway.url, "key") as api:
            session = InboxSession(Desk(api), Console(quiet=True))
            await session.refresh()
            for line in ("1", "hello there", "/part one moment", "/note a friend"):
                assert await session.obey(line)
        ops = [op for op, _ in gateway.asked]
        bodies = [body for _, body in gateway.asked]
        assert ops == ["reply", "reply", "note"]
        assert [body.get("final") for body in bodies] == [True, False, None]
        assert [body["text"] for body in bodies] == ["hello there", "one moment", "a friend"]
        assert [body.get("expected_rev") for body in bodies[:2]] == [3, 4]

    async def test_a_slip_is_said_and_sends_nothing(self, gateway):
        async with Api(gateway.url, "key") as api:
            session = InboxSession(Desk(api), Console(quiet=True))
            await session.refresh()
            for line in ("1", "/prat typo", "/part"):
                assert await session.obey(line)
        assert gateway.asked == []

    def test_shows_what_users_wrote_as_they_wrote_it(self):
        assert "Is [bold]anybody[/] there?" in shown(ticket_view(ticket(), []))
        assert "Is [bold]anybody[/] there?" in shown(list_view([ticket()]))

    def test_an_empty_list_says_so(self):
        assert "nobody is waiting" in shown(list_view([]))

    @pytest.mark.parametrize(("minutes", "said"), [(0, "0 s"), (5, "5 min"), (125, "2 h 5 min")])
    def test_says_how_long_one_waits(self, minutes, said):
        now = datetime(2026, 11, 21, 2 + (33 + minutes) // 60, (33 + minutes) % 60, tzinfo=UTC)
        assert waited(ticket(), now) == said


class TestEvents:
    def test_a_message_tells_who_said_what_where(self):
        event = {
            "id": EVENT_ID,
            "type": "message.received",
            "time": "2026-11-21T02:33:12.123Z",
            "platform": "webchat",
            "bot": "support",
            "dedupe_key": "1",
            "actor": {"id": "7", "name": "Ann"},
            "message": {"id": "9", "components": [{"kind": "text", "text": "hi\nthere"}]},
        }
        subject = "evt.webchat.support.message.received.abcdefghijkl"
        text = render(subject, describe(subject, json.dumps(event).encode())).plain
        assert "webchat/support/abcdefgh " in text
        assert "message.received" in text
        assert text.endswith("Ann: hi ⏎ there")

    def test_a_turn_tells_what_was_said(self):
        final = {
            "kind": "final",
            "turn": EVENT_ID,
            "n": 4,
            "time": "2026-11-21T02:33:12.123Z",
            "author": {"kind": "human", "name": "Bo"},
            "text": "done",
        }
        line = describe(f"turn.{EVENT_ID}.final", json.dumps(final).encode())
        assert (line.what, line.who, line.text) == ("final", "Bo", "done")

    @pytest.mark.parametrize("subject", ["evt.a.b.c.d.e", "out.a.b.c", "turn.a.b", "x", "out.x"])
    def test_what_is_not_understood_is_shown_as_it_is(self, subject):
        assert describe(subject, b"\xff raw").text.endswith("raw")


class TestChat:
    def test_a_chunk_adds_its_text(self):
        assert piece_of('{"choices": [{"delta": {"content": "hi"}}]}') == "hi"

    @pytest.mark.parametrize("block", ["[DONE]", '{"choices": []}', '{"choices": [{"delta": {}}]}'])
    def test_other_chunks_add_nothing(self, block):
        assert piece_of(block) == ""

    def test_an_error_in_the_stream_is_said(self):
        with pytest.raises(CommandError, match="too long"):
            piece_of('{"error": {"message": "too long"}}')


class TestApply:
    def test_shows_each_difference(self):
        result = {
            "applied": True,
            "changes": [
                {"kind": "bot", "id": "a", "action": "create", "fields": []},
                {"kind": "rules", "id": "b", "action": "update", "fields": ["welcome"]},
            ],
        }
        lines = changes(result)
        assert lines[0] == "[green]+ bot a[/]"
        assert lines[1] == "[yellow]~ rules b: welcome[/]"
        assert lines[2] == "2 changes applied"

    def test_a_dry_run_says_that_nothing_was_done(self):
        change = {"kind": "bot", "id": "a", "action": "delete"}
        assert (
            changes({"applied": False, "changes": [change]})[-1] == "1 change not applied (dry run)"
        )

    def test_says_when_nothing_differs(self):
        assert changes({"changes": [], "unchanged": 3}) == ["nothing to change, 3 as declared"]

    @pytest.mark.parametrize(
        ("text", "why"), [("a: [", "line 1"), ("- a", "names and values"), ("", "names and values")]
    )
    def test_an_unreadable_file_is_named_with_the_reason(self, tmp_path, text, why):
        file = tmp_path / "tandem.yaml"
        file.write_text(text)
        with pytest.raises(CommandError, match=why):
            read_declared(file)


class TestDoctor:
    def test_finds_a_folder_others_may_read(self, tmp_path):
        tmp_path.chmod(0o755)
        assert folder(tmp_path).mend == f"chmod 700 {tmp_path}"

    def test_finds_a_stream_that_is_nearly_full(self):
        assert fullness("EVENTS", 90, 100).level == "warning"
        assert fullness("EVENTS", 10, 100).level == "ok"
        assert fullness("EVENTS", 10, -1).level == "ok"

    def test_a_clock_ahead_of_the_files_is_fine(self, tmp_path):
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "nats.log").write_text("")
        assert clock(tmp_path).level == "ok"


class TestConnection:
    def test_the_environment_wins(self, tmp_path):
        settings = CliSettings.read({"TANDEM_URL": "http://h/", "TANDEM_API_KEY": "k"})
        assert find(tmp_path, settings).gateway == "http://h"

    def test_no_house_is_a_sentence_with_a_way_out(self, tmp_path):
        with pytest.raises(CommandError) as missing:
            find(tmp_path, CliSettings())
        assert "tandem up" in missing.value.hint
