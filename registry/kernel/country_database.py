"""Adapter of a local database of addresses in MaxMind DB format: in which country a network address is.

Nothing leaves this machine, and no address is kept. A file that the operator replaces is read from the next start on.
"""

from datetime import UTC, datetime
from typing import Any

import maxminddb

from registry.kernel.countries import COUNTRIES
from registry.kernel.outcomes import GatehouseError


class CountryDatabase:
    """The database that the operator has set, or none."""

    def __init__(self, file: str = "") -> None:
        """Open the file.

        Raises:
            GatehouseError: it cannot be read, or is something else.
        """
        self._reader: maxminddb.Reader | None = None
        if file:
            try:
                self._reader = maxminddb.open_database(file)
            except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
                raise GatehouseError(
                    f"the database of addresses {file} cannot be read: {type(error).__name__}"
                ) from None

    @property
    def name(self) -> str | None:
        """Which database it is, and of when; None where none is set."""
        if self._reader is None:
            return None
        about = self._reader.metadata()
        return f"{about.database_type} of {datetime.fromtimestamp(about.build_epoch, UTC):%-d %B %Y}"

    def find(self, address: str | None) -> str | None:
        """Return the code of the country of an address; None where it is not known."""
        if self._reader is None or not address:
            return None
        try:
            record: Any = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        code = _code_of(record)
        return code if code in COUNTRIES else None


def _code_of(record: Any) -> Any:
    """Return the code in a record as the known publishers of such databases write it."""
    if not isinstance(record, dict):
        return None
    country = record.get("country")
    if isinstance(country, dict):
        return country.get("iso_code")
    return record.get("country_code") or country
