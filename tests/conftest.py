"""How tests run, whatever they are about.

- An ``async def`` test runs on a loop with virtual time; ``@pytest.mark.real_loop`` (or ``real_loop(deadline_s=5)``)
  gives it a real one; ``gen_test`` tests belong to pytest-tornado. ``@given`` tests get a fresh loop for each example.
- A test that leaves a task behind fails.
- A test during which a warning or error was logged that it did not announce fails: ``@pytest.mark.logs("regex", …)``
  announces those of ``logging``; ``RecordingLog.take(event)`` those of the ``Log`` port.
"""

import asyncio
import functools
import inspect
import logging
import math
import re
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

import pytest

from tests.support import fakes, virtual_loop

REAL_DEADLINE_S: Final = 60.0  # A test on a real loop that takes longer hangs.
SETTLING_PASSES: Final = 5  # A task that has finished its work still needs some turns of the loop to be gone.


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_loop(deadline_s=60): run this async test on a real event loop")
    config.addinivalue_line("markers", "logs(*patterns): warnings and errors whose text matches are expected")
    # Or the first test that asks Tornado for a loop would have asyncio make another one, which nobody closes.
    asyncio.set_event_loop(None)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests."""
    if pyfuncitem.get_closest_marker("gen_test"):
        return None
    run = _runner(pyfuncitem.get_closest_marker("real_loop"))
    test = pyfuncitem.obj
    if (given := getattr(test, "hypothesis", None)) and inspect.iscoroutinefunction(given.inner_test):
        given.inner_test = _synchronous(given.inner_test, run)
        return None
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    run(_leaving_nothing(test(**arguments)))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that passed while something was logged that it did not announce."""
    announced = [re.compile(pattern) for marker in item.iter_markers("logs") for pattern in marker.args]
    heard = _Heard()
    logging.getLogger().addHandler(heard)
    try:
        yield
        unread = [f"{line.level} {line.event} {line.fields}" for line in fakes.take_unread()]
    finally:
        logging.getLogger().removeHandler(heard)
        fakes.take_unread()
    unread += [text for text in heard.texts if not any(pattern.search(text) for pattern in announced)]
    if unread:
        pytest.fail("unexpected in the log:\n" + "\n".join(unread), pytrace=False)


class _Heard(logging.Handler):
    """Collects warnings and worse as ``LEVEL logger: message``, with the error behind it if there is one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = f" ({record.exc_info[1]!r})" if record.exc_info else ""
        self.texts.append(f"{record.levelname} {record.name}: {record.getMessage()}{cause}")


def _runner(real_loop: pytest.Mark | None) -> Callable[[Coroutine[Any, Any, None]], None]:
    if real_loop is None:
        return virtual_loop.run
    return functools.partial(_run_really, deadline_s=real_loop.kwargs.get("deadline_s", REAL_DEADLINE_S))


def _run_really(work: Coroutine[Any, Any, None], *, deadline_s: float) -> None:
    async def bounded() -> None:
        asyncio.get_running_loop().slow_callback_duration = math.inf  # The machine's business, not the test's.
        async with asyncio.timeout(deadline_s):
            await work

    # Given a factory, the runner leaves the thread's current event loop alone; pytest-tornado's tests look at it.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(bounded())


def _synchronous(
    test: Callable[..., Coroutine[Any, Any, None]], run: Callable[[Coroutine[Any, Any, None]], None]
) -> Callable[..., None]:
    @functools.wraps(test)
    def example(*arguments: Any, **named: Any) -> None:
        run(_leaving_nothing(test(*arguments, **named)))

    return example


async def _leaving_nothing(test: Coroutine[Any, Any, None]) -> None:
    await test
    for _ in range(SETTLING_PASSES):
        await asyncio.sleep(0)
    if pending := asyncio.all_tasks() - {asyncio.current_task()}:
        names = "\n".join(sorted(f"{task.get_name()}: {task.get_coro()!r}" for task in pending))
        pytest.fail(f"tasks are still running at the end:\n{names}", pytrace=False)
