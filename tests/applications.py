"""The application over a test's own parts; its routes are mounted once per process."""

from collections.abc import Iterator
from contextlib import contextmanager

from litestar import Litestar

from registry.app import MountedRoutes
from registry.parts import Parts

_free: list[MountedRoutes] = []


@contextmanager
def application(parts: Parts) -> Iterator[Litestar]:
    """The application that `create_app` would return, without the time of mounting its routes anew."""
    mounted = _free.pop() if _free else MountedRoutes(parts)
    mounted.bind(parts)
    yield mounted.app
    _free.append(mounted)
