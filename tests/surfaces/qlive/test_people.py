"""Signing in, accounts, profiles and likes, as clients see them."""

from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient

from adapters.wechat_login import WeChatCodes
from engine import settings
from store.interfaces.money import Currency
from tests.support.stand_ins import WeChatLoginStandIn, seal, serving
from tests.surfaces.qlive.scene import APP_ID, OPTIONS, Person, on_air
from tests.surfaces.served import NOW_S

gen_test = pytest.mark.gen_test
DAY_MS = 86_400_000


def code(name: str) -> dict[str, str]:
    return {"appId": APP_ID, "code": f"dev:{name}"}


def with_profile(name: str) -> dict[str, str]:
    return {**code(name), "encryptedData": "x", "iv": "x"}


# --- login and create ------------------------------------------------------------------------------------------------


@gen_test
async def test_who_has_no_account_is_told_so_and_nothing_else():
    async with on_air() as scene:
        before = scene.dump()

        answered = await scene.call(None, "POST", "qlive_user/login/", code("new"))

        assert (answered.status, answered.body) == (200, {"status": 1})
        assert scene.dump() == before


@gen_test
async def test_who_has_made_an_account_can_log_in():
    async with on_air() as scene:
        created = (await scene.call(None, "POST", "qlive_user/", with_profile("new"))).body
        logged_in = (await scene.call(None, "POST", "qlive_user/login/", code("new"))).body

        assert logged_in["user_id"] == created["user_id"]
        assert logged_in["status"] == 0
        assert logged_in["login_type"] == 0
        assert not logged_in.keys() & {"user_type", "live_room_name", "live_id", "group_id"}


@gen_test
async def test_making_an_account_again_gives_the_same_person_and_keeps_the_profile():
    async with on_air() as scene:
        await scene.call(scene.mei, "POST", "qlive_user/update_userinfo/", {"nickname": "新名", "age": 40})
        before = scene.dump()

        again = (await scene.call(None, "POST", "qlive_user/", with_profile("小红?age=20&gold=500"))).body

        assert again["user_id"] == scene.mei.id
        assert scene.dump() == before


@gen_test
async def test_somebody_new_gets_the_defaults_of_his_gender():
    async with on_air() as scene:
        shown = {}
        for name, attributes in (("he", {}), ("she", {"gender": 2})):
            person = await scene.sign_up(name, **attributes)
            shown[name] = (await scene.call(person, "GET", "qlive_user/get_userinfo/")).body

        names = ("gender", "age", "height", "area", "gold", "income", "is_matchmaker", "face_url", "last_login_time")
        assert [shown["he"][name] for name in names] == [1, 25, 180, "310100", 0, 0, False, "", None]
        assert [shown["she"][name] for name in names] == [2, 25, 165, "310100", 0, 0, False, "", None]


@gen_test
async def test_ids_are_eight_digits_and_everybody_has_another():
    async with on_air() as scene:
        people = [await scene.sign_up(f"n{number}") for number in range(20)]

        ids = {person.id for person in people}
        assert len(ids) == 20
        assert all(len(shown) == 8 and shown.isdigit() and not shown.startswith("0") for shown in ids)


@gen_test
async def test_an_id_that_somebody_has_is_drawn_again(monkeypatch):
    async with on_air() as scene:
        draws = iter([int(scene.mei.id) - 10_000_000, int(scene.tom.id) - 10_000_000, 7])
        monkeypatch.setattr(scene.engine.world.rng, "below", lambda _limit: next(draws))

        person = await scene.sign_up("new")

        assert person.id == "10000007"


@gen_test
async def test_what_a_development_code_promises_is_given_once():
    async with on_air() as scene:
        for _ in range(2):
            rich = await scene.sign_up("rich", gold=500)
            await scene.call(None, "POST", "qlive_user/login/", code("rich?gold=500"))

        assert (await scene.call(rich, "GET", "qlive_user/get_userinfo/")).body["gold"] == 500


@gen_test
async def test_a_signature_is_for_the_id_that_is_shown_and_good_for_a_week():
    async with on_air() as scene:
        logged_in = (await scene.call(None, "POST", "qlive_user/login/", code("小红"))).body
        now_s = scene.engine.node.now_ms() // 1000

        for signature in (logged_in["user_sign"], logged_in["user_sig"]):
            assert scene.signatures.holds(signature, scene.mei.id, now_s=now_s + 604_799)
            assert not scene.signatures.holds(signature, scene.mei.id, now_s=now_s + 604_800)
            assert not scene.signatures.holds(signature, scene.tom.id, now_s=now_s)


