"""A publisher's webhooks at a registry; values in, values out."""

from registry.client.transport import Session, safe_path
from registry.client.wire import Fields, JsonObject


class Webhooks:
    """The webhooks of one publisher."""

    def __init__(self, session: Session, publisher: str) -> None:
        self._session = session
        self._path = f"/api/v1/publishers/{safe_path(publisher)}/webhooks"

    def list_all(self) -> list[Fields]:
        """Return the webhooks, without their secrets."""
        return self._session.get_json(self._path).members("items")

    def add(self, body: JsonObject) -> Fields:
        """Return a new webhook with its secret, which no other answer has."""
        return self._session.post_json(self._path, body, idempotent=False)

    def change(self, webhook_id: str, body: JsonObject) -> Fields:
        """Return the webhook with the parts that `body` names changed."""
        return self._session.put_json(f"{self._path}/{safe_path(webhook_id)}", body)

    def rotate(self, webhook_id: str, *, overlap_hours: int) -> Fields:
        """Return the webhook with a new secret; the one before signs as well for so long."""
        return self._post(webhook_id, "rotate", {"overlap_hours": overlap_hours})

    def test(self, webhook_id: str) -> Fields:
        """Return the message that was queued, which says nothing but that it arrives."""
        return self._post(webhook_id, "test", {})

    def list_deliveries(self, webhook_id: str, *, limit: int) -> list[Fields]:
        """Return what was sent, newest first."""
        path = f"{self._path}/{safe_path(webhook_id)}/deliveries"
        found: list[Fields] = []
        query: dict[str, str] = {}
        while True:
            answer = self._session.get_json(path, query=query)
            found += answer.members("items")
            following = answer.maybe_text("next")
            if following is None or len(found) >= limit:
                return found[:limit]
            query = {"after": following}

    def replay(self, webhook_id: str, delivery_id: str) -> Fields:
        """Return a message that is sent again."""
        return self._post(webhook_id, f"deliveries/{safe_path(delivery_id)}/replay", {})

    def end(self, webhook_id: str) -> Fields:
        """Return the webhook that was deleted."""
        return self._post(webhook_id, "end", {})

    def _post(self, webhook_id: str, act: str, body: JsonObject) -> Fields:
        return self._session.post_json(f"{self._path}/{safe_path(webhook_id)}/{act}", body, idempotent=False)
