"""Everything that an evening on the website needs, in processes of their own, and people with browsers.

A real ``server.py run`` with stores of its own, a real OpenID provider in Google's place, a payment provider's stand-in
that signs like the real one, a website of another origin, and Chromium. Each person has a browser context of his own:
cookies, storage, nothing of anybody else's. Nothing here reaches beyond loopback: browsers can resolve no name.
"""

import asyncio
import json
import os
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from unittest import mock

import tornado.web
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright, expect
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from tests.crash.processes import HERE, ServerProcess
from tests.support.crypto_stand_in import API_KEY, IPN_SECRET
from tests.support.installed import found, require_packages
from tests.support.oidc_provider import running_provider

__all__ = ["Evening", "evening", "require_browser"]

PAGES: Final = {"/": "website.html", "/app": "app.html"}
DEADLINE_MS: Final = 15_000
START_S_MAX: Final = 20.0
GONE_S_MAX: Final = 10.0
NO_NAMES: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""Whatever a page, or the browser for itself, asks for elsewhere is not found."""


def require_browser() -> None:
    """Skip where Chromium is not installed; on CI that is a failure."""
    require_packages({"chromium": found("chromium")})


class Evening:
    """What is there, and the verbs of those who stand around the people."""

    server: ServerProcess

    def __init__(self, *, website: str, foreign_port: int, crypto: str, browser: Browser) -> None:
        self.website = website
        self._foreign_port = foreign_port
        self._crypto = crypto
        self._browser = browser
        self._http = AsyncHTTPClient(force_instance=True)
        self.mistakes: list[str] = []
        """What scripts of pages have thrown and nobody caught."""

    @property
    def api(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.server.http_port}"

    async def stranger(self) -> BrowserContext:
        """The browser of somebody who has never been here."""
        context = await self._browser.new_context()
        context.set_default_timeout(DEADLINE_MS)
        context.on("weberror", lambda error: self.mistakes.append(str(error.error)))
        return context

    async def visitor(self, path: str = "") -> Page:
        """Somebody new opens the website, or a page of it."""
        page = await (await self.stranger()).new_page()
        await page.goto(self.website + path)
        return page

    def mailed_to(self, address: str) -> str:
        """What was mailed to somebody last."""
        mails = [file.read_text("utf-8") for file in sorted((self.server.data_dir / "mail").iterdir())]
        return [mail for mail in mails if address in mail][-1]

    def elsewhere(self, host: str) -> str:
        """A page of somebody else, at a name of this machine."""
        return f"http://{host}:{self._foreign_port}/"

    def requests(self) -> list[dict[str, Any]]:
        """What the server's log says of requests, in the order of their ends."""
        lines = [json.loads(line) for line in self.server.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "http_request"]

    async def number_of(self, name: str) -> str:
        """What operators know somebody by."""
        (person,) = (await self.greenroom("users", "find", name))["users"]
        return str(person["id"])

    async def pay(self, order_id: str, *statuses: str) -> None:
        """Somebody pays, and the provider says so, and is believed."""
        wish = json.dumps({"order_id": order_id, "statuses": statuses})
        answer = await self._http.fetch(f"{self._crypto}/drive", method="POST", body=wish)
        assert json.loads(answer.body) == {"codes": [200] * len(statuses)}

    async def greenroom(self, *words: str) -> Any:
        """What an operator is told who types this; as JSON."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(HERE / "server.py"), *words, "--json", "--data-dir", str(self.server.data_dir)),
            stdout=PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, (words, said)
        return json.loads(said)

    def close(self) -> None:
        self._http.close()


@asynccontextmanager
async def evening(folder: Path) -> AsyncIterator[Evening]:
    """An evening, over when the block ends; nothing of it is left but ``folder``."""
    require_browser()
    (ours, website_port), (theirs, foreign_port), (free, port) = (bind_unused_port() for _ in range(3))
    free.close()
    website = f"http://127.0.0.1:{website_port}/"
    api = f"http://127.0.0.1:{port}"
    texts = {path: Path(__file__).with_name(name).read_text("utf-8") for path, name in PAGES.items()}
    pages = {path: text.replace('"API_ADDRESS"', f'"{api}"') for path, text in texts.items()}
    # Of another site than we are, as Google is: localhost is no 127.0.0.1 to a browser's cookies.
    with leaving_no_process(folder), running_provider(folder) as provider:
        async with (
            serving(ours, pages),
            serving(theirs, {"/": "<!doctype html><title>Somebody else's</title>"}),
            payment_provider() as crypto,
            async_playwright() as playwright,
            chromium(playwright) as browser,
            ServerProcess(
                folder / "server",
                port=port,
                http__origins=json.dumps([website.rstrip("/")]),
                google__stand_in=False,
                google__client_id="greenroom",
                google__client_secret="any",
                google__callback_url=f"{api}/api/users/google_oauth2_callback/",
                google__home_url=website,
                google__issuer=provider,
                google__authorize_url=f"{provider.replace('127.0.0.1', 'localhost')}/oauth2/authorize",
                google__token_url=f"{provider}/oauth2/token",
                google__keys_url=f"{provider}/jwks",
                nowpayments__stand_in=False,
                nowpayments__api_key=API_KEY,
                nowpayments__ipn_secret=IPN_SECRET,
                nowpayments__base_url=f"{crypto}/v1",
                nowpayments__callback_url=f"{api}/api/payment/payment_callback/",
            ) as server,
        ):
            tonight = Evening(website=website, foreign_port=foreign_port, crypto=crypto, browser=browser)
            tonight.server = server
            try:
                await server.start()
                yield tonight
                assert tonight.mistakes == []
                assert [line for line in server.log.splitlines() if '"level": "error"' in line] == []
                assert await server.stop() == 0
            finally:
                tonight.close()


@contextmanager
def leaving_no_process(folder: Path) -> Iterator[None]:
    """Whatever is started in here keeps what it has in ``folder``, and is gone a moment afterwards."""
    with mock.patch.dict(os.environ, TMPDIR=str(folder)):
        yield
    deadline_s = time.monotonic() + GONE_S_MAX
    while left := processes_of(folder):
        assert time.monotonic() < deadline_s, left
        time.sleep(0.02)


def processes_of(folder: Path) -> list[str]:
    """What runs that was started in there."""
    mark, running = os.fsencode(f"TMPDIR={folder}\0"), []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes():
                running.append((process / "cmdline").read_bytes().decode("utf-8", "replace"))
    return running


@asynccontextmanager
async def payment_provider() -> AsyncIterator[str]:
    """Where the payment provider's stand-in listens, a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.crypto_stand_in", "--port", "0"), cwd=HERE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            said = (await process.stdout.readline()).decode()
        yield said.strip().removesuffix("/v1")
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    """The machine's own Chromium; nothing is downloaded."""
    expect.set_options(timeout=DEADLINE_MS)
    browser = await playwright.chromium.launch(executable_path=found("chromium"), args=[NO_NAMES])
    try:
        yield browser
    finally:
        await browser.close()


@asynccontextmanager
async def serving(listener: socket.socket, pages: Mapping[str, str]) -> AsyncIterator[None]:
    """A website of these pages, by their paths."""

    class Shown(tornado.web.RequestHandler):
        def get(self) -> None:
            self.write(pages[self.request.path])

    handlers = [(path, Shown) for path in pages]
    server = HTTPServer(tornado.web.Application(handlers, log_function=lambda _handler: None))
    server.add_socket(listener)
    try:
        yield
    finally:
        server.stop()
        await server.close_all_connections()
