"""How the addresses of our own begin that are told to clients.

Knows what a name of a host looks like. Knows no paths.
"""

import re
from typing import Final

__all__ = ["home_of"]

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def home_of(public_url: str, host: str) -> str:
    """Where people reach us: ``public_url`` where that is set, else where this client found us, which was ``host``.

    Empty where it does not say so in a form that can be believed; an address is then one without a host.
    """
    return public_url or (f"http://{host}" if _HOST.fullmatch(host) else "")
