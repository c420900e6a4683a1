"""Clients that others wrote have ordinary conversations with the server: a second opinion beside our own table.

``websockets`` is always here. npm's ``ws`` is fetched from the registry into a temporary folder, which needs node and
the network: without them its test is skipped, except on CI. Source: G-20.
"""

import asyncio
import contextlib
import os
import shutil

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from handlers.wire.codec import read_json
from handlers.wire.limits import per_second
from handlers.wire.socket import SocketLimits
from tests.conformance.cases import FRAME_BYTES_MAX, MESSAGE_BYTES_MAX, command
from tests.surfaces.wire.toy import Happened, Toy, serving

real_loop = pytest.mark.real_loop
WS_VERSION = "8.23.0"
DEADLINE_S = 20
NPM_DEADLINE_S = 25


def toy_at_full_speed() -> Toy:
    return Toy(limits=SocketLimits(frames=per_second(100_000)))


def address(port, token="t-1"):
    return f"ws://127.0.0.1:{port}/toy/ws?token={token}"


async def said(client):
    """The id or the error in the next answer."""
    async with asyncio.timeout(DEADLINE_S):
        message = await client.recv(decode=True)
    answer = read_json(message.encode())
    return answer.get("error") or answer["id"]


@real_loop
@pytest.mark.parametrize("compression", ["deflate", None])
async def test_websockets_has_a_conversation(compression):
    toy = toy_at_full_speed()
    async with serving(toy) as port, connect(address(port), compression=compression, proxy=None) as client:
        await client.send(command("whole").decode())
        whole = await said(client)
        cut = command("分片").decode()
        await client.send([cut[start : start + 9] for start in range(0, len(cut), 9)])
        in_fragments = await said(client)
        await client.send(b"{}")
        binary = await said(client)
        async with asyncio.timeout(DEADLINE_S):
            await (await client.ping(b"x" * 125))
            await (await client.ping())
        toy.hub.tell(1, Happened("早上好"))
        told = read_json((await client.recv(decode=True)).encode())
        extensions = client.protocol.extensions
        await client.close(4321, "再见")

    assert (whole, in_fragments, binary) == ("whole", "分片", "BAD_INPUT")
    assert told["data"] == {"text": "早上好"}
    assert extensions == []
    assert (client.protocol.close_sent.code, client.protocol.close_rcvd.code) == (4321, 4321)


@real_loop
@pytest.mark.parametrize(
    ("size", "heard"),
    [
        (126, "1"),
        (65_535, "1"),
        (FRAME_BYTES_MAX, "1"),
        (FRAME_BYTES_MAX + 1, "TOO_LONG"),
        (MESSAGE_BYTES_MAX, "TOO_LONG"),
    ],
)
async def test_websockets_sends_big_frames(size, heard):
    async with (
        serving(toy_at_full_speed()) as port,
        connect(address(port), compression=None, proxy=None, max_size=None) as client,
    ):
        await client.send(command(size=size).decode())

        assert await said(client) == heard


@real_loop
@pytest.mark.parametrize("size", [MESSAGE_BYTES_MAX + 1, 2_000_000, 10_000_000])
async def test_websockets_learns_why_a_message_was_too_big(size):
    async with serving(toy_at_full_speed()) as port:
        # Not as a context: its end asks the transport to close again, which asyncio has taken apart by then.
        client = await connect(address(port), compression=None, proxy=None)
        async with asyncio.timeout(DEADLINE_S):
            # Which of the two finds out is a matter of luck.
            with contextlib.suppress(ConnectionClosed):
                await client.send(command(size=size).decode())
            with pytest.raises(ConnectionClosed) as ended:
                await client.recv()
            await client.wait_closed()

    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1009, "message too big")


@real_loop
@pytest.mark.parametrize(("token", "code", "reason"), [("nobody", 4001, "鉴权失败"), ("banned", 4003, "鉴权失败")])
async def test_websockets_learns_why_it_may_not_come_in(token, code, reason):
    async with serving(toy_at_full_speed()) as port, connect(address(port, token), proxy=None) as client:
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(DEADLINE_S):
                await client.recv()

    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (code, reason)


@real_loop
async def test_websockets_takes_a_restart_for_one():
    toy = toy_at_full_speed()
    async with serving(toy) as port, connect(address(port), proxy=None) as client:
        await client.send(command().decode())
        await said(client)

        toy.hub.drain(retry_after_s=7)
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(DEADLINE_S):
                await client.recv()

    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1012, "retry_after=7")


@real_loop
async def test_websockets_sees_a_refused_handshake():
    async with serving(toy_at_full_speed()) as port:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address(port), origin="https://evil.example", proxy=None):
                pass

    assert refused.value.response.status_code == 403


@pytest.fixture(scope="module")
def ws_folder(tmp_path_factory):
    """Where npm has put ws; skipped without node, npm or the registry, which only CI must have."""
    folder = tmp_path_factory.mktemp("npm")

    async def install():
        npm = await asyncio.create_subprocess_exec(
            *("npm", "install", f"ws@{WS_VERSION}", "--prefix", str(folder), "--no-save", "--ignore-scripts"),
            *("--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=10000"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(NPM_DEADLINE_S):
                output, _ = await npm.communicate()
        except TimeoutError:
            npm.kill()
            await npm.communicate()
            return "npm took too long"
        return "" if npm.returncode == 0 else f"npm cannot fetch ws: {output.decode(errors='replace')[-300:]}"

    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
    else:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            reason = runner.run(install())
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return folder / "node_modules" / "ws"


@real_loop
async def test_npms_ws_has_a_conversation(ws_folder, request):
    toy = toy_at_full_speed()
    async with serving(toy) as port:
        node = await asyncio.create_subprocess_exec(
            *(
                "node",
                str(request.path.with_name("ws_client.cjs")),
                str(ws_folder),
                address(port),
                str(FRAME_BYTES_MAX),
            ),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                told, _ = await node.communicate()
        finally:
            if node.returncode is None:
                node.kill()
                await node.communicate()

    story = read_json(told.strip())
    assert story["answers"] == ["whole", "分片", "big", "TOO_LONG", "BAD_INPUT"]
    assert story["pongs"] == [*story["pings"], "last"]
    assert story["extensions"] == ""
    assert story["code"] == 4321
    assert "error" not in story
    assert toy.log.lines[-1].fields["code"] == 4321
