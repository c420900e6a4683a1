"""Mails: by SMTP, or in development into a folder.

Knows how a mail is written and handed over. Knows nobody and no text; what a mail says, and to whom, goes into no log.
Source: protocols 8.
"""

import asyncio
import os
import secrets
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from pathlib import Path
from typing import Final, Literal

import aiosmtplib

from engine.errors import MailDown
from engine.ports import Log

__all__ = ["DevMail", "NoMail", "SmtpMail", "written"]

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
SPOOLED_MAX: Final = 1_000
"""Mails kept in the folder; the oldest go."""

Security = Literal["starttls", "tls", "none"]


def written(*, sender: str, to: str, subject: str, text: str) -> EmailMessage:
    """The mail. A line end in a header, which would begin another one, is refused by the library.

    Raises: ValueError: there is one; or ``to`` is not one address.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    if len(message["To"].addresses) != 1:
        raise ValueError("not one address")
    message["Subject"] = subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or None)
    # Whoever is away need not tell us (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


class SmtpMail:
    """``Mail`` by a server that takes them from us.

    ``starttls`` insists on it: a server that does not offer it (or somebody in between who hides the offer) gets no
    mail. ``none`` is for a server on this machine.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security,
        username: str,
        password: str,
        sender: str,
        timeout_s: float,
        log: Log,
    ) -> None:
        """``username`` may be empty: nobody signs in. ``timeout_s`` is for all of it."""
        self._host = host
        self._port = port
        self._security = security
        self._username = username
        self._password = password
        self._sender = sender
        self._timeout_s = timeout_s
        self._log = log

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """One mail, over a connection of its own."""
        try:
            message = written(sender=self._sender, to=to, subject=subject, text=text)
            async with asyncio.timeout(self._timeout_s):
                await aiosmtplib.send(
                    message,
                    hostname=self._host,
                    port=self._port,
                    username=self._username or None,
                    password=self._password or None,
                    use_tls=self._security == "tls",
                    start_tls=self._security == "starttls",
                    timeout=self._timeout_s,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            self._log.warning("mail_not_sent", kind=type(error).__name__, smtp_code=_code(error))
            raise MailDown("not handed over") from None


def _code(error: Exception) -> int:
    """What the server said, as a number; 0 when it said nothing."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0


class NoMail:
    """``Mail`` where no server is named: there is none."""

    async def send(self, *, to: str, subject: str, text: str) -> None:  # noqa: ARG002 - the port's shape
        """Raises: MailDown."""
        raise MailDown("there is no mail server")


class DevMail:
    """``Mail`` into a folder, one file each, for development and tests; nothing leaves this machine."""

    def __init__(self, folder: Path, *, sender: str, log: Log) -> None:
        self._folder = folder
        self._sender = sender
        self._log = log

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """One file, named so that the newest comes last."""
        try:
            message = written(sender=self._sender, to=to, subject=subject, text=text)
        except ValueError:
            raise MailDown("not a mail") from None
        name = await asyncio.to_thread(self._spool, bytes(message))
        self._log.info("mail_spooled", file=name)

    def _spool(self, mail: bytes) -> str:
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        for old in sorted(self._folder.glob("*.eml"))[: -SPOOLED_MAX + 1]:
            old.unlink(missing_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.eml"
        unfinished = self._folder / f".{name}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
            file.write(mail)
        # Whoever looks into the folder sees whole mails only.
        unfinished.rename(self._folder / name)
        return name
