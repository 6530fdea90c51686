"""News leaves with the transaction that made it."""

from sqlmodel import Session

from registry.kernel import outbox
from registry.kernel.news import TOPIC, News, encode


def announce(session: Session, item: News) -> None:
    """Have it told once the transaction has committed."""
    outbox.put(session, TOPIC, encode(item), now=item.at)
