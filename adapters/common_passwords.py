"""Passwords that everybody tries first.

Only what the other rules let through is listed, so nothing shorter than eight characters: the tops of published lists
of leaked passwords, which hold most of what is guessed before a rate limit stops the guessing (SEC-16), and what people
here would add to them. A list of a hundred thousand would refuse more, and cost more than it saves for accounts that
hold play money. Rows of one character, of neighbours on the keyboard and of counted digits are found by rule.
"""

import unicodedata
from typing import Final

__all__ = ["is_common"]

_LISTED: Final = """
    password passw0rd p@ssw0rd p@ssword pa$$word passwort password! mypassword letmein! letmeinnow iloveyou iloveyou!
    woaini520 woaini1314 woaini123 woaiwojia 5201314520 qq123456 wang1234 zhangwei nihao123 zhongguo1 beijing2008
    sunshine princess football baseball basketball superman batman123 spiderman starwars pokemon123 whatever trustno1
    jennifer jordan23 michelle michael1 charlie1 computer internet samsung1 welcome1 welcome! dragon123 monkey123
    shadow123 master123 hello123 liverpool chelsea1 arsenal1 mustang1 corvette administrator admin123 admin888
    adminadmin root1234 rootroot changeme changeit default1 qwertyui 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc zaq12wsx
    zaq1zaq1 q1w2e3r4 q1w2e3r4t5 a1b2c3d4 abcd1234 aa123456 aa12345678 a1234567 a12345678 a123456789 asdf1234 qwer1234
    qwerty12 qwerty123 qwerty1234 qwe123456 qweasdzxc asdasdasd 123qweasd 123456qq 123456aa 1234qwer 12qwaszx 11223344
    12341234 123123123 123321123 147258369 159357456 789456123 31415926 20082008 19900101 19870101 greenroom
    greenroom1 livestream pecktra1 password1 password12 password123 passw0rd1 p@ssw0rd1
"""
WORDS: Final = frozenset(_LISTED.split())

ROWS: Final = ("01234567890", "09876543210", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")
KEYBOARD: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "poiuytrewq", "lkjhgfdsa", "mnbvcxz")


def is_common(password: str) -> bool:
    """Whether ``password`` is one of them, however its letters are written."""
    word = unicodedata.normalize("NFKC", password).casefold()
    return word in WORDS or len(set(word)) <= 2 or any(word in row * 2 for row in (*ROWS, *KEYBOARD))  # noqa: PLR2004 - 12121212 is as bad as 11111111
