"""The toy server that pytest-tornado's tests talk to."""

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from handlers.wire.codec import read_json
from tests.surfaces.wire.toy import Toy


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def app(toy):
    return toy.door


@pytest.fixture
def http_server(io_loop, toy, _unused_port):
    server = toy.server(_unused_port[0])
    yield server
    server.stop()
    io_loop.run_sync(server.close_all_connections, timeout=10)


class Client:
    """Asks the toy server; a reply is (HTTP status, headers, body as plain values)."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._http = AsyncHTTPClient(force_instance=True)

    async def ask(self, method, path, body=None, *, content_type=None, headers=None):
        sent = dict(headers or {})
        if content_type is not None:
            sent["Content-Type"] = content_type
        request = HTTPRequest(
            self._base + path,
            method=method,
            body=body,
            headers=sent,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            request_timeout=5,
        )
        reply = await self._http.fetch(request, raise_error=False)
        is_json = reply.headers.get("Content-Type", "").startswith("application/json") and reply.body
        return reply.code, reply.headers, read_json(reply.body) if is_json else reply.body

    async def post(self, path, body, **more):
        return await self.ask("POST", path, body, **more)

    async def get(self, path, **more):
        return await self.ask("GET", path, **more)


@pytest.fixture
def client(http_server, http_port):
    client = Client(http_port)
    yield client
    client._http.close()
