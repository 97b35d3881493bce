"""Values that belong to nobody: what registries keep for examples and fiction.

Detectors leave them alone, and pseudonyms are made of them.
"""

import ipaddress
import re

EXAMPLE_DOMAINS = ("example.com", "example.org", "example.net")
"""RFC 2606 and RFC 6761."""
_EXAMPLES = (*EXAMPLE_DOMAINS, "localhost")
_RESERVED_ENDS = (
    *(f".{domain}" for domain in EXAMPLE_DOMAINS), ".example", ".test", ".invalid", ".localhost",
)  # fmt: skip

DOCUMENTATION = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    )
)
"""RFC 5737, RFC 3849 and RFC 9637."""

_FICTION = re.compile(
    r"1?[2-9]\d\d55501\d\d|55501\d\d|"  # North America: NANPA, 555-0100 to 555-0199
    # United Kingdom, Ofcom's numbers for drama
    r"(?:44|0)(?:1632960\d{3}|2079460\d{3}|7700900\d{3}|1(?:13|14|15|16|17|18|21|31|41|51|61)"
    r"4960\d{3}|1914980\d{3}|2896496\d{3}|2920180\d{3}|8081570\d{3}|9098790\d{3}|3069990\d{3})|"
    r"(?:33|0)(?:19900|26191|35301|46571|53649|63998)\d{4}|"  # France, ARCEP 2018-0881
    r"(?:49|0)(?:3023125|6990009|4066969|2214710|8999998)\d{3}|"  # Germany, BNetzA
    # Australia, ACMA
    r"(?:61|0)(?:[2378](?:5550|7010)\d{4}|491570(?:006|110|156|157|158|159|313|737))|"
    r"(?:353|0)2091\d{5}|"  # Ireland, ComReg
    r"999\d{5,12}"  # country code 999: given to no country (ITU-T E.164)
)


def example_host(host: str) -> bool:
    """Whether a host can only be an example."""
    host = host.lower().rstrip(".")
    return host in _EXAMPLES or host.endswith(_RESERVED_ENDS)


def fictional_phone(digits: str) -> bool:
    """Whether a number (its digits alone, with or without country code) is kept for fiction."""
    return _FICTION.fullmatch(digits.removeprefix("00")) is not None


def nobodys_address(text: str) -> bool:
    """Whether an IP address is of a documentation range, this machine, a mask or a group.

    Raises ValueError if it is none.
    """
    address = ipaddress.ip_address(text)
    if any(address in network for network in DOCUMENTATION if network.version == address.version):
        return True
    mask = address.version == 4 and str(address).split(".")[0] in ("0", "255")
    return mask or address.is_loopback or address.is_unspecified or address.is_multicast
