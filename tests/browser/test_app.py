"""New users of the short-video app, in browsers: from a mailed code to a video that is watched. Source: seeds/003."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.evening import Evening, evening, require_browser
from tests.support.installed import found, require_packages

pytestmark = [pytest.mark.slow, pytest.mark.mongo]

LENGTH_S = 40


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video too large for a browser to take all of it at once, and made so that it may begin before it is there."""
    require_browser()
    require_packages({"ffmpeg": found("ffmpeg")})
    file = tmp_path_factory.mktemp("film") / "学姐.mp4"
    picture = f"testsrc2=size=640x360:rate=25:duration={LENGTH_S},noise=alls=80:allf=t"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset",
         "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "6M", "-g", "25", "-movflags", "+faststart", file],
        check=True, timeout=120,
    )  # fmt: skip
    return file


async def click(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()


async def write(page: Page, words: str, name: str) -> None:
    """Write a comment, or a reply."""
    await page.get_by_label("Comment").fill(words)
    await click(page, name)


async def register(tonight: Evening, name: str) -> Page:
    """Somebody new asks for a code, reads his mail, and has an account."""
    page = await tonight.visitor("app")
    await page.get_by_label("Mail").fill(f"{name}@example.com")
    await click(page, "Send code")
    await expect(page.get_by_role("status")).to_have_text("ok")
    mail = tonight.mailed_to(f"{name}@example.com")
    (code,) = set(re.findall(r"\b\d{6}\b", mail))
    await page.get_by_label("Code").fill(code)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill("123456")
    await click(page, "Register")
    await expect(page.locator("#me")).to_have_text(f"{name}, {name}@example.com")
    return page


PLAYING = """async video => {
    await video.play();
    while (video.currentTime < 0.3) await new Promise(resolve => setTimeout(resolve, 20));
    video.pause();
    return [video.duration, video.videoWidth, video.error];
}"""
SEEKING = """async (video, seconds) => {
    const seeked = new Promise(resolve => video.addEventListener("seeked", resolve, {once: true}));
    video.currentTime = seconds;
    await seeked;
    return [video.currentTime, video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA];
}"""


@pytest.mark.real_loop(deadline_s=180)
async def test_a_video_is_uploaded_found_played_and_talked_about(tmp_path: Path, film: Path):
    async with evening(tmp_path) as tonight:
        jhinih, wxy = await register(tonight, "jhinih"), await register(tonight, "wxy")

        # It is published, and there.
        await jhinih.get_by_label("File").set_input_files(film)
        await jhinih.get_by_label("Title").fill("社团学姐")
        await click(jhinih, "Publish")
        await expect(jhinih.get_by_role("status")).to_have_text("published")
        await click(wxy, "Look")
        await expect(wxy.locator("#videos li")).to_have_text("社团学姐 0 likes, 0 comments")

        # It plays, and begins anywhere.
        await click(wxy, "社团学姐")
        video = wxy.locator("#video")
        duration_s, width, error = await video.evaluate(PLAYING)
        assert (round(duration_s), width, error) == (LENGTH_S, 640, None)
        for seconds in (LENGTH_S - 2, LENGTH_S / 2, 0):
            assert await video.evaluate(SEEKING, seconds) == [seconds, True]
        statuses = [one["status"] for one in tonight.requests() if one["route"] == "/uploads/{name}"]
        assert set(statuses) == {206}
        assert len(statuses) >= 3

        # They talk about it.
        await click(wxy, "Like")
        await write(wxy, "Which school is that?", "Send comment")
        await expect(wxy.locator("#counts")).to_have_text("1 likes, 1 comments")
        await click(jhinih, "Look")
        await expect(jhinih.locator("#videos li")).to_have_text("社团学姐 1 likes, 1 comments")
        await click(jhinih, "社团学姐")
        await click(jhinih, "Like comment")
        await expect(jhinih.locator("#comments li")).to_contain_text("Which school is that? (1 likes)")
        await write(jhinih, "Ours.", "Reply")
        await expect(jhinih.locator("#comments li")).to_contain_text("Which school is that? (1 likes) → Ours.")
        await click(jhinih, "Like comment")
        await click(wxy, "Like")
        await expect(wxy.locator("#counts")).to_have_text("0 likes, 2 comments")
        await expect(wxy.locator("#comments li")).to_contain_text("Which school is that? (0 likes) → Ours.")


async def sign_in(tonight: Evening, name: str) -> Page:
    """Somebody on another device of his."""
    page = await tonight.visitor("app")
    await page.get_by_label("Mail").fill(f"{name}@example.com")
    await page.get_by_label("Password").fill("123456")
    await click(page, "Sign in")
    await expect(page.locator("#me")).to_have_text(f"{name}, {name}@example.com")
    return page


async def connect(page: Page, dialect: str) -> None:
    await page.get_by_label("Dialect").select_option(dialect)
    await click(page, "Connect")
    await expect(page.locator("#line")).to_have_text("connected")


async def speak(page: Page, to: str, words: str) -> None:
    await page.get_by_label("To", exact=True).select_option(label=to)
    await page.get_by_label("Say").fill(words)
    await click(page, "Speak")


async def heard(page: Page, *words: str) -> None:
    """Wait until that is all that was said, in that order."""
    await expect(page.locator("#said li")).to_have_text(list(words))


@pytest.mark.real_loop(deadline_s=180)
async def test_friends_talk_in_both_dialects_and_on_every_device(tmp_path: Path):
    async with evening(tmp_path) as tonight:
        jhinih, wxy = await register(tonight, "jhinih"), await register(tonight, "wxy")
        phone = await sign_in(tonight, "wxy")

        # They find each other.
        await jhinih.get_by_label("Friend").fill("wxy")
        await click(jhinih, "Add friend")
        await expect(jhinih.locator("#friends li")).to_have_text("wxy")
        await jhinih.get_by_label("Group").fill("社团")
        await click(jhinih, "Make group")
        await expect(jhinih.locator("#groups li")).to_contain_text("社团 of jhinih")
        group = (await jhinih.locator("#groups li").inner_text()).rpartition(" ")[2]
        await wxy.get_by_label("Group").fill(group)
        await click(wxy, "Join group")
        await expect(wxy.locator("#friends li")).to_have_text("jhinih")
        await expect(wxy.locator("#groups li")).to_have_text(f"社团 of jhinih: {group}")

        # They talk.
        await connect(jhinih, "new")
        await connect(wxy, "old")
        await connect(phone, "new")
        await speak(jhinih, "wxy", "在吗")
        await heard(wxy, "jhinih: 在吗")
        await speak(wxy, "jhinih", "在")
        await heard(jhinih, "jhinih: 在吗", "wxy: 在")
        await speak(jhinih, "社团", "<b>everybody</b>")
        for page in (jhinih, wxy, phone):
            await heard(page, "jhinih: 在吗", "wxy: 在", "jhinih: <b>everybody</b>")

        # It is there tomorrow, and whoever signs out hears no more.
        await phone.get_by_label("To", exact=True).select_option(label="jhinih")
        await click(phone, "What was said")
        await heard(phone, "jhinih: 在吗", "wxy: 在")
        await click(phone, "Sign out")
        await expect(phone.locator("#line")).to_have_text("closed 4001")
        # Her other device is not signed out.
        await speak(jhinih, "wxy", "晚安")
        await heard(wxy, "jhinih: 在吗", "wxy: 在", "jhinih: <b>everybody</b>", "jhinih: 晚安")
        await expect(phone.locator("#said li")).to_have_count(2)
