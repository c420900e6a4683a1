"""Mails as a real SMTP server gets them, and every way in which it does not."""

import asyncio
import email
import email.policy
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from adapters.mail import SPOOLED_MAX, DevMail, NoMail, SmtpMail, written
from engine.errors import MailDown
from tests.support.fakes import RecordingLog

pytestmark = pytest.mark.real_loop
SENDER = "Greenroom <no-reply@greenroom.example>"
TO = "jhinih@example.com"
CODE = "786739"


class Mailbox:
    """What the server does with what it is told; ``taken`` are whole mails."""

    def __init__(self, *, at_rcpt: str = "250 OK", at_data: str = "250 OK", is_silent: bool = False) -> None:
        self.taken: list[Envelope] = []
        self.at_rcpt = at_rcpt
        self.at_data = at_data
        self.is_silent = is_silent

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.at_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_rcpt

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        if self.is_silent:
            await asyncio.sleep(60)
        if self.at_data.startswith("250"):
            self.taken.append(envelope)
        return self.at_data


@pytest.fixture(autouse=True)
def quiet():
    """The server's own log, in which a client that hangs up is an error."""
    logging.getLogger("mail.log").disabled = True
    yield
    logging.getLogger("mail.log").disabled = False


@asynccontextmanager
async def served(mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """A mail server on loopback; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mail.example", tls_context=tls, **options), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def mail_by(port: int, *, log: RecordingLog, **changes: Any) -> SmtpMail:
    fine: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "username": "",
        "password": "",
        "sender": SENDER,
        "timeout_s": 2.0,
        "log": log,
    }
    return SmtpMail(**(fine | changes))


async def refused(mail: SmtpMail, log: RecordingLog, **changes: str) -> dict[str, object]:
    """What is logged of a mail that is not taken."""
    said = {"to": TO, "subject": "验证码", "text": f"您的验证码是 {CODE}"} | changes
    with pytest.raises(MailDown):
        await mail.send(**said)
    line = log.take("mail_not_sent")
    assert not any(word in str(line) for word in (CODE, TO, "example.com", "secret"))
    return line


async def test_a_mail_arrives_as_it_was_written():
    mailbox, log = Mailbox(), RecordingLog()
    async with served(mailbox) as port:
        await mail_by(port, log=log).send(to=TO, subject="验证码 / Your code", text=f"您的验证码是 {CODE}\n")

    (envelope,) = mailbox.taken
    assert isinstance(envelope.content, bytes)
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@greenroom.example", [TO])
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, TO, "验证码 / Your code")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@greenroom.example>")
    assert message["Date"].datetime is not None
    assert message.get_content().strip() == f"您的验证码是 {CODE}"
    assert log.events() == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"at_rcpt": "550 no such mailbox"}, 550),
        ({"at_rcpt": "450 try later"}, 450),
        ({"at_data": "554 spam"}, 554),
        ({"at_data": "452 disk full"}, 452),
    ],
)
async def test_a_server_that_refuses_has_not_taken_it(said, code):
    log, mailbox = RecordingLog(), Mailbox(**said)
    async with served(mailbox) as port:
        line = await refused(mail_by(port, log=log), log)

    assert mailbox.taken == []
    assert line["smtp_code"] == code


async def test_a_server_that_says_nothing_is_not_waited_for():
    log, mailbox = RecordingLog(), Mailbox(is_silent=True)
    async with served(mailbox) as port, asyncio.timeout(5):
        await refused(mail_by(port, log=log, timeout_s=0.3), log)


async def test_a_connection_that_nobody_answers_is_not_waited_for():
    log = RecordingLog()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        port = deaf.getsockname()[1]
        async with asyncio.timeout(5):
            await refused(mail_by(port, log=log, timeout_s=0.3), log)
    # And where nobody listens at all.
    await refused(mail_by(port, log=log), log)


async def test_a_server_that_does_not_offer_tls_gets_no_mail_and_no_password():
    log, mailbox = RecordingLog(), Mailbox()
    tried: list[object] = []

    def authenticate(*tried_with: object) -> AuthResult:
        tried.append(tried_with)
        return AuthResult(success=True)

    async with served(mailbox, authenticator=authenticate, auth_require_tls=False) as port:
        mail = mail_by(port, log=log, security="starttls", username="greenroom", password="secret of ours")
        await refused(mail, log)

    assert (mailbox.taken, tried) == ([], [])


async def test_a_certificate_that_nobody_vouches_for_is_none(tmp_path):
    log, mailbox = RecordingLog(), Mailbox()
    async with served(mailbox, tls=self_signed(tmp_path)) as port:
        await refused(mail_by(port, log=log, security="starttls"), log)

    assert mailbox.taken == []


async def test_over_a_line_that_is_safe_somebody_signs_in_and_the_mail_is_taken(tmp_path, monkeypatch):
    log, mailbox = RecordingLog(), Mailbox()
    tls, tried = self_signed(tmp_path), []
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, said: object) -> AuthResult:
        assert isinstance(said, LoginPassword)
        tried.append((said.login, said.password))
        return AuthResult(success=said.password == b"secret of ours")

    async with served(mailbox, tls=tls, require_starttls=True, authenticator=authenticate) as port:
        mail = mail_by(
            port, log=log, host="localhost", security="starttls", username="greenroom", password="secret of ours"
        )
        await mail.send(to=TO, subject="验证码", text=CODE)
        wrong = mail_by(port, log=log, host="localhost", security="starttls", username="greenroom", password="another")
        await refused(wrong, log)

    assert len(mailbox.taken) == 1
    assert tried[0] == (b"greenroom", b"secret of ours")


@pytest.mark.parametrize(
    "said",
    [
        {"to": f"{TO}\r\nBcc: other@example.com"},
        {"to": f"{TO}\nSubject: other"},
        {"subject": "验证码\r\nBcc: other@example.com"},
        {"to": ""},
        {"to": "nobody"},
        {"to": f"{TO}, other@example.com"},
    ],
    ids=repr,
)
async def test_no_header_and_no_second_address_comes_in_by_a_field(said):
    log, mailbox = RecordingLog(), Mailbox()
    async with served(mailbox) as port:
        mail = mail_by(port, log=log)
        try:
            await mail.send(**({"to": TO, "subject": "验证码", "text": CODE} | said))
        except MailDown:
            log.take("mail_not_sent")

    for envelope in mailbox.taken:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert "Bcc" not in message
        assert message["Subject"] == "验证码"
        assert "other@example.com" not in envelope.rcpt_tos


async def test_without_a_server_there_is_no_mail():
    with pytest.raises(MailDown):
        await NoMail().send(to=TO, subject="s", text="t")


async def test_in_development_a_mail_is_a_file_and_the_log_does_not_tell_what_it_says(tmp_path):
    log = RecordingLog()
    mail = DevMail(tmp_path / "mail", sender=SENDER, log=log)

    await mail.send(to=TO, subject="验证码", text=f"您的验证码是 {CODE}")
    await mail.send(to=TO, subject="验证码", text="the second")
    with pytest.raises(MailDown):
        await mail.send(to=f"{TO}\nBcc: x@example.com", subject="s", text="t")

    first, second = sorted((tmp_path / "mail").iterdir())
    message = email.message_from_bytes(first.read_bytes(), policy=email.policy.default)
    assert (message["To"], message.get_content().strip()) == (TO, f"您的验证码是 {CODE}")
    assert "the second" in second.read_text()
    assert first.stat().st_mode & 0o777 == 0o600
    assert log.take("mail_spooled") == {"file": first.name}
    assert log.take("mail_spooled") == {"file": second.name}


async def test_the_folder_does_not_grow_for_ever(tmp_path):
    mail = DevMail(tmp_path, sender=SENDER, log=RecordingLog())
    for number in range(SPOOLED_MAX):
        (tmp_path / f"{number:020d}-x.eml").write_bytes(b"")

    await mail.send(to=TO, subject="s", text="the newest")

    kept = sorted(tmp_path.iterdir())
    assert len(kept) == SPOOLED_MAX
    assert "the newest" in kept[-1].read_text()
    assert kept[0].name.startswith(f"{1:020d}")


def test_a_mail_of_an_address_without_a_name_is_fine_too():
    assert written(sender="no-reply@greenroom.example", to=TO, subject="s", text="t")["To"] == TO


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS under a certificate for localhost that it has written itself."""
    import datetime as dt  # noqa: PLC0415 - for this alone

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
