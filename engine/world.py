"""The ports, bundled: the whole outside of one node's engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.ports import (
    Clock,
    CodeExchange,
    CodeSeal,
    CryptoPayments,
    FileContents,
    GoogleLogin,
    Log,
    Mail,
    MediaAddresses,
    Mixer,
    Passwords,
    PaymentProvider,
    PersonSignature,
    Provider,
    QrPicture,
    Rng,
    Sink,
    Spawn,
    StreamCutter,
    WebTokens,
)
from store.interfaces.stores import Stores

__all__ = ["World"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What an engine is built with. ``server.py`` fills it with real things, the simulator with others."""

    clock: Clock
    rng: Rng
    spawn: Spawn
    log: Log
    sink: Sink
    stores: Stores
    codes: CodeExchange
    google: GoogleLogin
    passwords: Passwords
    web_tokens: WebTokens
    social_tokens: WebTokens
    payments: PaymentProvider
    crypto: CryptoPayments
    media: MediaAddresses
    blind_date_media: MediaAddresses
    """Of streams that are named for who sends them, by the id he shows; anybody may watch those."""
    signatures: PersonSignature
    mixer: Mixer
    draw_qr: QrPicture
    mail: Mail
    seal_code: CodeSeal
    contents: FileContents
    cutters: Mapping[Provider, StreamCutter] = field(default_factory=dict)
    """Who ends running streams. Where there is none, a stream ends with its media server's next report, if any."""
