"""A strict Hub on loopback: repositories, gates, access requests, commits, webhooks, limits and faults.

It follows what is documented and what was observed of the real one; what neither tells is answered 400, 404 or
405 and kept as a violation, which fails the test at the end of `serving()`.
"""

from tests.servers.fake_hub.faults import Fault, Trouble
from tests.servers.fake_hub.server import FakeHub, serving

__all__ = ["FakeHub", "Fault", "Trouble", "serving"]
