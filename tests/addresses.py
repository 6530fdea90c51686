"""Writes databases of addresses in MaxMind DB format 2.0, as far as tests need them: IPv4 networks and countries."""

import ipaddress
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"


def write_country_database(file: Path, countries: Mapping[str, str]) -> Path:
    """Write which country each network belongs to; everything else is unknown."""
    data, places = b"", {}
    for country in sorted(set(countries.values())):
        places[country] = len(data)
        data += _encode({"country": {"iso_code": country}})
    nodes: list[list[int | str | None]] = [[None, None]]
    for network, country in countries.items():
        parsed = ipaddress.ip_network(network)
        bits = f"{int(parsed.network_address):032b}"[: parsed.prefixlen]
        here = 0
        for bit in bits[:-1]:
            following = nodes[here][int(bit)]
            if not isinstance(following, int):
                nodes.append([None, None])
                following = nodes[here][int(bit)] = len(nodes) - 1
            here = following
        nodes[here][int(bits[-1])] = country
    count = len(nodes)

    def record(value: int | str | None) -> bytes:
        number = value if isinstance(value, int) else count
        if isinstance(value, str):
            number = count + 16 + places[value]
        return number.to_bytes(3, "big")

    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": int(time.mktime((2026, 11, 1, 12, 0, 0, 0, 0, 0))),
        "database_type": "Sample-Country",
        "description": {"en": "for tests"},
        "ip_version": 4,
        "languages": ["en"],
        "node_count": _Count(count),
        "record_size": 24,
    }
    tree = b"".join(record(left) + record(right) for left, right in nodes)
    file.write_bytes(tree + bytes(16) + data + _MARKER + _encode(about))
    return file


class _Count(int):
    """A number of four bytes."""


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        assert len(text) < 29
        return bytes([2 << 5 | len(text)]) + text
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encode(k) + _encode(v) for k, v in value.items())
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encode, value))
    # Readers want each number in its own width: the time in 8 bytes, a count in 4, small ones in 2.
    if isinstance(value, _Count):
        return bytes([6 << 5 | 4]) + value.to_bytes(4, "big")
    if value > 10**9:
        return bytes([8, 9 - 7]) + value.to_bytes(8, "big")
    return bytes([5 << 5 | 2]) + value.to_bytes(2, "big")
