"""Accounts: whose token it is, whose name it is, claims for linking, webhooks of a person."""

from tests.servers.fake_hub.exchange import WRONG_TOKEN, Answer, Call, No, Violation, as_json
from tests.servers.fake_hub.state import Webhook, stamp

DOMAINS = {"repo", "discussions"}


def whoami(call: Call) -> Answer:
    """`GET /api/whoami-v2`."""
    call.no_query()
    token = call.signed_in()
    user = call.state.users[token.user_id]
    return as_json(
        {
            "type": "user",
            "id": user.id,
            "name": user.name,
            "fullname": user.fullname,
            "email": user.email,
            "isPro": user.is_pro,
            "orgs": [
                {"type": "org", "id": one.id, "name": one.name, "roleInOrg": one.roles[user.id]}
                for one in call.state.organisations.values()
                if user.id in one.roles
            ],
            "auth": {
                "type": "oauth" if token.scopes else "access_token",
                "accessToken": {
                    "displayName": f"token of {user.name}",
                    "role": token.role,
                    "createdAt": stamp(call.state.clock.now),
                },
            },
        }
    )


def overview(call: Call, name: str) -> Answer:
    """`GET /api/users/{name}/overview`."""
    call.no_query()
    user = call.state.find_user(name)
    if user is None:
        raise No(404, "User not found")
    return as_json(
        {"_id": user.id, "user": user.name, "fullname": user.fullname, "type": "user", "isPro": user.is_pro}
    )


def userinfo(call: Call) -> Answer:
    """`GET /oauth/userinfo`: the claims that the token's scopes open; `sub` stays through renames."""
    call.no_query()
    token = call.signed_in()
    if "openid" not in token.scopes:
        raise No(401, WRONG_TOKEN)
    user = call.state.users[token.user_id]
    claims: dict[str, object] = {"sub": user.id}
    if "profile" in token.scopes:
        profile = f"{call.url}/{user.name}"
        claims |= {"name": user.fullname, "preferred_username": user.name, "profile": profile}
        claims |= {"isPro": user.is_pro, "orgs": []}
    if "email" in token.scopes:
        claims |= {"email": user.email, "email_verified": True}
    return as_json(claims)


def create_webhook(call: Call) -> Answer:
    """`POST /api/settings/webhooks`."""
    call.no_query()
    token = call.signed_in()
    given = call.json_of("watched", "domains", "url", "secret")
    secret = given.get("secret")
    if not given.get("url") or not given.get("watched"):
        raise Violation(400, "a webhook has an address and watches something")
    if secret is not None and not secret.isascii():
        raise Violation(400, "the secret of a webhook is ASCII")
    made = Webhook(
        id=call.state.new_id(),
        user_id=token.user_id,
        url=given["url"],
        secret=secret,
        watched=given["watched"],
        domains=given.get("domains", sorted(DOMAINS)),
    )
    call.state.webhooks[made.id] = made
    return as_json({"webhook": _shown(made)})


def list_webhooks(call: Call) -> Answer:
    """`GET /api/settings/webhooks`."""
    call.no_query()
    token = call.signed_in()
    return as_json([_shown(one) for one in call.state.webhooks.values() if one.user_id == token.user_id])


def _shown(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "secret": webhook.secret,
        "watched": webhook.watched,
        "domains": webhook.domains,
        "disabled": False,
    }
