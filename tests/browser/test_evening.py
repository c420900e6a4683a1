"""A whole evening on the website, in browsers, as its people have it; and what others may not do in theirs.

Source: seeds/000, seeds/001, SITE-11, SITE-15, SITE-30, SITE-34, SEC-11, SEC-13.
"""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.evening import Evening, evening

pytestmark = [pytest.mark.slow, pytest.mark.mongo]

PASSWORD = "diamonds 960 for me"


async def told(page: Page, words: str) -> None:
    """Wait until the room has told it to the person at this page, and see that it did so once."""
    await expect(page.locator("#told li").filter(has_text=words)).to_have_count(1)


async def answered(page: Page, words: str) -> None:
    """Wait for the answer to what was clicked last."""
    await expect(page.get_by_role("status")).to_contain_text(words)


async def click(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def become_an_anchor(page: Page, name: str) -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await click(page, "Register")
    await expect(page.locator("#me")).to_have_text(f"{name}, 0 diamonds")


async def make_a_room(page: Page, *, character: str, title: str, price: int, kind: str) -> None:
    await page.get_by_label("Character", exact=True).fill(character)
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Price").fill(str(price))
    await page.get_by_label("Kind").select_option(kind)
    await click(page, "Save room")
    await answered(page, "room saved")
    await click(page, "Go on air")
    await answered(page, "live status changed")


async def go_to(page: Page, room: str) -> None:
    """Look for a room in the list, and at it."""
    await click(page, "Look")
    await click(page, room)


async def enter(page: Page, room: str) -> None:
    await go_to(page, room)
    await click(page, "Enter")
    await expect(page.locator("#line")).to_have_text("connected")


async def say(page: Page, words: str) -> None:
    await page.get_by_label("Words").fill(words)
    await click(page, "Say")


async def perform(page: Page, character: str, words: str, *, by: str) -> None:
    await page.get_by_label("Character", exact=True).fill(character)
    await page.get_by_label("Speaker").select_option(by)
    await page.get_by_label("Line").fill(words)
    await click(page, "Perform")


async def sign_in_with_google(page: Page, tonight: Evening) -> None:
    """By the provider's own page, and whatever redirects come before and after it."""
    await click(page, "Sign in with Google")
    await page.get_by_placeholder("sub").fill("u1")
    await click(page, "Authorize")
    await page.wait_for_url(tonight.website)


async def recharge(page: Page, tonight: Evening, usdt: int) -> None:
    await page.get_by_label("USDT").select_option(str(usdt))
    await click(page, "Order")
    await expect(page.locator("#paid")).to_have_text("waiting")
    order = await page.locator("#paid").get_attribute("data-order")
    assert order is not None
    await tonight.pay(order, "confirming", "confirmed", "finished")
    await expect(page.locator("#paid")).to_have_text("finished")


async def width_of(page: Page, picture: str) -> int:
    """Of an image, as the browser has read it; 0 when it could not."""
    width = await page.locator(picture).evaluate("async image => { await image.decode(); return image.naturalWidth }")
    assert isinstance(width, int)
    return width


async def kept_by(browser: BrowserContext) -> dict[str, tuple[bool, str, bool]]:
    """The cookies of a browser: whether scripts may not read them, where they are sent, whether by https alone."""
    return {
        cookie["name"]: (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) for cookie in await browser.cookies()
    }


@pytest.mark.real_loop(deadline_s=120)
async def test_a_viewer_and_an_anchor_have_an_evening_together(tmp_path: Path):
    async with evening(tmp_path) as tonight:
        jliu, yi = await tonight.visitor(), await tonight.visitor()
        await become_an_anchor(jliu, "jliu")
        await make_a_room(jliu, character="Tina", title="Tea with Tina", price=0, kind="free")
        await make_a_room(jliu, character="Rose", title="Rose's garden", price=30, kind="VIP")

        # He signs in.
        await expect(yi.locator("#me")).to_contain_text("a guest")
        await sign_in_with_google(yi, tonight)
        await expect(yi.locator("#me")).to_have_text("易昭, 0 diamonds")
        assert await kept_by(yi.context) == {
            "sessionid": (True, "Lax", False),
            "guestid": (True, "Lax", False),
        }
        assert await yi.evaluate("document.cookie") == ""

        # They talk in the free room.
        await enter(jliu, "Tea with Tina by jliu")
        await enter(yi, "Tea with Tina by jliu")
        await expect(jliu.locator("#watching")).to_have_text("1 watching")
        await say(yi, "good evening <b>Tina</b>")
        await told(yi, "易昭: good evening <b>Tina</b>")
        await told(jliu, "易昭: good evening <b>Tina</b>")
        await perform(jliu, "Tina", "Who is there?", by="myself")
        await perform(jliu, "Tina", "It is Yi Zhao.", by="my character")
        await told(yi, "jliu on stage: Who is there?")
        await told(yi, "Tina on stage: It is Yi Zhao.")

        # He cannot pay yet, and is not let in for nothing.
        await go_to(yi, "Rose's garden by jliu")
        await expect(yi.locator("#entrance")).to_have_text("30 diamonds to enter")
        await click(yi, "Pay to enter")
        await answered(yi, "INSUFFICIENT_BALANCE")
        await click(yi, "Enter")
        await expect(yi.locator("#line")).to_have_text("closed 4003")

        # He recharges.
        await recharge(yi, tonight, 20)
        assert await width_of(yi, "#qr") > 100
        await expect(yi.locator("#me")).to_have_text("易昭, 100 diamonds")

        # He pays, enters, and gives.
        await click(yi, "Pay to enter")
        await answered(yi, "paid 30, 70 left")
        await told(jliu, "易昭 paid 30 to enter")
        await expect(yi.locator("#entrance")).to_have_text("you may enter")
        await enter(jliu, "Rose's garden by jliu")
        await enter(yi, "Rose's garden by jliu")
        await expect(jliu.locator("#watching")).to_have_text("1 watching")
        await yi.get_by_label("Diamonds").fill("40")
        await click(yi, "Donate")
        await answered(yi, "gave 40, 30 left")
        await told(jliu, "易昭 gives jliu 40")
        await told(yi, "易昭 gives jliu 40")
        await click(yi, "Subscribe")
        await answered(yi, "subscribed for 10")
        await told(jliu, "易昭 subscribes to jliu for 10")

        # Both see what they have.
        await click(yi, "Look")
        await expect(yi.locator("#me")).to_have_text("易昭, 20 diamonds")
        await expect(yi.locator("#lives li").filter(has_text="Rose's garden")).to_contain_text("1 watching")
        await click(jliu, "Look")
        await expect(jliu.locator("#me")).to_have_text("jliu, 80 diamonds")
        await expect(jliu.locator("#received")).to_have_text("received 40: 易昭 40")

        # He leaves.
        await click(yi, "Sign out")
        await expect(yi.locator("#line")).to_have_text("closed 4001")
        await expect(yi.locator("#me")).to_contain_text("a guest")
        await expect(jliu.locator("#watching")).to_have_text("0 watching")

        # And so it stands in the books.
        books = await tonight.greenroom("ledger", "verify")
        earned = await tonight.greenroom("income", await tonight.number_of("jliu"))
        spent = await tonight.greenroom("wallet", "lines", await tonight.number_of("易昭"))
        assert (books["totals"], books["findings"]) == ({"site.diamonds": 100}, [])
        assert (earned["donation_points"], earned["subscription_points"], earned["admission_points"]) == (40, 10, 30)
        assert (earned["earned_points"], earned["held_points"], earned["agrees"]) == (80, 80, True)
        assert [line["amount"] for line in spent["lines"]] == [-10, -40, -30, 100]


@pytest.mark.real_loop(deadline_s=120)
async def test_a_guest_is_known_again_by_his_browser_and_stays_outside_where_it_costs(tmp_path: Path):
    async with evening(tmp_path) as tonight:
        jliu, guest = await tonight.visitor(), await tonight.visitor()
        await become_an_anchor(jliu, "jliu")
        await make_a_room(jliu, character="Rose", title="Rose's garden", price=30, kind="one-to-one")
        await make_a_room(jliu, character="Tina", title="Tea with Tina", price=0, kind="free")
        name = (await guest.locator("#me").inner_text()).removesuffix(", a guest")
        assert name.startswith("游客")

        await guest.reload()

        await expect(guest.locator("#me")).to_have_text(f"{name}, a guest")
        await enter(jliu, "Tea with Tina by jliu")
        await enter(guest, "Tea with Tina by jliu")
        await say(guest, "hello")
        await told(jliu, f"{name}: hello")
        await click(guest, "Donate")
        await answered(guest, "NOT_SIGNED_IN")
        await go_to(guest, "Rose's garden by jliu")
        await click(guest, "Enter")
        await expect(guest.locator("#line")).to_have_text("closed 4003")
        await make_a_room(jliu, character="Rose", title="Rose's garden", price=0, kind="free")
        await enter(guest, "Rose's garden by jliu")
        await make_a_room(jliu, character="Rose", title="Rose's garden", price=30, kind="VIP")
        await expect(guest.locator("#watching")).to_have_text("30 diamonds to stay")


@pytest.mark.real_loop(deadline_s=120)
async def test_a_link_of_the_website_signs_out_and_leads_home(tmp_path: Path):
    async with evening(tmp_path) as tonight:
        yi = await tonight.visitor()
        await sign_in_with_google(yi, tonight)
        await expect(yi.locator("#me")).to_have_text("易昭, 0 diamonds")

        await yi.get_by_role("link", name="Sign out and go home").click()

        await yi.wait_for_url(tonight.website)
        await expect(yi.locator("#me")).to_contain_text("a guest")


DRESSED_UP = """
<p class="line" onclick="caught('p')">the last line</p>
<script>caught('script')</script><img src=x onerror="caught('img')"><svg onload="caught('svg')"></svg>
<iframe srcdoc="<script>parent.caught('iframe')</script>"></iframe>
<details open ontoggle="caught('details')">d</details>
<a href="javascript:caught('link')">link</a><style>@import "/style"; * { background: url(/style) }</style>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=caught('mutated')&gt;">
<form action="javascript:caught('form')"><input autofocus onfocus="caught('input')"><button>go</button></form>
<video><source onerror="caught('video')"></video><object data="data:text/html,x"></object><base href="//elsewhere">
""".replace("\n", "")


@pytest.mark.real_loop(deadline_s=120)
async def test_what_an_anchors_client_has_dressed_up_does_nothing_at_a_viewers(tmp_path: Path):
    async with evening(tmp_path) as tonight:
        jliu, guest = await tonight.visitor(), await tonight.visitor()
        caught: list[str] = []
        asked: list[str] = []
        await guest.expose_function("caught", lambda who: caught.append(who))  # noqa: PLW0108 - it wants a function
        await become_an_anchor(jliu, "jliu")
        await make_a_room(jliu, character="Tina", title="Tea with Tina", price=0, kind="free")
        await enter(guest, "Tea with Tina by jliu")
        guest.on("request", lambda request: asked.append(request.url))

        await jliu.get_by_label("Dressed up").fill(DRESSED_UP)
        await perform(jliu, "Tina", "the last line", by="my character")

        await expect(guest.locator("#stage")).to_contain_text("the last line")
        for part in await guest.locator("#stage *").all():
            await part.dispatch_event("click")
        await guest.evaluate("new Promise(resolve => setTimeout(resolve, 100))")
        assert (caught, asked) == ([], [])


# --- pages of others -------------------------------------------------------------------------------------------------

DONATING = "/api/balance/make_donation/"

READING = """async url => {
    try { return (await fetch(url, {credentials: "include"})).status } catch (error) { return error.name }
}"""
POSTING = """async ([url, type, body]) => {
    const sent = {method: "POST", credentials: "include", headers: {"Content-Type": type}, body};
    try { return (await fetch(url, sent)).status } catch (error) { return error.name }
}"""
SUBMITTING = """([url, fields]) => {
    const form = document.createElement("form");
    form.action = url;
    form.method = "POST";
    for (const [name, value] of Object.entries(fields))
        form.append(Object.assign(document.createElement("input"), {name, value}));
    document.body.append(form);
    form.submit();
}"""
SHOWING = """url => new Promise(resolve => {
    const image = new Image();
    image.onload = image.onerror = () => resolve();
    image.src = url;
})"""
LISTENING = """url => new Promise(resolve => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve("open");
    socket.onclose = closed => resolve(closed.code);
})"""


@pytest.mark.real_loop(deadline_s=120)
async def test_a_page_of_somebody_else_does_nothing_with_a_viewers_cookie(tmp_path: Path):
    async with evening(tmp_path) as tonight:
        jliu, yi = await tonight.visitor(), await tonight.visitor()
        await become_an_anchor(jliu, "jliu")
        await make_a_room(jliu, character="Tina", title="Tea with Tina", price=0, kind="free")
        await sign_in_with_google(yi, tonight)
        number = await tonight.number_of("易昭")
        await tonight.greenroom("wallet", "grant", number, "100", "--reason", "a test", "--yes")
        (uid,) = await jliu.evaluate("[uid]")
        donation = {"anchor_id": uid, "amount": "10"}
        as_form, as_json = urlencode(donation), json.dumps(donation)

        # Other ports of one host are one site to a browser's cookies, other names are not. Neither is ours.
        for host, is_carried in (("127.0.0.1", True), ("localhost", False)):
            before_count = len(tonight.requests())
            theirs = await yi.context.new_page()
            await theirs.goto(tonight.elsewhere(host))

            assert await theirs.evaluate(READING, f"{tonight.api}/api/users/is_logged_in") == "TypeError"
            for kind, body in (("application/x-www-form-urlencoded", as_form), ("application/json", as_json)):
                assert await theirs.evaluate(POSTING, [tonight.api + DONATING, kind, body]) == "TypeError"
            await theirs.evaluate(SHOWING, f"{tonight.api}/api/users/login_out")
            assert await theirs.evaluate(LISTENING, f"{tonight.api.replace('http', 'ws')}/ws/chat/{uid}_Tina/") == 1006
            await theirs.evaluate("address => { location = address }", f"{tonight.api}/api/users/google_logout/")
            await expect(theirs.locator("body")).to_contain_text("FORBIDDEN")
            await theirs.goto(tonight.elsewhere(host))
            await theirs.evaluate(SUBMITTING, [tonight.api + DONATING, donation])
            await expect(theirs.locator("body")).to_contain_text("FORBIDDEN")

            met = tonight.requests()[before_count:]
            assert [(one["method"], one["route"], one["status"]) for one in met] == [
                ("GET", "/api/users/is_logged_in", 200),  # Answered, but not to their script.
                ("POST", "/api/balance/make_donation", 403),
                ("OPTIONS", "unknown", 204),  # No leave to send JSON, so none was.
                ("GET", "/api/users/login_out", 403),
                ("GET", "/ws/chat/{room_id}", 403),
                ("GET", "/api/users/google_logout", 403),
                ("POST", "/api/balance/make_donation", 403),
            ]
            assert (str(met[0]["person_id"]) == number) is is_carried

        await click(yi, "Look")
        await expect(yi.locator("#me")).to_have_text("易昭, 100 diamonds")
        await click(jliu, "Look")
        await expect(jliu.locator("#received")).to_have_text("received 0:")
        assert [line["amount"] for line in (await tonight.greenroom("wallet", "lines", number))["lines"]] == [100]
