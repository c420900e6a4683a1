"""Six digits that are mailed to an address: whoever types them in can read its mail (SO-10, SEC-16, SEC-18).

Every address is mailed alike, whether anybody has an account with it or not, so neither the answer nor its time tells.
The answer waits for the mail to be handed over: whoever is told that it worked has a mail on its way, and a mail server
that refuses is 60007 and no lie (the alternative, a task in the background, could only say "we shall see"). When it
does refuse, the code is withdrawn and the address need not wait.

Knows no account. The codes themselves are kept nowhere.
"""

import hmac
from typing import Final

from engine.errors import BadInput, MailDown, TooMany
from engine.node import Node
from engine.services.guessing import Guessing
from engine.services.social_names import found_by_email, require_email
from engine.storage import store_answers
from engine.world import World
from store.interfaces.codes import MailedCode

__all__ = ["CODE", "MailedCodes"]

CODE: Final = "code"
"""What ``BadInput`` calls a code that is not good."""

DIGITS: Final = 6
LIFE_MS: Final = 300_000
TRIES: Final = 5
BETWEEN_MS: Final = 60_000
"""Source of the four: SO-10."""

PER_ADDRESS: Final = {"rate": 10, "per_ms": 3_600_000, "burst": 10}
PER_NETWORK: Final = {"rate": 60, "per_ms": 3_600_000, "burst": 30}
"""Nobody's mailbox is filled, and nobody fills many: mails an hour to one address, and asked for from one."""

PURPOSE: Final = "address"
"""What a code proves."""

SUBJECT: Final = "验证码 / Your code"
TEXT: Final = """您的验证码是 {code}，5 分钟内有效，只能使用一次。
如果不是您本人操作，请忽略本邮件。

Your code is {code}. It is good for five minutes, and once.
If it was not you who asked for it, ignore this mail.
"""


class MailedCodes:
    """Codes that prove whose an address is."""

    def __init__(self, world: World, *, node: Node) -> None:
        self._world = world
        self._store = world.stores.codes
        self._limits = world.stores.limits
        self._node = node
        self._guessing = Guessing(world, node=node, what="mailed code")

    async def send(self, email: str, *, address: str) -> None:
        """Mail a new code, which replaces the former one; ``address`` is where somebody asks for it.

        Raises: BadInput (``email``): of the form of none. TooMany: it says when. MailDown: no mail went out, and there
            is no code. StoreDown.
        """
        require_email(email)
        key, now_ms = found_by_email(email), self._node.now_ms()
        code = str(self._world.rng.below(10**DIGITS)).zfill(DIGITS)
        kept = MailedCode(
            sealed=self._sealed(code, key), tries_left=TRIES, sent_at_ms=now_ms, expires_at_ms=now_ms + LIFE_MS
        )
        with store_answers:
            await self._take(f"code mails from {address}", PER_NETWORK)
            former = await self._store.keep(key, kept, unless_since_ms=now_ms - BETWEEN_MS)
            if former is not None:
                raise TooMany(retry_after_ms=max(former.sent_at_ms + BETWEEN_MS - now_ms, 1))
        try:
            with store_answers:
                # Only now: who asks again too soon takes nothing from whoever the address belongs to.
                await self._take(f"code mails to {key}", PER_ADDRESS)
            await self._world.mail.send(to=email, subject=SUBJECT, text=TEXT.format(code=code))
        except (MailDown, TooMany):
            with store_answers:
                await self._store.take(key, kept.sealed)
            raise

    async def redeem(self, email: str, code: str, *, address: str) -> None:
        """Use a code up; ``address`` is where somebody tries it.

        Raises: BadInput: not the one, or none any more (``code``); of the form of no address (``email``). TooMany: too
            often wrong before. StoreDown.
        """
        require_email(email)
        key = found_by_email(email)
        await self._guessing.begin(name=key, address=address)
        with store_answers:
            kept = await self._store.try_once(key, now_ms=self._node.now_ms())
            is_right = kept is not None and hmac.compare_digest(kept.sealed, self._sealed(code, key))
            if kept is None or not is_right or not await self._store.take(key, kept.sealed):
                raise BadInput("not the code", field=CODE)
        await self._guessing.succeeded(name=key, address=address)

    def _sealed(self, code: str, key: str) -> str:
        return self._world.seal_code(code, address=key, purpose=PURPOSE)

    async def _take(self, key: str, bucket: dict[str, int]) -> None:
        wait_ms = await self._limits.take(key, **bucket)
        if wait_ms:
            raise TooMany(retry_after_ms=wait_ms)
