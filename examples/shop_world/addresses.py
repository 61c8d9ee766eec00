"""IP addresses as a sign-up form leaves them: of a country's providers, private, reserved, nonsense."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random

# Blocks that have been one country's for decades, so that a lookup by country has something to find. The host part is
# drawn at random and stands for nobody.
_BLOCKS: dict[str, tuple[str, ...]] = {
    "US": ("12.0.0.0/9", "24.0.0.0/12", "71.192.0.0/12", "128.32.0.0/16", "171.64.0.0/14", "2600:1700::/28"),
    "CA": ("24.64.0.0/14", "99.224.0.0/11", "128.100.0.0/16", "2607:fea8::/32"),
    "GB": ("81.128.0.0/12", "86.128.0.0/10", "131.111.0.0/16", "2001:630::/32"),
    "DE": ("79.192.0.0/10", "84.128.0.0/10", "141.20.0.0/16", "2003::/20", "2001:4ca0::/32"),
    "FR": ("82.64.0.0/14", "90.0.0.0/9", "129.175.0.0/16", "2001:660::/32"),
    "NL": ("77.160.0.0/13", "130.37.0.0/16", "2001:610::/32"),
    "SE": ("78.64.0.0/12", "81.224.0.0/12", "130.237.0.0/16", "2001:6b0::/32"),
    "JP": ("126.0.0.0/8", "133.11.0.0/16", "219.0.0.0/10", "2400:2000::/20"),
    "AU": ("58.160.0.0/12", "101.160.0.0/11", "130.102.0.0/16", "2001:8000::/20"),
}
NETWORKS: dict[str, tuple[IPv4Network | IPv6Network, ...]] = {
    country: tuple(ip_network(block) for block in blocks) for country, blocks in _BLOCKS.items()
}
_NO_COUNTRY = tuple(
    ip_network(block)
    for block in ("10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12", "127.0.0.0/8", "192.0.2.0/24", "fe80::/64")
)
_NONSENSE = ("unknown", "localhost", "999.12.3.4", "192.168.1", "0.0.0.0", "::", "10.0.0.1, 12.7.8.9", "12.7.8.9:443")
_ABROAD_SHARE = 0.04


def address(random: Random, country: str) -> str | None:
    """Where somebody of `country` signed up from; now and then from abroad, through a proxy, or lost."""
    kind = random.random()
    if kind < 0.03:
        return None
    if kind < 0.05:
        return random.choice(_NONSENSE)
    if kind < 0.09:
        return _host(random, random.choice(_NO_COUNTRY))
    where = random.choice(tuple(NETWORKS)) if random.random() < _ABROAD_SHARE else country
    return _host(random, random.choice(NETWORKS[where]))


def _host(random: Random, network: IPv4Network | IPv6Network) -> str:
    host = random.getrandbits(network.max_prefixlen - network.prefixlen)
    return str(ip_address(int(network.network_address) + host))
