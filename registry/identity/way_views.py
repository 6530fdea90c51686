"""What the pages of providers and passkeys are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.identity.domain import OfferedLink
from registry.identity.oidc import RelyingParty
from registry.identity.providers import Provider
from registry.identity.ssh_keys import NAME_MAX_CHARACTERS
from registry.identity.ways import PASSKEYS_TO_ASK_FOR, RegisteredKey, Ways
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import FieldKind, FormField, Notice, Tone
from registry.kernel.sshsig import LINE_MAX_CHARACTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderButton:
    """A form with one button that leads to a provider."""

    name: str
    post_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAsk:
    """What the browser is given to make or use a passkey."""

    options: str
    post_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingView:
    """`identity/leaving.html`."""

    name: str
    url: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainView:
    """`identity/sign_in_again.html`."""

    label: str
    since: datetime
    next: str
    email: str | None
    email_post_url: str
    providers: Sequence[ProviderButton]
    passkey: PasskeyAsk | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondStepView:
    """`identity/second_step.html`."""

    next: str
    passkey: PasskeyAsk


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account at a provider in the list."""

    provider: str
    name: str
    detail: str | None
    created_at: datetime
    last_used_at: datetime
    remove_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitiesView:
    """`identity/identities.html`."""

    email: str | None
    email_url: str
    accounts: Sequence[AccountRow]
    providers: Sequence[ProviderButton]
    passkeys: int
    passkeys_url: str
    again_url: str | None
    """Set while the sign-in is too old to change anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRow:
    """A passkey in the list."""

    name: str
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None
    remove_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeysView:
    """`identity/passkeys.html`."""

    passkeys: Sequence[PasskeyRow]
    name: FormField
    add: PasskeyAsk | None
    why_not: str | None
    asks: bool
    may_ask: bool
    needed: int
    asking_url: str
    again_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHKeyRow:
    """An SSH key in the list."""

    name: str
    kind: str
    fingerprint: str
    created_at: datetime
    last_used_at: datetime | None
    remove_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHKeyDraft:
    """What was typed for a new key, and what is wrong with it."""

    key: str = ""
    name: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHKeysView:
    """`identity/ssh_keys.html`."""

    ssh_keys: Sequence[SSHKeyRow]
    key: FormField
    name: FormField
    post_url: str
    again_url: str | None
    """Set while the sign-in is too old to change anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailView:
    """`identity/email.html`."""

    email: FormField
    next: str
    post_url: str = "/settings/email"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmEmailView:
    """`identity/confirm_email.html`."""

    email: str
    expires_at: datetime
    token: str
    post_url: str = "/settings/email/link"


def sign_in_buttons(party: RelyingParty) -> Sequence[ProviderButton]:
    """Return a button for every provider."""
    return [
        ProviderButton(name=item.name, post_url=f"/sign-in/provider/{item.id}") for item in party.providers
    ]


def silence_notice(party: RelyingParty) -> Notice | None:
    """Return what to know while providers do not answer."""
    names = [provider.name for provider in party.silent()]
    if not names:
        return None
    said = " and ".join(names)
    return Notice(
        tone=Tone.WAIT,
        title=f"{said} did not answer a moment ago",
        text="A link sent to your e-mail address signs you in as well. Who is signed in already stays so.",
    )


def failure_notice(refusal: Refusal) -> Notice:
    """Return a refusal as a notice on the page from where the person can go on."""
    return Notice(tone=Tone.WAIT, title=refusal.title, text=refusal.detail)


def leaving_view(provider: Provider, url: str, host: str) -> LeavingView:
    """Return the page between this registry and the provider."""
    return LeavingView(name=provider.name, url=url, host=host)


def identities_view(ways: Ways, party: RelyingParty, *, again_url: str | None) -> IdentitiesView:
    """Return the page of all ways in."""
    rows = []
    for account in ways.accounts:
        provider = party.find_by_issuer(account.issuer)
        rows.append(
            AccountRow(
                provider=provider.name if provider else account.issuer,
                name=account.name,
                detail=None if provider else "This registry no longer offers it.",
                created_at=account.created_at,
                last_used_at=account.last_used_at,
                remove_url=f"/settings/identities/{account.id}/remove",
            )
        )
    return IdentitiesView(
        email=ways.email,
        email_url="/settings/email?next=/settings/identities",
        accounts=rows,
        providers=[
            ProviderButton(name=item.name, post_url=f"/settings/identities/add/{item.id}")
            for item in party.providers
        ],
        passkeys=len(ways.passkeys),
        passkeys_url="/settings/passkeys",
        again_url=again_url,
    )


def passkeys_view(
    ways: Ways, *, add: PasskeyAsk | None, why_not: str | None, again_url: str | None
) -> PasskeysView:
    """Return the page of passkeys."""
    return PasskeysView(
        passkeys=[
            PasskeyRow(
                name=row.name,
                backed_up=row.backed_up,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                remove_url=f"/settings/passkeys/{row.id}/remove",
            )
            for row in ways.passkeys
        ],
        name=FormField(
            name="name",
            label="Name",
            why="So that you recognise it later, such as “laptop”.",
            max_characters=60,
        ),
        add=add,
        why_not=why_not,
        asks=ways.asks_passkey,
        may_ask=len(ways.passkeys) >= PASSKEYS_TO_ASK_FOR,
        needed=PASSKEYS_TO_ASK_FOR,
        asking_url="/settings/passkeys/asking",
        again_url=again_url,
    )


def ssh_keys_view(keys: Sequence[RegisteredKey], draft: SSHKeyDraft, *, again_url: str | None) -> SSHKeysView:
    """Return the page of SSH keys; what was typed stays."""
    return SSHKeysView(
        ssh_keys=[
            SSHKeyRow(
                name=one.name,
                kind=one.key.kind,
                fingerprint=one.key.fingerprint,
                created_at=one.created_at,
                last_used_at=one.last_used_at,
                remove_url=f"/settings/ssh-keys/{one.id}/remove",
            )
            for one in keys
        ],
        key=FormField(
            name="key",
            label="Public key",
            kind=FieldKind.LONG_TEXT,
            value=draft.key[:LINE_MAX_CHARACTERS],
            why="The one line of a file such as ~/.ssh/id_ed25519.pub. Never paste a private key.",
            error=draft.error,
            max_characters=LINE_MAX_CHARACTERS,
        ),
        name=FormField(
            name="name",
            label="Name",
            value=draft.name[:NAME_MAX_CHARACTERS],
            why="So that you recognise it later, such as “laptop”.",
            required=False,
            max_characters=NAME_MAX_CHARACTERS,
        ),
        post_url="/settings/ssh-keys",
        again_url=again_url,
    )


def email_view(*, email: str, next_path: str, error: str | None = None) -> EmailView:
    """Return the form that asks for an address; what was typed stays."""
    return EmailView(
        email=FormField(
            name="email",
            label="Your e-mail address",
            kind=FieldKind.EMAIL,
            value=email[:254],
            why="Receipts and news about what you accept are sent there.",
            error=error,
            autocomplete="email",
        ),
        next=next_path,
    )


def confirm_email_view(*, token: str, found: OfferedLink) -> ConfirmEmailView:
    """Return the page behind the mailed link."""
    return ConfirmEmailView(email=found.email, expires_at=found.expires_at, token=token)
