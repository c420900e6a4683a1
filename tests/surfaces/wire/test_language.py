"""Which language a caller reads."""

import pytest

from handlers.wire.language import Language, Said, choose


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("*", "zh"),
        ("fr", "zh"),
        ("en", "en"),
        ("EN-us", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0.5,en;q=0.5", "zh"),
        ("zh;q=0,en;q=0.1", "en"),
        ("en;q=nonsense", "zh"),
        ("en;q=2", "zh"),
        ("en;q=nan", "zh"),
        (",;=,;;", "zh"),
        ("x" * 100_000 + ",en", "zh"),
    ],
)
def test_chinese_unless_english_is_wanted_more(header, language):
    assert choose(header) is Language(language)


def test_a_message_is_said_in_either():
    said = Said("钻石不足", "not enough diamonds")

    assert (said.to(Language.ZH), said.to(Language.EN)) == ("钻石不足", "not enough diamonds")
