"""A configuration that is read again while the server runs."""

import asyncio

import pytest

from adapters.config import Config, ConfigError, Loaded, Share, load
from adapters.running_config import Reloaded, RunningConfig
from tests.support.fakes import RecordingLog


class Files:
    """What is read; ``text`` is the file."""

    def __init__(self, folder):
        self.file = folder / "config.yaml"
        self.text = ""

    def read(self) -> Loaded:
        self.file.write_text(self.text, "utf-8")
        return load(file=self.file, environment={})


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def log():
    return RecordingLog()


@pytest.fixture
def running(files, log):
    running = RunningConfig(files.read(), files.read, log=log)
    running.taken = []
    running.on_change = running.taken.append
    return running


@pytest.mark.real_loop(deadline_s=10)
async def test_what_may_change_takes_effect_and_the_rest_is_named(running, files, log):
    files.text = "share: {title: new}\nhttp: {port: 2}"

    reloaded = await running.reload()

    assert reloaded == Reloaded(changed=("share.title",), needs_restart=("http.port",))
    assert running.taken == [Config(share=Share(title="new"))]
    assert running.settings()["share.title"].value == "new"
    assert running.settings()["http.port"].value == 8_000
    assert log.take("config_reloaded") == {"changed": ("share.title",), "needs_restart": ("http.port",)}


@pytest.mark.real_loop(deadline_s=10)
async def test_reading_the_same_again_changes_nothing_and_still_names_what_waits(running, files):
    files.text = "share: {title: new}\nhttp: {port: 2}"
    await running.reload()

    again = await running.reload()

    assert again == Reloaded(needs_restart=("http.port",))
    assert len(running.taken) == 1


@pytest.mark.real_loop(deadline_s=10)
async def test_a_mistake_anywhere_changes_nothing_and_is_told(running, files, log):
    files.text = "share: {title: new}\nhttp: {port: many}"
    before = running.settings()

    reloaded = await running.reload()

    assert reloaded.changed == ()
    assert [mistake.partition(":")[0] for mistake in reloaded.mistakes] == ["http.port"]
    assert (running.taken, running.settings()) == ([], before)
    assert log.take("config_refused") == {"mistakes": reloaded.mistakes}


@pytest.mark.real_loop(deadline_s=10)
async def test_what_cannot_be_used_after_all_is_not_taken_for_what_is_in_force(running, files):
    files.text = "share: {title: new}"

    def refuse(_config):
        raise ValueError("no such thing")

    running.on_change = refuse
    with pytest.raises(ValueError, match="no such thing"):
        await running.reload()

    assert running.settings()["share.title"].value == Share().title


@pytest.mark.real_loop(deadline_s=10)
async def test_two_who_reload_at_once_do_so_one_after_the_other(running, files):
    files.text = "share: {title: new}"

    both = await asyncio.gather(running.reload(), running.reload())

    assert both == [Reloaded(changed=("share.title",)), Reloaded()]


def test_a_file_that_has_gone_is_a_mistake(files):
    with pytest.raises(ConfigError):
        load(file=files.file.with_name("gone.yaml"), environment={})