@gen_test
async def test_banned_people_may_log_in():
    async with on_air() as scene:
        await scene.ban(scene.mei)

        logged_in = (await scene.call(None, "POST", "qlive_user/login/", code("小红"))).body

        assert logged_in["status"] == 0


@gen_test
async def test_a_code_that_is_none_signs_nobody_in():
    async with on_air() as scene:
        before = scene.dump()

        answers = [
            await scene.call(None, "POST", "qlive_user/login/", code("x") | {"code": "wx-unknown"}),
            await scene.call(None, "POST", "qlive_user/", with_profile("x") | {"code": "wx-unknown"}),
        ]

        assert [(one.status, one.body["detail"]) for one in answers] == [(400, "login code refused")] * 2
        assert scene.dump() == before


# --- tokens ----------------------------------------------------------------------------------------------------------


@gen_test
async def test_several_sign_ins_of_one_person_live_beside_each_other_but_not_any_number():
    async with on_air() as scene:
        later = []
        for _ in range(5):
            await scene.clock.advance(1_000)
            signed_in = (await scene.call(None, "POST", "qlive_user/login/", code("小明"))).body
            later.append(Person(scene.tom.id, signed_in["token"]))

        statuses = [
            (await scene.call(person, "GET", "qlive_user/get_userinfo/")).status for person in (scene.tom, *later)
        ]

        assert statuses == [401, 200, 200, 200, 200, 200]


