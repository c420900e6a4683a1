"""The ``greenroom`` command against a real operators' listener: what it prints, and how it exits."""

import json
import time

import pytest

from adapters.datadir import DataDir
from engine.errors import Banned, NotSignedIn
from engine.ports import SealedProfile
from store.interfaces.ids import AccountId, CallId, RoomId
from store.interfaces.people import Role
from tests.surfaces.admin.desk import LATE_MS, at_the_desk

CALL = CallId(50001)
ROOM = RoomId("room_1")

pytestmark = pytest.mark.real_loop


@pytest.fixture(autouse=True)
def shanghai(monkeypatch):
    """Times are the terminal's: here it stands in Shanghai."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("USER", "ada")
    for name in ("GREENROOM_URL", "GREENROOM_ADMIN_TOKEN", "GREENROOM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def data_dir(tmp_path):
    with DataDir(tmp_path / "var") as data_dir:
        yield data_dir


def block(text: str) -> str:
    """A text as it stands in a test, without the test's indentation."""
    lines = text.strip("\n").split("\n")
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[indent:] for line in lines).rstrip() + "\n"


async def test_status_shows_the_node_and_finds_stuck_calls(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.stage.advance(30_000, seen=desk.cast.both)
        code, out, err = await desk.type("status")

        assert (code, err) == (0, "")
        assert out == block("""
            #1   up 00:00:30   lease confirmed
            what            now  today  note
            ─────────────────────────────────────
            rooms open        0      –  0 on air
            seats taken       0      –
            viewers           0      –
            people here       2      –  0 sockets
            calls live        1      1
            ledger waiting    0      –
            calls today: connected 1
        """)

        await desk.lose_the_actor(90_000)
        code, out, _ = await desk.type("status")

        assert code == 1
        assert "1 stuck → greenroom calls --stuck" in out


async def test_calls_lists_live_calls_in_every_spelling(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.stage.advance(125_000, seen=desk.cast.both)

        for spelling in (("calls",), ("calls", "ls")):
            code, out, _ = await desk.type(*spelling)

            assert code == 0
            assert out == block("""
                call   state      guest  anchor      talk  billed  silent  node
                ───────────────────────────────────────────────────────────────
                50001  connected  10002  10001   00:02:05   3 min       –  #1
                1 live call
            """)


async def test_a_call_without_a_deadline_kept_is_stuck_explained_and_ended(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.lose_the_actor(252_000)

        code, out, _ = await desk.type("calls", "--stuck")
        assert code == 1
        assert out == block("""
            call   state      guest  anchor      talk  billed   overdue  why
            ───────────────────────────────────────────────────────────────────────────────
            50001  connected  10002  10001   00:04:12   1 min  00:03:12  minute not charged
            FAIL 50001 → greenroom calls explain 50001
        """)

        code, out, _ = await desk.type("calls", "explain", "50001")
        assert code == 1
        assert out == block("""
            call 50001   10 diamonds/min   anchor 10 of 10 points/min   price fixed 2026-01-01 12:00:00
            guest 10002 Tom   anchor 10001 阿宁   connected
            at        #  event                   guest  anchor  by
            ──────────────────────────────────────────────────────────
            12:00:00  1  ring guest → anchor                    guest
            12:00:00  2  answer                                 anchor
            12:00:00  3  anchor says start                      anchor
            12:00:00  4  minute 1, clock starts    -10     +10  clock
            paid 10, credited 10, ledger agrees
            FAIL minute not charged, 00:03:12 late → greenroom calls end 50001 --reason WHY
        """)

        code, out, _ = await desk.type("calls", "end", "50001", "--reason", "lost")
        assert code == 0
        assert out == block("""
            would end 50001 now: 1 minute, guest -10, anchor +10, no refund; a minute that has begun is paid first
            frees anchor 10001 and guest 10002, and tells both
            nothing has been done; add --yes to do it
        """)
        assert (await desk.stage.call(CALL)).is_live
        assert await desk.audit() == []

        code, out, _ = await desk.type("calls", "end", "50001", "--reason", "lost", "--yes")
        assert code == 0
        assert out == block("""
            call 50001 has ended: stopped by operator at 2026-01-01 12:04:12, 1 minute   → greenroom calls explain 50001
        """)
        assert await desk.audit() == [("ada", "call.end", "50001", "lost")]

        code, out, _ = await desk.type("calls", "--stuck")
        assert (code, out.splitlines()[-1]) == (0, "none is stuck")
        code, out, _ = await desk.type("calls", "end", "50001", "--reason", "again", "--yes")
        assert (code, out) == (
            0,
            "call 50001 has ended: stopped by operator at 2026-01-01 12:04:12, 1 minute\n",
        )


async def test_explain_folds_the_minutes_and_shows_gaps_and_gifts(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.stage.advance(310_000, seen=desk.cast.both)
        await desk.engine.gifts.give(desk.tom, 1, 2, to=desk.mei.id, key="roses")
        await desk.stage.advance(60_000, seen=(desk.mei,))
        await desk.stage.advance(5_000, seen=desk.cast.both)
        await desk.stage.advance(30_000, seen=desk.cast.both)
        await desk.cast.hang_up(by=desk.mei)

        code, out, _ = await desk.type("calls", "explain", "50001")

        assert code == 0
        assert out == block("""
            call 50001   10 diamonds/min   anchor 10 of 10 points/min   price fixed 2026-01-01 12:00:00
            guest 10002 Tom   anchor 10001 阿宁   hung up by anchor at 2026-01-01 12:06:45, 7 minutes
            at         #  event                        guest  anchor  by
            ────────────────────────────────────────────────────────────────
            12:00:00   1  ring guest → anchor                         guest
            12:00:00   2  answer                                      anchor
            12:00:00   3  anchor says start                           anchor
            12:00:00   4  minute 1, clock starts         -10     +10  clock
            …             minutes 2–5                    -40     +40  clock
            12:05:00   9  minute 6                       -10     +10  clock
            12:05:10  10  gift 1×2                       -20     +20  guest
            12:06:00  11  minute 7                       -10     +10  clock
            12:06:10  12  guest line lost, not billed                 guest
            12:06:15  13  guest is back                               guest
            12:06:45  14  ended: hung up                              anchor
            paid 70, credited 70, ledger agrees
            1 gift: guest -20, anchor +20
        """)


async def test_a_bill_that_does_not_agree_is_found(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.cast.hang_up()
        desk.database.entries_of_call[CALL].clear()

        code, out, _ = await desk.type("calls", "explain", "50001")

        assert code == 1
        assert out.splitlines()[-2:] == [
            "paid 0, credited 0, ledger does NOT agree",
            "FAIL the call says 1 min were paid → greenroom ledger verify",
        ]


async def test_income_by_day_with_bars_and_as_csv(data_dir):
    async with at_the_desk(data_dir, begins_at_ms=LATE_MS) as desk:
        await desk.cast.connect()
        await desk.stage.advance(170_000, seen=desk.cast.both)
        await desk.engine.gifts.give(desk.tom, 1, 1, to=desk.mei.id, key="rose")
        await desk.cast.hang_up()
        await desk.stage.advance(60_000, seen=desk.cast.both)
        await desk.cast.connect()
        await desk.cast.hang_up()
        await desk.stage.advance(1_000)

        code, out, _ = await desk.type("income", "dev:mei", "--month", "2026-01")
        assert code == 0
        assert out == block("""
            income 10001 阿宁   2026-01-01 .. 2026-01-31   points
            day         gifts  calls  total  min
            ────────────────────────────────────────────────
            2026-01-01     10     30     40    3  ██████████
            2026-01-02      0     10     10    1  ███
            ────────────────────────────────────────────────
            total          10     40     50    4
            earned ever 50   holds 50   matches ledger: yes (5 lines)
        """)

        code, out, _ = await desk.type("income", "10001", "--from", "2026-01-02", "--to", "2026-01-02", "--csv")
        assert (code, out) == (0, "day,gift_points,call_points,points,minutes\n2026-01-02,0,10,10,1\n")
        code, out, _ = await desk.type("income", "10001", "--lines", "--from", "2026-01-02", "--to", "2026-01-02")
        assert (code, out.splitlines()[3].split()[:4]) == (
            0,
            ["2026-01-02", "00:00:50", "call:50002:m:1", "minute"],
        )
        code, out, _ = await desk.type("income", "10001", "--lines", "--csv")
        assert (code, len(out.splitlines())) == (0, 6)
        code, _, err = await desk.type("income", "10001", "--month", "2026-13")
        assert (code, err) == (4, err)
        assert "month is not a date (BAD_INPUT" in err


async def test_income_that_does_not_match_is_found(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.cast.hang_up()
        await desk.stage.advance(1_000)
        desk.database.earned.clear()

        code, out, _ = await desk.type("income", "10001")

        assert code == 1
        assert out.splitlines()[-2:] == [
            "earned ever 0   holds 10   matches ledger: NO (1 line)",
            "FAIL → greenroom ledger verify",
        ]


async def test_the_ledger_is_verified_and_a_finding_names_where_to_look(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.stage.advance(1_000)
        code, out, _ = await desk.type("ledger", "verify")
        assert code == 0
        assert out == block("""
            currency        in wallets
            ──────────────────────────
            calls.diamonds        1000
            1 entries, 1 accounts: ok, everything agrees
        """)

        desk.database.balances[AccountId("calls.diamonds/10002")] = 7
        code, out, _ = await desk.type("ledger", "verify")
        assert code == 1
        assert any(
            line.startswith("FAIL ") and line.endswith("→ greenroom wallet lines 10002 --currency diamonds")
            for line in out.splitlines()
        ), out


async def test_doctor_exits_by_what_it_finds(data_dir):
    async with at_the_desk(data_dir) as desk:
        code, out, _ = await desk.type("doctor")
        assert (code, out.splitlines()[-1]) == (0, "11 checks, 0 FAIL")

        desk.cast.switch.is_down = True
        code, out, _ = await desk.type("doctor")
        failed = [line for line in out.splitlines() if line.startswith("FAIL")]

        assert (code, out.splitlines()[-1]) == (1, "11 checks, 9 FAIL")
        assert len(failed) == 9
        assert all("→ greenroom " in line for line in failed)


async def test_an_act_is_a_dry_run_until_it_is_meant(data_dir):
    async with at_the_desk(data_dir) as desk:
        cases = (
            (("users", "ban", "dev:tom", "--for", "7d"), "would exclude 10002 Tom (account) for 7d 00:00:00"),
            (("users", "unban", "dev:tom"), "would let 10002 Tom in again"),
            (("users", "warn", "dev:tom"), "would warn 10002 Tom: a test"),
            (("users", "approve", "dev:tom"), "would make 10002 Tom an anchor (now: guest)"),
            (("wallet", "grant", "dev:tom", "5"), "would give 5 diamonds to 10002 Tom: 1000 → 1005"),
            (("wallet", "grant", "dev:tom", "-5"), "would take 5 diamonds from 10002 Tom: 1000 → 995"),
        )
        for words, would in cases:
            code, out, _ = await desk.type(*words, "--reason", "a test")

            assert code == 0
            assert out.startswith(would)
            assert out.endswith("nothing has been done; add --yes to do it\n")
            assert (await desk.type(*words))[0] == 2, "an act says why"
        assert await desk.audit() == []

        for words, _ in cases:
            assert (await desk.type(*words, "--reason", "a test", "--yes", "--actor", "eve"))[0] == 0

        assert [(actor, action) for actor, action, *_ in reversed(await desk.audit())] == [
            ("eve", "person.ban.account"),
            ("eve", "person.unban"),
            ("eve", "person.warn"),
            ("eve", "person.role.anchor"),
            ("eve", "wallet.grant"),
            ("eve", "wallet.grant"),
        ]
        assert await desk.stage.diamonds(desk.tom) == 1_000


async def test_a_grant_with_a_key_can_be_repeated(data_dir):
    async with at_the_desk(data_dir) as desk:
        words = ("wallet", "grant", "10002", "5", "--key", "k-1", "--reason", "a test", "--yes")

        first, again = await desk.type(*words), await desk.type(*words)

        assert first == (0, "10002 Tom holds 1005 diamonds (+5, key k-1)\n", "")
        assert again == first


async def test_more_than_somebody_holds_is_refused_before_it_is_tried(data_dir):
    async with at_the_desk(data_dir) as desk:
        code, _, err = await desk.type("wallet", "grant", "10002", "-1001", "--reason", "a test", "--yes")

        assert (code, err) == (4, "refused: 10002 holds 1000 diamonds (INSUFFICIENT_BALANCE)\n")
        assert await desk.audit() == []


async def test_people_are_found_by_id_external_id_or_nickname(data_dir):
    async with at_the_desk(data_dir) as desk:
        for words in (("users", "find", "阿"), ("users", "find", "dev:mei"), ("users", "find", "--role", "anchor")):
            code, out, _ = await desk.type(*words)

            assert code == 0
            assert out == block("""
                id     role    nickname  external id  shown id  price  ban  since
                ───────────────────────────────────────────────────────────────────────────────
                10001  anchor  阿宁      dev:mei                   10       2026-01-01 12:00:00
                1 of the newest
            """)
        code, out, _ = await desk.type("users")
        assert [line.split()[0] for line in out.splitlines()[2:4]] == ["10002", "10001"]
        code, _, err = await desk.type("wallet", "show", "nobody")
        assert (code, err) == (4, "refused: nobody fits nobody: greenroom users find nobody (NOT_FOUND)\n")


async def test_people_of_blind_dates_are_found_by_the_id_they_show_and_approved_as_matchmakers(data_dir):
    async with at_the_desk(data_dir) as desk:
        sealed = SealedProfile(encrypted_data="", iv="")
        hong = (await desk.engine.identity.sign_up("qlive", "dev:hong", app_id="", sealed=sealed)).person
        # Somebody who calls himself by her number is not meant by it.
        await desk.stage.sign_in(f"dev:eve?nickname={hong.public_id}")

        code, out, _ = await desk.type("users", "show", hong.public_id)
        shown = {words[0]: words[1:] for words in map(str.split, out.splitlines()) if words}
        assert (code, shown["id"], shown["shown"]) == (0, [str(hong.id)], ["id", hong.public_id])

        code, out, _ = await desk.type("users", "approve", hong.public_id, "--reason", "a test")
        assert out.splitlines()[0] == f"would make {hong.id} hong a matchmaker (now: guest)"
        code, out, _ = await desk.type("users", "approve", hong.public_id, "--reason", "a test", "--yes")
        assert (code, out) == (0, f"{hong.id} hong is a matchmaker\n")
        code, out, _ = await desk.type("users", "approve", "dev:hong", "--revoke", "--reason", "a test", "--yes")
        assert (code, out) == (0, f"{hong.id} hong is a guest\n")


async def test_settings_are_shown_with_who_said_them_and_read_again(data_dir):
    async with at_the_desk(data_dir) as desk:
        code, out, _ = await desk.type("config", "show")
        assert code == 0
        assert out == block("""
            setting      value           said by
            ───────────────────────────────────────────────────
            http.port    8000            flag
            share.title  和我视频聊天吧  built-in
            pay.api_key  ****            GREENROOM_PAY__API_KEY
            3 settings
        """)
        code, out, _ = await desk.type("config", "show", "share")
        assert (code, out.splitlines()[-1]) == (0, "1 setting")
        code, _, err = await desk.type("config", "show", "shar")
        assert (code, err) == (4, "refused: there is no setting shar (NOT_FOUND)\n")

        code, out, _ = await desk.type("config", "reload", "--reason", "a test")
        assert (code, out.splitlines()[0]) == (0, "would read the configuration again")
        code, out, _ = await desk.type("config", "reload", "--reason", "a test", "--yes")
        assert (code, out) == (0, "changed: share.title\nneeds a restart: calls.ring_ms\n")
        desk.config.mistakes = ("http.port: Expected int, got str", "gifs: no such setting")
        code, out, _ = await desk.type("config", "reload", "--reason", "a test", "--yes")
        assert (code, out) == (
            1,
            "nothing has changed, because of\n  http.port: Expected int, got str\n  gifs: no such setting\n",
        )


async def test_a_minted_token_stands_alone_and_works(data_dir):
    async with at_the_desk(data_dir) as desk:
        code, out, _ = await desk.type("token", "mint", "dev:tom")

        assert code == 0
        assert (await desk.engine.identity.who(out.strip(), surface="calls")).id == desk.tom.id
    async with at_the_desk(data_dir, is_dev=False) as desk:
        code, _, err = await desk.type("token", "mint", "10002")

        assert (code, "in development only (FORBIDDEN" in err) == (4, True)


async def test_the_first_super_admin_of_the_social_app_is_made_at_the_desk_and_the_last_one_stays(data_dir):
    async with at_the_desk(data_dir) as desk:
        ann = (await desk.engine.social_people.register("ann", "123456", email="ann@example.com")).person
        shown_id = ann.public_id

        code, out, _ = await desk.type("users", "level", shown_id, "4", "--reason", "the first")
        assert (code, out) == (
            0,
            f"would make {ann.id} ann a super admin (4)\nnothing has been done; add --yes to do it\n",
        )
        code, out, _ = await desk.type("users", "level", "ann", "4", "--reason", "the first", "--yes")
        assert (code, out) == (0, f"{ann.id} ann is a super admin\n")
        code, _, err = await desk.type("users", "level", "ann", "1", "--reason", "a test", "--yes")
        assert (code, "FORBIDDEN" in err) == (4, True)
        code, _, err = await desk.type("users", "level", "dev:tom", "1", "--reason", "a test", "--yes")
        assert (code, "NOT_FOUND" in err) == (4, True)

        member = await desk.engine.world.stores.members.get(ann.id)
        assert member is not None
        assert member.level == 4
        code, audit, _ = await desk.type("audit")
        assert (code, audit.count("person.level.4"), audit.count("person.level.1")) == (0, 1, 1)

        code, out, _ = await desk.type("token", "mint", "ann")
        assert (code, (await desk.engine.social_sign_ins.who_by_token(out.strip())).person.id) == (0, ann.id)
        code, out, _ = await desk.type("users", "ban", "ann", "--reason", "广告", "--yes")
        assert (code, "is excluded" in out) == (0, True)


async def test_people_of_the_site_are_found_banned_and_helped_to_another_password(data_dir):
    async with at_the_desk(data_dir) as desk:
        people = desk.engine.site_people
        jliu = await people.register_anchor("J Liu", "jliu", "diamonds 960 for me")
        wei = await people.register_viewer("wei", "diamonds 960 for me", email="wei@example.com")
        opened = await desk.engine.web_sign_ins.open(wei)

        _, found, _ = await desk.type("users", "find", jliu.public_id)
        code, shown, _ = await desk.type("users", "show", "wei")
        assert jliu.public_id in found
        assert (code, "site wei" in shown, "wei@example.com" in shown, "points" in shown) == (0, True, False, False)

        code, out, _ = await desk.type("users", "password", "wei", "--reason", "a test")
        assert (code, out.startswith(f"would give {wei.id} wei another password")) == (0, True)
        code, out, _ = await desk.type("users", "password", "wei", "--reason", "a test", "--yes")
        password = out.split()[-1]
        assert (code, out) == (0, f"{wei.id} wei has the password {password}\n")
        assert (await people.check_password("wei", password, role=Role.GUEST, address="x")).id == wei.id
        with pytest.raises(NotSignedIn):
            await desk.engine.web_sign_ins.who_by_token(opened.tokens.access)
        code, _, err = await desk.type("users", "password", "dev:tom", "--reason", "a test", "--yes")
        assert (code, "NOT_FOUND" in err) == (4, True)

        code, out, _ = await desk.type("token", "mint", jliu.public_id)
        assert (code, (await desk.engine.web_sign_ins.who_by_token(out.strip())).person.id) == (0, jliu.id)
        code, _, err = await desk.type("users", "approve", "wei", "--reason", "a test", "--yes")
        assert (code, "BAD_INPUT" in err) == (4, True)
        code, out, _ = await desk.type("users", "ban", "wei", "--reason", "广告", "--yes")
        assert (code, out) == (0, f"{wei.id} wei is excluded: account until it is lifted: 广告\n")
        with pytest.raises(Banned):
            await desk.engine.web_sign_ins.open(await people.person(wei.id))


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("doctor",),
        ("audit",),
        ("calls",),
        ("calls", "ls"),
        ("calls", "--stuck"),
        ("calls", "show", "50001"),
        ("calls", "explain", "50001"),
        ("users",),
        ("users", "find", "T"),
        ("users", "show", "10002"),
        ("wallet", "show", "10002"),
        ("wallet", "lines", "10002"),
        ("income", "10001"),
        ("ledger", "verify"),
        ("rooms",),
        ("rooms", "ls"),
        ("rooms", "show", "room_1"),
        ("rooms", "seats", "room_1"),
        ("token", "mint", "10002"),
        ("config", "show"),
    ],
    ids=" ".join,
)
async def test_every_question_can_be_asked_as_json(data_dir, words):
    async with at_the_desk(data_dir) as desk:
        await desk.cast.connect()
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)

        code, out, err = await desk.type(*words, "--json")
        before = await desk.type("--json", *words)

        assert (code, err) == (0, "")
        assert isinstance(json.loads(out), dict)
        assert json.loads(before[1]).keys() == json.loads(out).keys()


async def test_an_act_as_json_says_whether_it_was_done(data_dir):
    async with at_the_desk(data_dir) as desk:
        _, out, _ = await desk.type("users", "warn", "10002", "--reason", "a test", "--json")
        assert json.loads(out) == {"done": False, "would": "warn 10002 Tom: a test"}

        _, out, _ = await desk.type("users", "warn", "10002", "--reason", "a test", "--json", "--yes")
        assert json.loads(out) == {"person_id": 10002}


async def test_a_wrong_token_is_refused(data_dir):
    async with at_the_desk(data_dir) as desk:
        code, out, err = await desk.type("--token", "wrong", "status")

        assert (code, out) == (4, "")
        assert err.startswith("refused: not signed in (NOT_SIGNED_IN, request ")


async def test_the_server_is_found_by_address_and_by_the_environment(data_dir, monkeypatch):
    async with at_the_desk(data_dir) as desk:
        token = data_dir.admin_token()
        assert (await desk.type("--url", desk.url, "--token", token, "status", env={}))[0] == 0

        monkeypatch.setenv("GREENROOM_URL", desk.url)
        assert (await desk.type("status", env={}))[0] == 2, "an address alone gets nobody's token"
        monkeypatch.setenv("GREENROOM_ADMIN_TOKEN", token)
        assert (await desk.type("status", env={}))[0] == 0
        monkeypatch.setenv("GREENROOM_URL", "http://127.0.0.1:1")
        assert (await desk.type("status"))[0] == 0, "a folder that is said counts for more than the environment"
        monkeypatch.delenv("GREENROOM_URL")
        monkeypatch.setenv("GREENROOM_DATA_DIR", str(data_dir.path))
        assert (await desk.type("status", env={}))[0] == 0


async def test_what_people_call_themselves_does_not_steer_the_terminal(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.stage.sign_in("dev:eve?nickname=\x1b[2J[red]\u202eEve\nroot")

        _, out, _ = await desk.type("users")

        assert "�[2J[red]�Eve�root" in out
        assert "\x1b" not in out
