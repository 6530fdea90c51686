"""Refusals about what follows the registry outside, repositories of the Hub and webhooks, by their code."""

from registry.problem_kinds import MAINTAINERS, YOU, ProblemGroup
from registry.problem_kinds import code as _code

# A table: one entry a code, so that it can be read down.
# fmt: off
GROUPS = (
    ProblemGroup(title="Repositories of the Hub", problems=(
        _code("mirror-missing", 409, "The model is paired with no repository of the Hub",
              "There is nothing to plan, to apply or to end.",
              "Pair them first: gatehouse hub link PUBLISHER/MODEL HUB-ORG/HUB-MODEL.", by=MAINTAINERS),
        _code("mirror-exists", 409, "The model or the repository is paired already",
              "A model follows one repository, and a repository one model.",
              "End the other pairing first: gatehouse hub unlink PUBLISHER/MODEL.", by=MAINTAINERS),
        _code("hub-not-followed", 409, "No repository of the Hub follows the model",
              "Its files are had here alone, so there is nothing to be let in to elsewhere.",
              "Go to the model’s page, which says what is missing.", by=YOU),
        _code("hub-account-missing", 422, "The account is none that you have proved, or the page showed another repository",
              "Only an account that you have signed in with is named at the Hub, at the repository that you were shown.",
              "Open the page again, and choose one of your accounts or prove one.", by=YOU),
        _code("mirror-busy", 409, "The repository is being brought in line just now",
              "One pass goes over a repository at a time; one that was killed gives it free after a quarter of an hour.",
              "Wait a minute, then look at the status.", by=YOU),
        _code("mirror-malformed", 422, "The name is none of a repository of the Hub",
              "Repositories are named organisation/name, by the Hub’s rules.",
              "Write the name as the Hub does.", by=YOU),
        _code("hub-token-missing", 409, "No token of the Hub is stored for the publisher",
              "Without one, nothing can be read or changed at the Hub.",
              "Store one: gatehouse hub token PUBLISHER.", by=MAINTAINERS),
        _code("hub-token-unfit", 422, "The token cannot manage access at the Hub",
              "The Hub says that it is for reading alone. It was not stored.",
              "Create a token with write access to the repositories concerned, and store that.", by=YOU),
        _code("hub-said-no", 409, "The Hub did not do what was asked, or could not be asked",
              "The answer says which: the token is not known there, may not manage the repository, the repository is gone, "
              "or the answer is not one that the Hub gives. Nobody was let in by it.",
              "Do what the answer names, then try again.", by=YOU),
        _code("hub-import-model-here", 409, "There is a model of this name already",
              "An import makes a model anew; one that is here is paired with a repository instead.",
              "Pair them: gatehouse hub link PUBLISHER/MODEL HUB-ORG/HUB-MODEL. Or import it under another name.", by=MAINTAINERS),
        _code("hub-import-license-unclear", 422, "Which license the repository is under is not clear",
              "The text of its LICENSE is none that is published here, fits several, or there is none. "
              "A model is not made under terms that nobody has named.",
              "Publish the text here first, or name the license version, which is then compared with nothing.", by=YOU),
        _code("hub-import-unfit", 422, "The repository cannot be imported",
              "It has no gate, has another name by now, or holds no small text. The answer says which.",
              "Do what the answer says, or publish the model here.", by=YOU),
    )),
    ProblemGroup(title="Webhooks", problems=(
        _code("webhook-unknown", 404, "The publisher has no such webhook",
              "It was deleted, or never was.", "Look at the publisher’s webhooks.", by=MAINTAINERS),
        _code("webhook-delivery-unknown", 404, "The webhook has no such delivery",
              "What was sent stays in the log for 30 days.", "Look at the webhook’s deliveries.", by=MAINTAINERS),
        _code("webhook-malformed", 422, "This cannot be a webhook",
              "An address is https and leads where the operator lets webhooks lead; events and models are named as they "
              "are here. The answer says which of it does not fit.",
              "Mend what the errors name, then send it again.", by=YOU),
        _code("webhook-limit", 409, "The publisher has as many webhooks as it may have",
              "A publisher may have 20.", "Delete one that is not used any more.", by=MAINTAINERS),
        _code("webhook-off", 409, "The webhook is switched off",
              "Somebody did it, nothing that was sent arrived for five days, or the receiver answered that it is gone. "
              "Nothing is sent to it.",
              "Switch it on first, once its receiver works.", by=MAINTAINERS),
    )),
)
