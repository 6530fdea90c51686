"""A PKCS#11 token of the test's own: SoftHSM, from the distribution's packages."""

import shutil
import subprocess
from pathlib import Path

from tests.servers.processes import ServerUnavailable

PIN = "5678"
LABEL = "gatehouse"
_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def module() -> str:
    """Return the path of the PKCS#11 library.

    Raises:
        ServerUnavailable: SoftHSM is not installed.
    """
    found = next((place for place in _PLACES if Path(place).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        raise ServerUnavailable("SoftHSM is not installed (apt install softhsm2)")
    return found


def make_token(folder: Path) -> dict[str, str]:
    """Make a token in `folder`; return the environment in which the library finds it."""
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    environment = {"SOFTHSM2_CONF": str(config)}
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", "1234", "--pin", PIN],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        check=True,
    )
    return environment
