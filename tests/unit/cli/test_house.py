"""The parts of `tandem up` that need no server."""

import json
import os
import socket
import stat

import pytest

from tandem.errors import CommandError
from tandem.house import credentials, lock
from tandem.house.bots import needed
from tandem.house.files import read_json, write_json
from tandem.house.ports import ADAPTERS, Ports, is_free, require_free
from tandem.house.process import LOG_LIMIT_BYTES, shorten
from tandem.house.programs import House, adapter, gateway, services
from tandem.house.ready import ReadyFiles, facts
from tandem.house.screen import curl
from tandem.settings import CliSettings
from tandem.strings import STRINGS, hint
from tests.ports import free_base


@pytest.fixture
def house(tmp_path):
    return House(tmp_path, Ports(8400), credentials.ensure(tmp_path), environ={})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestPorts:
    def test_follow_the_base(self):
        ports = Ports(9000)
        assert (ports.gateway, ports.nats, ports.temporal) == (9000, 9001, 9003)
        assert (ports.adapter("webchat"), ports.adapter("onebot")) == (9020, 9021)

    def test_are_all_different(self):
        named = Ports(9000).named()
        assert len(set(named.values())) == len(named)

    @pytest.mark.parametrize("base", [0, 80, 65535])
    def test_a_base_without_room_is_refused(self, base):
        with pytest.raises(CommandError, match="out of range"):
            Ports(base)

    def test_a_taken_port_is_named_with_its_owner_and_a_way_out(self):
        base = free_base()
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", base + 3))
            squatter.listen()
            with pytest.raises(CommandError) as refused:
                require_free(Ports(base))
        assert f"{base + 3} (temporal)" in refused.value.message
        assert "--port-base" in refused.value.hint

    def test_a_port_just_closed_is_free(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as client:
                accepted, _ = server.accept()
                accepted.close()  # this side closes first: the port goes to TIME_WAIT
                client.recv(1)
        assert is_free(port)


class TestFiles:
    def test_are_private_and_leave_no_draft(self, tmp_path):
        write_json(tmp_path / "a.json", {"a": 1})
        assert mode(tmp_path / "a.json") == 0o600
        assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]

    def test_an_absent_one_is_empty(self, tmp_path):
        assert read_json(tmp_path / "a.json") == {}

    @pytest.mark.parametrize("text", ["{", "[]"])
    def test_a_broken_one_is_named(self, tmp_path, text):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(CommandError, match=r"a\.json"):
            read_json(tmp_path / "a.json")

    def test_a_long_log_is_kept_aside_and_stays_the_same_file(self, tmp_path):
        log = tmp_path / "a.log"
        log.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
        with log.open("ab") as writer:
            shorten(log)
            writer.write(b"more")
        assert log.read_bytes() == b"more"
        assert (tmp_path / "a.log.1").stat().st_size == LOG_LIMIT_BYTES


class TestCredentials:
    def test_are_made_once(self, tmp_path):
        assert credentials.ensure(tmp_path) == credentials.ensure(tmp_path)

    def test_are_private(self, tmp_path):
        made = credentials.ensure(tmp_path)
        files = [tmp_path / "bootstrap.json", tmp_path / "secret.key", *made.nkey_files.values()]
        assert {mode(file) for file in files} == {0o600}
        assert mode(tmp_path / "nats" / "keys") == 0o700

    def test_keys_have_their_prefix_and_length(self):
        key = credentials.new_api_key()
        assert key.startswith("tdm_")
        assert len(key) == len("tdm_") + 40


class TestLock:
    def test_a_second_house_on_the_same_folder_is_refused(self, tmp_path):
        with (
            lock.hold(tmp_path),
            pytest.raises(CommandError, match=f"process {os.getpid()}"),
            lock.hold(tmp_path),
        ):
            pass

    def test_is_free_again_afterwards(self, tmp_path):
        with lock.hold(tmp_path):
            assert lock.holder(tmp_path) == os.getpid()
        assert lock.holder(tmp_path) is None


class TestPrograms:
    def test_each_service_has_its_own_user_and_key(self, house):
        programs = [*services(house), gateway(house), *(adapter(house, p) for p in ADAPTERS)]
        users = {program.env["TANDEM_NATS_USER"] for program in programs}
        files = {program.env["TANDEM_NATS_NKEY_FILE"] for program in programs}
        assert len(users) == len(files) == len(programs)

    def test_only_the_gateway_gets_the_first_keys(self, house):
        first = set(vars(house.credentials.bootstrap).values())
        others = [*services(house), *(adapter(house, p) for p in ADAPTERS)]
        assert all(first.isdisjoint(program.env.values()) for program in others)
        assert first <= set(gateway(house).env.values())

    def test_a_database_of_the_environment_wins(self, tmp_path):
        environ = {"TANDEM_RELAY_DATABASE_URL": "postgresql+asyncpg://db/tandem"}
        house = House(tmp_path, Ports(8400), credentials.ensure(tmp_path), environ)
        env = {program.name: program.env for program in services(house)}
        assert env["relay"]["TANDEM_RELAY_DATABASE_URL"] == "postgresql+asyncpg://db/tandem"
        assert env["router"]["TANDEM_ROUTER_DATABASE_URL"].startswith("sqlite+aiosqlite:////")


class TestBots:
    def test_an_enabled_bot_needs_its_adapter(self):
        bots = {
            "bot.webchat.a": b'{"enabled": true}',
            "bot.onebot.b": b'{"enabled": false}',
            "bot.openai.echo": b'{"enabled": true}',
        }
        assert needed(bots) == {"webchat"}

    @pytest.mark.parametrize("value", [None, b"", b"[]", b"null", b"\xff"])
    def test_what_is_gone_or_unreadable_needs_none(self, value):
        assert needed({"bot.webchat.a": value}) == frozenset()


class TestReady:
    def test_says_what_scripts_rely_on(self, house):
        assert set(facts(house)) == {
            "gateway",
            "console",
            "nats",
            "temporal",
            "admin_key",
            "api_key",
            "owner_link",
            "onebot",
        }
        told = facts(house)["onebot"]["reverse_ws"]
        assert told == "ws://127.0.0.1:8421/onebot/v11/onebot-demo/ws"

    def test_is_written_privately_and_removed(self, house, tmp_path):
        asked = tmp_path / "deep" / "ready.json"
        files = ReadyFiles(tmp_path, asked)
        files.write(house)
        assert json.loads(asked.read_text()) == facts(house)
        assert mode(asked) == 0o600
        files.remove()
        assert not asked.exists()
        assert not files.written

    def test_the_command_shown_carries_the_key(self):
        assert "Authorization: Bearer tdm_x" in curl("http://h", "tdm_x")


class TestStrings:
    def test_every_sentence_exists_in_every_language(self):
        assert all(set(entry) == {"en", "zh"} and all(entry.values()) for entry in STRINGS.values())

    def test_chinese_comes_after_english(self):
        assert hint("ready", "zh").startswith(hint("ready", "en"))

    @pytest.mark.parametrize(
        ("env", "language"),
        [
            ({}, "en"),
            ({"LANG": "zh_CN.UTF-8"}, "zh"),
            ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
            ({"LC_MESSAGES": "zh_TW"}, "zh"),
        ],
    )
    def test_the_locale_chooses(self, env, language):
        assert CliSettings.read(env).language == language
