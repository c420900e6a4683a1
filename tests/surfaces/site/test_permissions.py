"""Who may ask what: every route the router has, for six kinds of callers. A route without a row fails (G-22)."""

from dataclasses import replace

import pytest

from engine.records import BanKind
from tests.surfaces.goldens import filled, send
from tests.surfaces.site.golden import Golden
from tests.surfaces.site.goldens import GOLDENS
from tests.surfaces.site.scene import BASE, Person, on_air

gen_test = pytest.mark.gen_test
KINDS = ("nobody", "bob", "wei", "yi", "jliu", "sera")

# What each of them gets when he sends what the page shows: nobody, bob who is banned, wei, yi, and the anchors jliu and
# sera. Whatever says whose it is says yi's or jliu's, so it is refused for anybody else.
ANYBODY = (200,) * 6
NOT_THE_BANNED = (200, 403, 200, 200, 200, 200)
MEMBERS = (401, 403, 200, 200, 200, 200)
YI_ALONE = (401, 403, 403, 200, 403, 403)
JLIU_ALONE = (401, 403, 403, 403, 200, 403)
TABLE: dict[str, tuple[int, ...]] = {
    "GET users/google_login_url": ANYBODY,
    "GET users/google_oauth2_callback": (302,) * 6,
    "GET users/is_google_logged_in": NOT_THE_BANNED,
    "GET users/is_logged_in": NOT_THE_BANNED,
    # Whoever is banned may still leave.
    "GET users/login_out": ANYBODY,
    "POST users/login_out": ANYBODY,
    "POST users/logout": ANYBODY,
    "GET users/google_logout": (302,) * 6,
    "POST users/register": ANYBODY,
    "POST users/anchor_login": ANYBODY,
    "POST users/client_register": ANYBODY,
    "POST users/user_login": ANYBODY,
    "POST users/token_refresh": ANYBODY,
    "GET live/get_all_lives": ANYBODY,
    "GET live/get_live_info": NOT_THE_BANNED,
    "GET live/get_live_chat_history": NOT_THE_BANNED,
    "GET live/get_user_chat_history": NOT_THE_BANNED,
    "POST live/save_user_chat_history": NOT_THE_BANNED,
    "GET live/redirect_to_random_room": (302,) * 6,
    "POST chat/chat_data": JLIU_ALONE,
    "GET live/get_live_status": JLIU_ALONE,
    "POST live/change_live_status": JLIU_ALONE,
    "POST live/add_room_info": JLIU_ALONE,
    "POST live/check_api_limit": JLIU_ALONE,
    "POST live/mute_user": JLIU_ALONE,
    "POST balance/make_donation": YI_ALONE,
    "GET balance/get_user_donations": YI_ALONE,
    "GET balance/get_anchor_donations": ANYBODY,
    "GET balance/get_user_total_donated": YI_ALONE,
    "GET balance/get_anchor_total_received": ANYBODY,
    "POST subscription/subscribe_to_anchor": YI_ALONE,
    "GET subscription/get_subscriptions": YI_ALONE,
    # Each anchor her own.
    "POST subscription/set_price": (401, 403, 403, 403, 200, 200),
    "POST follow_live/toggle_follow_room": YI_ALONE,
    "GET follow_live/get_followed_rooms": MEMBERS,
    "POST live/pay_vip_coin": YI_ALONE,
    "POST payment/process_recharge": YI_ALONE,
    # Whether there is such an order is nobody else's business (SEC-33).
    "GET payment/check_payment_status/{order_id}": (401, 403, 404, 200, 404, 404),
}
# The provider has a signature (test_recharge), and a socket no status (test_socket).
OTHERS = {"POST payment/payment_callback", "GET /ws/chat/{room_id}", "GET /ws/chat/{room_id}/{room_name}"}
BY_PATH = {golden.path: golden for golden in GOLDENS}
BY_ENTRY = {golden.entry: golden for golden in reversed(GOLDENS)}


def short(path: str) -> str:
    return path.removeprefix(BASE + "/")


@gen_test
async def test_every_route_has_a_row():
    async with on_air() as scene:
        routes = {f"{method} {short(path)}" for method, path, _ in scene.door.routes()}

        assert routes == TABLE.keys() | OTHERS


async def golden_of(row: str) -> Golden:
    """What the page shows of the route; aliases have that of their entry."""
    path = f"{BASE}/{row.partition(' ')[2]}"
    if path in BY_PATH:
        return BY_PATH[path]
    async with on_air() as scene:
        routes = {f"{method} {short(path)}": route for method, path, route in scene.door.routes()}
        return BY_ENTRY[routes[row].target.source_id]


@gen_test
@pytest.mark.parametrize("row", TABLE)
async def test_a_route_lets_in_whom_it_should(row):
    golden = await golden_of(row)
    statuses = []
    for kind in KINDS:
        async with on_air() as scene:
            scene.bob = await scene.viewer("bob")
            scene.sera = await scene.anchor("sera")
            await scene.ban(scene.bob, BanKind.ACCOUNT)
            if golden.given:
                await golden.given(scene)
            before = scene.dump()

            answered = await send(scene, replace(golden, who=kind), row)

            statuses.append(answered.status)
            # Whoever was refused has changed nothing.
            assert answered.status < 400 or scene.dump() == before

    assert tuple(statuses) == TABLE[row]


CREDENTIALS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer x"},
    {"Authorization": "Bearer <refresh>"},
    {"Authorization": "Bearer <cookie>"},
    {"Authorization": "Basic <access>"},
    {"Authorization": "Bearer <access>x"},
    {"Cookie": "sessionid=<access>"},
    {"Cookie": "sessionid="},
    {"Cookie": "session=<cookie>"},
    {"Cookie": "sessionid=<cookie>x"},
)


@gen_test
@pytest.mark.parametrize("row", [row for row, statuses in TABLE.items() if statuses[0] == 401])
async def test_without_a_credential_that_is_good_nobody_gets_in(row):
    golden = await golden_of(row)
    async with on_air(given=golden.given) as scene:
        whose = scene.jliu if golden.who == "jliu" else await scene.log_in("wei")
        before = scene.dump()
        for headers in CREDENTIALS:
            sent = {
                name: value.replace("<access>", whose.access).replace("<refresh>", whose.refresh)
                for name, value in headers.items()
            }
            sent = {name: value.replace("<cookie>", whose.cookie) for name, value in sent.items()}
            asked = replace(golden, who="nobody", headers={**golden.headers, **sent, "Sec-Fetch-Site": "same-origin"})

            answered = await send(scene, asked, row)

            assert (answered.status, answered.body["code"]) == (401, 1), headers
            assert answered.headers["WWW-Authenticate"] == "Bearer"
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("row", [row for row, statuses in TABLE.items() if statuses in (YI_ALONE, JLIU_ALONE)])
async def test_a_cookie_lets_in_like_a_token_but_changes_nothing_for_pages_of_others(row):
    golden = await golden_of(row)
    async with on_air(given=golden.given) as scene:
        person: Person = getattr(scene, golden.who)
        setattr(scene, golden.who, person._replace(access=""))
        before = scene.dump()
        foreign = replace(golden, headers={**golden.headers, "Sec-Fetch-Site": "cross-site"})

        refused = await send(scene, foreign, row)
        unchanged = scene.dump() == before
        answered = await send(scene, golden, row)

        assert refused.status == (403 if row.startswith("POST") else 200)
        assert unchanged
        assert answered.status == 200
        assert filled(scene, golden.reply)["code"] == answered.body["code"]
