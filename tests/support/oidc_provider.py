"""A real OpenID provider that is none of ours, in a process of its own, and the person at its sign-in page."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tornado.httpclient import AsyncHTTPClient
from tornado.netutil import bind_sockets

__all__ = ["browse", "running_provider"]

PERSON = {"sub": "u1", "name": "易昭", "email": "yi@example.com", "email_verified": True}


@contextlib.contextmanager
def running_provider(folder: Path) -> Iterator[str]:
    """The provider's address while it runs; u1 is 易昭."""
    (listener,) = bind_sockets(0, "127.0.0.1")
    port = listener.getsockname()[1]
    listener.close()
    log_path = folder / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "--user-claims", json.dumps(PERSON)],
            stdout=log,
            stderr=log,
        )
    try:
        # In a thread: whoever asks may have a loop of his own, which this one must not take the place of.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _answers(f"http://127.0.0.1:{port}/jwks", process, log_path)).result()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


async def _answers(address: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with asyncio.timeout(20):
            while True:
                assert process.poll() is None, f"see {log_path}"
                with contextlib.suppress(OSError):
                    if (await http.fetch(address, raise_error=False)).code == 200:
                        return
                await asyncio.sleep(0.05)
    finally:
        http.close()


async def browse(http: AsyncHTTPClient, address: str, form: str, *, callback: str) -> dict[str, Any]:
    """Send the provider's own form, and say what the browser is sent back with."""
    answer = await http.fetch(address, method="POST", body=form, follow_redirects=False, raise_error=False)
    assert answer.code == 302, answer.body
    assert answer.headers["Location"].startswith(callback)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
