"""`python -m tests.servers.fake_hub [PORT]`: prints the address and serves until its input ends."""

import sys

from tests.servers.fake_hub.server import FakeHub

hub = FakeHub(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
sys.stdout.write(f"{hub.url}\n")
sys.stdout.flush()
sys.stdin.read()
hub.close()
