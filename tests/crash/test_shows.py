"""A server with a show on air is killed while people talk: the show goes on, and what was acknowledged is there once.

Source: F-1, INV-14, INV-19, INV-23, SITE-37, SITE-47, SITE-48.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Final, Self

import pytest
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from tests.crash.client import HttpClient, NoAnswer
from tests.crash.processes import ServerProcess, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

KILLS: Final = 4
LIFE_S: Final = 1.0
PASSWORD: Final = "diamonds 960 for me"
LINE_S: Final = 1.1
"""Nobody says more than five lines in five seconds."""

TALKERS: Final = 4
BACK_S_MAX: Final = 10.0
NOT_NOW: Final = {"STORE_UNAVAILABLE", "SESSION_ENDED", "DEADLINE_PASSED", "DRAINING", "NOT_FOUND"}
"""``NOT_FOUND``: the line was said before the server had the show again."""


class Site:
    """The people of one show, over any number of lives of the server."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.http = HttpClient(lambda: server.http_port)
        self.uid = ""
        self.headers: dict[str, str] = {}
        self.acknowledged: list[str] = []
        self.connections: list[WebSocketClientConnection] = []

    async def __aenter__(self) -> Self:
        told = await self.ask("/api/users/register/", {"username": "jliu", "handle": "jliu", "password": PASSWORD})
        self.uid = told["data"]["uid"]
        self.headers = {"Authorization": f"Bearer {told['data']['access_token']}"}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        for connection in self.connections:
            connection.close()
            while await connection.read_message() is not None:
                pass

    @property
    def room(self) -> str:
        return f"{self.uid}_Tina"

    async def ask(self, path: str, fields: dict[str, object]) -> Any:
        """Ask until there is an answer."""
        while True:
            try:
                answer = await self.http.post(path, fields, headers=self.headers)
            except NoAnswer:
                await asyncio.sleep(0.05)
                continue
            if answer.status != 503:
                assert answer.status == 200, answer
                return answer.data

    async def look(self, path: str) -> Any:
        answer = await self.http.get(f"{path}?room_id={self.room}")
        assert answer.status == 200, answer
        return answer.data["data"]

    async def live_num(self) -> int:
        (live,) = (await self.look("/api/live/get_all_lives"))["lives_info"]
        return int(live["live_num"])

    async def viewer(self, cookie: str) -> WebSocketClientConnection:
        """A guest's socket."""
        address = f"ws://127.0.0.1:{self.server.http_port}/ws/chat/{self.room}/"
        headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self.server.http_port}"}
        connection = await websocket_connect(HTTPRequest(address, headers=headers, connect_timeout=5))
        self.connections.append(connection)
        return connection

    async def guest(self) -> str:
        """The cookie of a new guest."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.http_port)
        writer.write(b"GET /api/users/is_logged_in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
        return head.partition("Set-Cookie: ")[2].partition(";")[0]

    async def say(self, connection: WebSocketClientConnection, words: str) -> Any:
        """What is answered to a line, whatever else is told meanwhile; None when nothing is any more."""
        await connection.write_message(json.dumps({"user_message": words}))
        while (frame := await connection.read_message()) is not None:
            told = json.loads(frame)
            if told.get("type") == "reply" or "error" in told:
                return told
        return None

    def hang_up(self, connection: WebSocketClientConnection | None) -> None:
        """Forget a connection that is dead."""
        if connection is not None:
            self.connections.remove(connection)
            connection.close()

    async def talk(self, cookie: str, name: str) -> None:
        """Say one line after another, each again until it is acknowledged, over whatever connection there is."""
        number, connection = 0, None
        while True:
            told = None
            try:
                connection = connection or await self.viewer(cookie)
                told = await self.say(connection, f"{name} {number}")
            except (OSError, HTTPError, WebSocketError):
                pass  # The server is away.
            if told is None:
                self.hang_up(connection)
                connection = None
            if told is None or "error" in told:
                assert told is None or told["error_code"] in NOT_NOW, told
                await asyncio.sleep(0.05)
                continue
            self.acknowledged.append(f"{name} {number}")
            number += 1
            await asyncio.sleep(LINE_S)


@pytest.mark.real_loop(deadline_s=240)
async def test_what_was_acknowledged_is_there_once_and_the_show_goes_on(tmp_path: Path):
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, site__viewer_lines_shown=1_000) as server,
    ):
        await server.start()
        async with Site(server) as site:
            show: dict[str, object] = {"uid": site.uid, "character_name": "Tina", "live_status": "start"}
            await site.ask("/api/live/change_live_status/", show)
            guests = [await site.guest() for _ in range(TALKERS + 1)]
            silent = await site.viewer(guests[-1])
            await silent.write_message(json.dumps({"user_message": "once"}))
            while "chat_user_message" not in (frame := str(await silent.read_message())):
                pass
            guest_id = json.loads(frame)["data"]["guest_id"]
            mute: dict[str, object] = {"room_id": site.room, "user_id": guest_id, "muted": "true"}
            await site.ask("/api/live/mute_user/", mute)

            talkers = [
                asyncio.create_task(site.talk(cookie, name)) for cookie, name in zip(guests, "abcd", strict=False)
            ]
            for life in range(KILLS):
                await asyncio.sleep(LIFE_S + 0.3 * life)
                await server.kill()
                await server.start()
                await site.ask(
                    "/api/chat/chat_data/",
                    {
                        "uid": site.uid,
                        "username": "jliu",
                        "character_name": "Tina",
                        "data": json.dumps({"is_user": True, "mes": f"life {life}", "send_date": str(life)}),
                    },
                )
            async with asyncio.timeout(BACK_S_MAX):
                while await site.live_num() != TALKERS:
                    await asyncio.sleep(0.1)
            for talker in talkers:
                assert not talker.done(), talker.exception()
                talker.cancel()
            await asyncio.gather(*talkers, return_exceptions=True)

            lines = [one["user_message"] for one in (await site.look("/api/live/get_user_chat_history"))["chat_info"]]
            spoken = (await site.look("/api/live/get_live_chat_history"))["chat_info"]
            again = await site.viewer(guests[-1])
            refused = await site.say(again, "hello")

    assert len(site.acknowledged) >= TALKERS * KILLS
    assert [words for words in site.acknowledged if lines.count(words) != 1] == []
    assert len(set(lines)) == len(lines)
    assert [one["live_message"] for one in spoken] == [f"life {life}" for life in range(KILLS)]
    assert refused == {"error": "You are muted"}