@gen_test
@pytest.mark.parametrize(("idle_days", "after_days", "status"), [(30, 29, 200), (30, 31, 401), (0, 400, 200)])
async def test_an_unused_token_ends_after_the_configured_time_or_never(idle_days, after_days, status):
    options = settings.Settings(qlive=settings.Qlive(session_idle_days=idle_days))
    async with on_air(options) as scene:
        scene.engine.identity.forget((await scene.record(scene.tom)).id)
        for session in tuple(scene.database.sessions):
            kept = scene.database.sessions[session]
            scene.database.sessions[session] = type(kept)(
                token_hash=kept.token_hash,
                person_id=kept.person_id,
                device=kept.device,
                created_at_ms=kept.created_at_ms,
                seen_at_ms=kept.seen_at_ms - after_days * DAY_MS,
            )

        assert (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/")).status == status


@gen_test
async def test_logging_out_leaves_every_room_and_keeps_the_token():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        tom = (await scene.record(scene.tom)).id

        answered = await scene.call(scene.tom, "GET", "qlive_user/logout/")

        assert answered.body == {"detail": "OK"}
        assert scene.engine.blind_dates.place_of(tom) is None
        assert (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/")).status == 200


@gen_test
async def test_a_matchmakers_live_ends_when_she_logs_out():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)

        await scene.call(scene.hong, "POST", "qlive_user/logout/")

        assert scene.engine.blind_dates.listed() == []
        assert scene.engine.blind_dates.place_of((await scene.record(scene.tom)).id) is None


@gen_test
@pytest.mark.parametrize("revoke", [1, True, "1", "true"])
async def test_logging_out_revokes_the_token_only_if_asked_to(revoke):
    async with on_air() as scene:
        answered = await scene.call(scene.tom, "POST", "qlive_user/logout/", {"revoke": revoke})

        assert answered.body == {"detail": "OK"}
        assert (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/")).status == 401


# --- where one is ----------------------------------------------------------------------------------------------------


@gen_test
async def test_logging_in_tells_in_which_room_one_is_and_as_what():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.mei)
        await scene.sits(scene.tom)

        told = {}
        for name in ("红姐", "小红", "小明"):
            logged_in = (await scene.call(None, "POST", "qlive_user/login/", code(name))).body
            told[name] = [logged_in[one] for one in ("login_type", "user_type", "live_room_name", "group_id")]
            assert logged_in["live_id"] == int(scene.hong.id)

        room = ["红姐", scene.hong.id]
        assert told == {"红姐": [1, 5, *room], "小红": [1, 1, *room], "小明": [1, 3, *room]}


# --- profiles --------------------------------------------------------------------------------------------------------


@gen_test
async def test_money_and_signature_are_ones_own_to_see():
    async with on_air() as scene:
        await scene.give((await scene.record(scene.mei)).id, Currency.QLIVE_INCOME, 7)

        own = (await scene.call(scene.mei, "GET", "qlive_user/get_userinfo/", {"user_id": scene.mei.id})).body
        same = (await scene.call(scene.mei, "GET", "qlive_user/get_userinfo/", {"user_id": ""})).body
        toms = (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/", {"user_id": scene.mei.id})).body

        assert own == same
        assert (own["gold"], own["income"]) == (10, 7)
        assert [toms[name] for name in ("gold", "income", "user_sig", "user_sign", "user_sig_expired")] == [
            0,
            0,
            "",
            "",
            None,
        ]


@gen_test
async def test_the_last_login_is_shown_in_local_time_without_zone():
    async with on_air(surface=replace(OPTIONS, time_zone="UTC")) as scene:
        await scene.clock.advance(61_000)
        await scene.call(None, "POST", "qlive_user/login/", code("小明"))

        shown = (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/")).body

        assert shown["last_login_time"] == "2026-01-01T00:01:01"
        assert shown["create_time"] == "2026-01-01T00:00:00"


@gen_test
async def test_the_documents_six_fields_are_changed_and_no_other():
    async with on_air() as scene:
        before = await scene.record(scene.mei)
        asked = {
            "nickname": "红红",
            "gender": "1",
            "age": "33",
            "area": 110101,
            "face_url": "https://img.example/new.png",
            "height": "170",
            "gold": 9_999,
            "income": 9_999,
            "is_matchmaker": True,
            "role": "matchmaker",
            "banned": 0,
            "ban": None,
            "user_id": scene.tom.id,
            "public_id": "10000000",
            "external_id": "dev:x",
            "surface": "calls",
            "points_per_minute": 5,
            "is_hidden": True,
            "created_at_ms": 0,
            "last_login_at_ms": 0,
            "rate": "9",
        }

        changed = (await scene.call(scene.mei, "POST", "qlive_user/update_userinfo/", asked)).body

        after = await scene.record(scene.mei)
        moved = {name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)}
        assert moved == {"nickname", "gender", "age", "area", "avatar_url", "height"}
        assert [changed[name] for name in ("nickname", "gender", "age", "area", "face_url", "height")] == [
            "红红",
            1,
            33,
            "110101",
            "https://img.example/new.png",
            170,
        ]
        assert (changed["gold"], changed["is_matchmaker"], changed["rate"]) == (10, False, "0.5")


@gen_test
async def test_what_is_absent_null_or_empty_stays():
    async with on_air() as scene:
        before = await scene.record(scene.mei)
        names = ("nickname", "gender", "age", "area", "face_url", "height")

        for sent in ({}, dict.fromkeys(names, ""), dict.fromkeys(names)):
            answered = await scene.call(scene.mei, "POST", "qlive_user/update_userinfo/", sent)
            assert answered.status == 200

        assert await scene.record(scene.mei) == before


@gen_test
@pytest.mark.parametrize(
    ("nickname", "kept"),
    [
        ("hahah", "hahah"),
        ("  hahah \n", "hahah"),
        ("x" * 25, "x" * 20),
        ("一二三四五六七", "一二三四五六"),
        ("一二三四五六ab七", "一二三四五六ab"),
        ("a\u202eb\u0007c", "abc"),
        ("<b>a</b>", "<b>a</b>"),
        ("e\u0301", "é"),
        ("🐷", "🐷"),
    ],
)
async def test_a_nickname_is_cut_to_twenty_units_and_cleaned(nickname, kept):
    async with on_air() as scene:
        shown = await scene.call(scene.mei, "POST", "qlive_user/update_userinfo/", {"nickname": nickname})

        assert shown.body["nickname"] == kept


@gen_test
async def test_gender_stays_while_one_sits_and_may_change_afterwards():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        sent = {"gender": 2, "nickname": "x"}
        before = scene.dump()

        refused = await scene.call(scene.tom, "POST", "qlive_user/update_userinfo/", sent)
        same = await scene.call(scene.tom, "POST", "qlive_user/update_userinfo/", {"gender": 1})
        unchanged = scene.dump() == before
        await scene.call(scene.tom, "GET", "qlive_user/logout/")
        taken = await scene.call(scene.tom, "POST", "qlive_user/update_userinfo/", sent)

        assert (refused.status, same.status, unchanged) == (400, 200, True)
        assert (taken.status, taken.body["gender"]) == (200, 2)


# --- likes -----------------------------------------------------------------------------------------------------------


@gen_test
async def test_a_like_is_set_and_taken_back_and_is_nobody_elses():
    async with on_air() as scene:

        async def state(who, about):
            return (await scene.call(who, "GET", "qlive_like/", {"user_id": about.id})).body["like_state"]

        for like_state in (1, 1, "1"):
            await scene.call(scene.mei, "POST", "qlive_like/", {"user_id": scene.tom.id, "like_state": like_state})
        liked = [
            await state(scene.mei, scene.tom),
            await state(scene.tom, scene.mei),
            await state(scene.hong, scene.tom),
        ]
        for like_state in (0, "0"):
            await scene.call(scene.mei, "POST", "qlive_like/", {"user_id": scene.tom.id, "like_state": like_state})

        assert liked == [1, 0, 0]
        assert await state(scene.mei, scene.tom) == 0


@gen_test
async def test_nobody_likes_himself():
    async with on_air() as scene:
        before = scene.dump()

        answered = await scene.call(scene.mei, "POST", "qlive_like/", {"user_id": scene.mei.id, "like_state": 1})

        assert (answered.status, answered.body["detail"]) == (400, "Invalid user_id.")
        assert scene.dump() == before


# --- with WeChat itself ----------------------------------------------------------------------------------------------


class WithWeChat:
    """A scene whose codes are WeChat's, and what a client of the mini-program is given there."""

    def __init__(self, scene, stand_in):
        self.scene = scene
        self.stand_in = stand_in

    async def log_in(self, open_id: str):
        self.stand_in.grant("code", open_id)
        sent = {"appId": self.stand_in.app_id, "code": "code"}
        return await self.scene.call(None, "POST", "qlive_user/login/", sent)

    async def create(self, open_id: str, told: dict[str, object], **changes: str):
        self.stand_in.grant("code", open_id)
        key, now_s = self.stand_in.session_key, self.scene.engine.node.now_ms() // 1000
        encrypted, iv = seal(told, app_id=self.stand_in.app_id, timestamp=now_s, session_key=key)
        sent = {"appId": self.stand_in.app_id, "code": "code", "encryptedData": encrypted, "iv": iv, **changes}
        return await self.scene.call(None, "POST", "qlive_user/", sent)


@asynccontextmanager
async def with_wechat(monkeypatch):
    stand_in = WeChatLoginStandIn()
    async with on_air() as scene, serving(stand_in) as base_url:
        http = AsyncHTTPClient(force_instance=True)
        codes = WeChatCodes(
            apps={stand_in.app_id: stand_in.app_secret},
            base_url=base_url,
            http=http,
            log=scene.log,
            now_s=lambda: NOW_S,
        )
        monkeypatch.setattr(scene.engine.world.codes, "identify", codes.identify)
        yield WithWeChat(scene, stand_in)
        http.close()


@gen_test
async def test_an_account_is_made_of_what_wechat_tells(monkeypatch):
    told = {
        "openId": "oTEST0001",
        "nickName": "一二三四五六七八",
        "gender": 2,
        "avatarUrl": "https://thirdwx.qlogo.cn/1",
    }
    async with with_wechat(monkeypatch) as wechat:
        unknown = await wechat.log_in("oTEST0001")
        created = await wechat.create("oTEST0001", told)
        again = await wechat.create("oTEST0001", {"openId": "oTEST0001", "nickName": "another"})
        known = await wechat.log_in("oTEST0001")

        person = await wechat.scene.engine.qlive_people.person(created.body["user_id"])

        assert unknown.body == {"status": 1}
        assert (again.body["user_id"], known.body["user_id"]) == (person.public_id, person.public_id)
        assert (person.nickname, person.gender, person.height) == ("一二三四五六", 2, 165)
        assert person.avatar_url == "https://thirdwx.qlogo.cn/1"


@gen_test
async def test_an_account_is_made_of_nothing_too(monkeypatch):
    async with with_wechat(monkeypatch) as wechat:
        created = await wechat.create("oTEST0001", {"gender": 0, "avatarUrl": "javascript:x"})

        person = await wechat.scene.engine.qlive_people.person(created.body["user_id"])

        shown = (person.nickname, person.gender, person.age, person.height, person.area, person.avatar_url)
        assert shown == ("", 1, 25, 180, "310100", "")


@gen_test
@pytest.mark.parametrize(
    ("told", "changes", "detail"),
    [
        ({"openId": "oTEST0002"}, {}, "profile data could not be decrypted"),
        ({}, {"encryptedData": "AAAA"}, "profile data could not be decrypted"),
        ({}, {"iv": "AAAA"}, "profile data could not be decrypted"),
        ({}, {"appId": "wx0000000000000000"}, "Invalid appId."),
        ({}, {"code": "used"}, "login code refused"),
        ({}, {"encryptedData": "A" * 8_193}, "内容过长"),
    ],
)
async def test_a_profile_or_code_that_is_not_good_makes_no_account(monkeypatch, told, changes, detail):
    async with with_wechat(monkeypatch) as wechat:
        before = wechat.scene.dump()

        refused = await wechat.create("oTEST0001", told, **changes)

        assert (refused.status, refused.body["detail"]) == (400, detail)
        assert wechat.scene.dump() == before
