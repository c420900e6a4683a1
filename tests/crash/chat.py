"""People who chat whatever becomes of the servers, and write down what was confirmed to them and what they heard.

Somebody knows that he has said something when it comes back to him with an id; else he goes on to the next thing, and
never knows. Who loses his socket opens another one, at whatever server there is. Knows no store.
"""

import asyncio
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.crash.client import HttpClient, NoAnswer
from tests.crash.processes import ServerProcess

__all__ = ["ChatCrowd", "Talker"]

HOST: Final = "127.0.0.1"
PASSWORD: Final = "123456"
CONFIRMED_S_MAX: Final = 4.0
"""Longer than a store may take to answer."""

CONNECTED_S_MAX: Final = 5.0
AGAIN_S: Final = 0.1
AHEAD_S: Final = 0.1


class Talker:
    """One person with one telephone."""

    def __init__(self, crowd: "ChatCrowd", name: str, number: int) -> None:
        self.crowd = crowd
        self.name = name
        self.address = f"127.0.1.{number + 1}"
        self.id = ""
        self.atoken = ""
        self.heard: list[dict[str, Any]] = []
        self.confirmed: dict[str, tuple[str, str]] = {}
        """Confirmed messages: by id, to whom or what, and the text."""
        self.said: dict[str, str] = {}
        """All texts he ever tried to say, and to whom or what."""
        self.events: Counter[str] = Counter()
        self._waited_for: dict[str, asyncio.Future[str]] = {}
        self._socket: WebSocketClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- coming in -------------------------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, fields: dict[str, object] | None = None) -> Any:
        """The ``data`` of an answer that must be a success, from any server that answers."""
        while True:
            server = self.crowd.some_server()
            http = HttpClient(partial(getattr, server, "http_port"), address=self.address)
            headers = {"Authorization": f"Bearer {self.atoken}"} if self.atoken else {}
            with suppress(NoAnswer):
                try:
                    answer = await (
                        http.get(path, headers=headers)
                        if method == "GET"
                        else http.post(path, fields or {}, headers=headers)
                    )
                finally:
                    await http.close()
                if answer.data["code"] in (20000, 10013):
                    return answer.data["data"]
                assert answer.data["code"] in (60001, 60004), answer
            await asyncio.sleep(AGAIN_S)

    async def come_in(self) -> None:
        """A code by mail, and an account."""
        email = f"{self.name}@example.com"
        await self.ask("POST", "/api/login/send-code", {"email": email})
        code = await self.crowd.mailed(email)
        account: dict[str, object] = {"email": email, "password": PASSWORD, "username": self.name, "code": code}
        self.atoken = (await self.ask("POST", "/api/login/register", account))["atoken"]
        self.id = (await self.ask("GET", "/api/user/get-my-info"))["id"]

    def stay(self) -> None:
        """Have a socket from now on."""
        self._tasks.append(asyncio.create_task(self._listen(), name=f"{self.name} listens"))

    def talk(self) -> None:
        """Say something now and then."""
        self._tasks.append(asyncio.create_task(self._talk(), name=f"{self.name} talks"))

    async def go(self) -> None:
        """Neither any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.cut()

    def cut(self) -> None:
        """Lose the socket, if there is one."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    @property
    def is_there(self) -> bool:
        """Whether he has a socket."""
        return self._socket is not None

    def check(self) -> None:
        """Raise what he died of, if he did."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    # --- what he does ----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            await self._one_socket()
            self.cut()
            await asyncio.sleep(AGAIN_S)

    async def _one_socket(self) -> None:
        server = self.crowd.some_server()
        if not server.http_port:
            return
        address = f"ws://{HOST}:{server.http_port}/ws?token={self.atoken}"
        try:
            async with asyncio.timeout(CONNECTED_S_MAX):
                request = HTTPRequest(address, connect_timeout=CONNECTED_S_MAX)
                socket = await websocket_connect(request)
        except Exception:  # noqa: BLE001 - whatever a dying server does to a handshake
            self.events["not connected"] += 1
            return
        self._socket = socket
        self.events["connected"] += 1
        # What the connection speaks from now on.
        with suppress(Exception):
            await socket.write_message(json.dumps({"type": "history", "content": '{"count": 1, "to_type": "all"}'}))
        while (frame := await socket.read_message()) is not None:
            told = json.loads(frame)
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        if told["type"] == "error":
            self.events[f"error {told['error']}"] += 1
        if told["type"] != "chat":
            return
        self.heard.append(told)
        waiting = self._waited_for.pop(told["content"], None)
        if told["user_id"] == self.id and waiting is not None and not waiting.done():
            waiting.set_result(told["id"])

    async def _talk(self) -> None:
        chance = random.Random(self.name)
        number = 0
        while True:
            await asyncio.sleep(chance.uniform(0.2, 0.8))
            await self.crowd.may_talk.wait()
            if self._socket is None:
                continue
            number += 1
            to_type, to = chance.choice(self.crowd.targets_of(self))
            await self._say(to_type, to, f"{self.name} {number}")

    async def _say(self, to_type: str, to: str, text: str) -> None:
        self.said[text] = to
        waiting = self._waited_for[text] = asyncio.get_running_loop().create_future()
        content = json.dumps({"content": text, "to_type": to_type, "to": to})
        self.crowd.talking_count += 1
        try:
            assert self._socket is not None
            async with asyncio.timeout(CONFIRMED_S_MAX):
                await self._socket.write_message(json.dumps({"type": "chat", "content": content}))
                self.confirmed[await waiting] = (to, text)
        except Exception:  # noqa: BLE001 - a socket that dies says so in many ways
            self.events["unconfirmed"] += 1
        finally:
            self.crowd.talking_count -= 1
            self._waited_for.pop(text, None)


class ChatCrowd:
    """Three people, all of them friends and in one group; ``servers`` are where they go."""

    def __init__(self, servers: Sequence[ServerProcess], *, seed: int = 0) -> None:
        self.servers = servers
        self.may_talk = asyncio.Event()
        self.talking_count = 0
        self.group_id = ""
        self.talkers: list[Talker] = []
        self._chance = random.Random(seed)

    def some_server(self) -> ServerProcess:
        """One that runs, as far as anybody knows."""
        running = [server for server in self.servers if server.http_port] or list(self.servers)
        return self._chance.choice(running)

    async def mailed(self, email: str) -> str:
        """The code of the mail to ``email``."""
        async with asyncio.timeout(10):
            while not (code := _code_in([server.data_dir / "mail" for server in self.servers], email)):
                await asyncio.sleep(AGAIN_S)
        return code

    def targets_of(self, talker: Talker) -> list[tuple[str, str]]:
        """Whom he talks to: the others, and twice as often the group."""
        return [("user", other.id) for other in self.talkers if other is not talker] + [("group", self.group_id)] * 4

    async def begin(self, names: Sequence[str]) -> None:
        """Everybody comes, and begins to talk."""
        self.talkers = [Talker(self, name, number) for number, name in enumerate(names)]
        for talker in self.talkers:
            await talker.come_in()
        first = self.talkers[0]
        made = await first.ask("POST", "/api/contact/create-community", {"name": "everybody"})
        self.group_id = made["id"]
        for place, talker in enumerate(self.talkers):
            if talker is not first:
                await talker.ask("POST", "/api/contact/join-community", {"community_id": self.group_id})
            for other in self.talkers[:place]:
                await talker.ask("POST", "/api/contact/add-friend", {"username": other.name})
        for talker in self.talkers:
            talker.stay()
        await self.all_there()
        self.may_talk.set()
        for talker in self.talkers:
            talker.talk()

    async def all_there(self, deadline_s: float = 30.0) -> None:
        """Everybody has a socket.

        Raises: TimeoutError.
        """
        async with asyncio.timeout(deadline_s):
            while not all(talker.is_there for talker in self.talkers):
                await asyncio.sleep(AGAIN_S)

    async def close(self) -> None:
        """Everybody goes."""
        await asyncio.gather(*(talker.go() for talker in self.talkers))

    async def hush(self, deadline_s: float) -> None:
        """Nobody begins anything, and all that was confirmed gets to everybody, or time is up."""
        self.may_talk.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while self.talking_count or self.missing():
                    self.check()
                    await asyncio.sleep(AHEAD_S)

    def check(self) -> None:
        """Raise what somebody died of."""
        for talker in self.talkers:
            talker.check()

    # --- what has to hold ------------------------------------------------------------------------------------------

    def hearers_of(self, speaker: Talker, to: str) -> list[Talker]:
        """Whom that concerns."""
        return [one for one in self.talkers if to == self.group_id or one is speaker or one.id == to]

    def missing(self) -> list[str]:
        """What was confirmed, and not heard by somebody whom it concerns."""
        heard = {talker.name: {told["id"] for told in talker.heard} for talker in self.talkers}
        return [
            f"{text} was not heard by {hearer.name}"
            for speaker in self.talkers
            for message_id, (to, text) in speaker.confirmed.items()
            for hearer in self.hearers_of(speaker, to)
            if message_id not in heard[hearer.name]
        ]

    def findings(self) -> list[str]:
        """What was heard and should not have been, or not in that order."""
        by_id = {talker.id: talker for talker in self.talkers}
        found: list[str] = []
        for hearer in self.talkers:
            order: dict[str, list[int]] = defaultdict(list)
            known: dict[str, tuple[str, str]] = {}
            for told in hearer.heard:
                speaker, text, to = by_id[told["user_id"]], told["content"], told["to"]
                if speaker.said.get(text) != to:
                    found.append(f"{hearer.name} heard {text!r}, which {speaker.name} did not say to {to}")
                if hearer not in self.hearers_of(speaker, to):
                    found.append(f"{hearer.name} heard {text!r}, which was said to {to}")
                if known.setdefault(told["id"], (text, to)) != (text, to):
                    found.append(f"{hearer.name} heard two messages of one id: {told['id']}")
                talk = self.group_id if to == self.group_id else "-".join(sorted((told["user_id"], to)))
                if int(told["id"]) not in order[talk]:
                    order[talk].append(int(told["id"]))
            found += [
                f"{hearer.name} heard {talk} in another order" for talk, ids in order.items() if ids != sorted(ids)
            ]
        return found

    @property
    def heard_count(self) -> int:
        """How often anything was heard."""
        return sum(len(talker.heard) for talker in self.talkers)

    @property
    def heard_again_count(self) -> int:
        """How often of that not for the first time."""
        return self.heard_count - sum(len({told["id"] for told in talker.heard}) for talker in self.talkers)

    @property
    def confirmed_count(self) -> int:
        """How many messages were confirmed."""
        return sum(len(talker.confirmed) for talker in self.talkers)


def _code_in(folders: Sequence[Path], email: str) -> str:
    for mail in (mail for folder in folders for mail in folder.glob("*.eml")):
        said = mail.read_text("utf-8", "replace")
        found = re.search(r"(?<![0-9])([0-9]{6})(?![0-9])", said.partition("\n\n")[2])
        if email in said and found is not None:
            return found[1]
    return ""
