"""How amounts are written."""

from handlers.calls import amounts


def test_amounts_carry_their_unit_without_a_space():
    written = (
        amounts.points(130),
        amounts.diamonds(0),
        amounts.minutes(3),
        amounts.points_per_minute(10),
        amounts.diamonds_per_minute(10),
    )

    assert written == ("130积分", "0钻石", "3分钟", "10积分/分钟", "10钻石/分钟")
