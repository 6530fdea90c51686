"""Between the acceptance page and the act: what the person is about to sign with a passkey. Nothing is recorded here."""

import json
import re
from collections.abc import Mapping
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlmodel import Session

from registry import identity, ledger
from registry.acceptances.accept_form import FORM_MAX_FIELDS, read_commands, read_holder_key, read_tickets
from registry.acceptances.accepting import Declared
from registry.acceptances.acceptor import Acceptor, PostedForm
from registry.acceptances.declaration import CHALLENGE_SECRET, OwnAct, write_challenge
from registry.acceptances.own_signature import challenge_of
from registry.acceptances.pages import show_again
from registry.acceptances.sd_jwt import TYP
from registry.acceptances.service import TICKET_SECRET
from registry.acceptances.together import TEXTS_MAX_AT_ONCE
from registry.acceptances.views import Input, LicenseName, ModelName, SignView, field_name
from registry.acceptances.words import Way
from registry.catalog.domain import model_url
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form
from registry.identity.webauthn import WebAuthn
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

NOT_CARRIED = re.compile(r"_csrf|credential|challenge|possession(-[0-9]+)?")


class SignPages(Controller):
    """`/{publisher}/{model}/accept/sign`."""

    include_in_schema = False

    @post(
        "/{publisher:str}/{model:str}/accept/sign", operation_id="declare_acceptance_by_form", status_code=200
    )
    async def declare(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        keys: NamedDependency[ledger.KeyRing],
        acceptor: NamedDependency[Acceptor],
        webauthn: NamedDependency[WebAuthn],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Show what the filled-in form would declare, and ask for the passkey; or the form with what to mend."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit, max_fields=FORM_MAX_FIELDS)
        if isinstance(form, Refusal):
            return refuse(request, form)
        tickets = read_tickets(form, desk.sealer.derive_secret(TICKET_SECRET))
        outcome = await acceptor.declare(
            PostedForm(
                publisher=publisher,
                model=model,
                principal=visit.principal,
                sign=lambda payload: keys.sign_jws(payload, {"typ": TYP}),
                read=lambda _, asking: read_commands(form, asking, request, signed=True),
                tickets=tickets,
                own=OwnAct(way=Way.PASSKEY),
            )
        )
        person_id = visit.principal.person_id
        if isinstance(outcome, Refusal) or person_id is None:
            refusal = outcome if isinstance(outcome, Refusal) else not_signed_in(visit.page.path)
            return await show_again(
                request, desk, visit, form, tickets, refusal, model_url(publisher, model), webauthn
            )

        def known(session: Session) -> list[bytes]:
            return identity.known_credentials(session, person_id)

        allowed = await desk.database.read(known)
        view = _view(outcome, form, desk, webauthn, publisher, model, allowed)
        return respond(desk.pages.render("acceptances/sign.html", page=visit.page, view=view))


def _view(
    declared: Declared,
    form: Form,
    desk: Desk,
    webauthn: WebAuthn,
    publisher: str,
    model: str,
    allowed: list[bytes],
) -> SignView:
    """Return the page, made of what is signed and of nothing else."""
    said: Any = json.loads(declared.declaration)
    licenses = [one["license"] for one in said["acceptances"]]
    challenge = write_challenge(declared.challenge, desk.sealer.derive_secret(CHALLENGE_SECRET))
    carried = {name: value for name, value in form.fields.items() if not NOT_CARRIED.fullmatch(name)}
    page = f"{model_url(publisher, model)}/accept"
    names = {one["version_id"]: _license_name(one) for one in licenses}
    return SignView(
        model=ModelName(publisher=publisher, name=model, url=model_url(publisher, model)),
        title=licenses[0]["title"] if len(names) == 1 else f"{len(names)} licenses",
        name=said["name"],
        capacity=said["capacity"]["organisation"]["name"]
        if "organisation" in said["capacity"]
        else "yourself",
        licenses=list(names.values()),
        statements=[one["closing"] for one in said["acceptances"]],
        declaration=said["sentence"],
        button_label=said["affirmation"],
        signed=declared.declaration.decode(),
        options=webauthn.request_options(challenge_of(declared.declaration), allowed=allowed),
        fields=[
            *(Input(name=name, value=value) for name, value in carried.items()),
            Input(name="challenge", value=challenge),
            *(
                Input(name=field_name("possession", index), value="", proof_of=key)
                for index in range(TEXTS_MAX_AT_ONCE)
                if (key := read_holder_key(form, index)) is not None
            ),
        ],
        post_url=page,
        back_url=page,
    )


def _license_name(one: Mapping[str, Any]) -> LicenseName:
    path = f"/licenses/{one['slug']}/{one['number']}"
    return LicenseName(
        title=one["title"],
        number=one["number"],
        name=f"{one['title']} {one['number']}",
        url=path,
        text_url=f"{path}.txt",
    )
