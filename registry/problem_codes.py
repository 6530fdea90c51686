"""Every refusal by its code: what it means, what to do, who decides. Shown at `/problems/<code>`.

A code never changes its meaning. A test holds this table equal to the codes in the source.
"""

from dataclasses import dataclass

YOU = "You do; no review follows."
MAINTAINERS = "The maintainers of the publisher."
OWNERS = "The owners of the publisher."
OPERATORS = "The operators of this registry."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCode:
    """One code."""

    code: str
    status: int
    title: str
    meaning: tuple[str, ...]
    actions: tuple[str, ...]
    decider: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    """Codes that belong to one kind of act."""

    title: str
    problems: tuple[ProblemCode, ...]


def _code(
    code: str, status: int, title: str, meaning: str, *actions: str, by: str | None = None
) -> ProblemCode:
    return ProblemCode(code=code, status=status, title=title, meaning=(meaning,), actions=actions, decider=by)


# A table: one entry a code, so that it can be read down.
# fmt: off
GROUPS = (
    ProblemGroup(title="Getting a file", problems=(
        _code("sign-in-needed", 401, "You are not signed in",
              "The gate asks who you are, and nobody was named. Cards and licenses are open to read without it.",
              "Sign in in a browser, or send a token of this registry.",
              "Then accept the license on the model’s page.", by=YOU),
        _code("license-not-accepted", 403, "The license is not accepted",
              "The gate asks for a license version that you have not accepted. No file was sent.",
              "Open the address that the answer names, read the text and accept it in a browser.",
              "Then ask for the file again; it opens at once.", by=YOU),
        _code("acceptance-outdated", 403, "A newer version of the license is needed",
              "You accepted an earlier version, and the text has changed in substance since. Your earlier "
              "acceptance stays as it is.",
              "See what changed, clause by clause.", "Accept the newer version if you agree with it.", by=YOU),
        _code("acceptance-withdrawn", 403, "You withdrew your acceptance",
              "The right to download ended with the withdrawal. Acceptance and withdrawal both stay on record.",
              "Accept the license again, if you want to.", by=YOU),
        _code("access-blocked", 403, "Your access is blocked",
              "The publisher, or an operator for the whole registry, keeps you out. The answer says why and "
              "since when.",
              "Write to the contact that the answer names.", by=MAINTAINERS),
        _code("gate-closed", 403, "The gate is closed",
              "The publisher gives out no files of this model now, whatever was accepted.",
              "Ask the maintainers whether and when it opens.", by=MAINTAINERS),
        _code("review-needed", 403, "The publisher reviews each request",
              "Accepting the license is not enough for this model; its maintainers decide about each person.",
              "Ask the maintainers of the model.", by=MAINTAINERS),
        _code("scope-missing", 403, "The token lacks a scope",
              "A token does only what it was created for: read, publish or audit.",
              "Create a token with the scope that the answer names, in the settings.", by=YOU),
        _code("model-unknown", 404, "There is no such model, or you may not see it",
              "A private model looks exactly like an absent one to everybody without a role at its publisher.",
              "Check the name in the catalog.", "Sign in, if the model was shared with you."),
        _code("model-not-found", 404, "There is no such model, or you may not see it",
              "A private model looks exactly like an absent one to everybody without a role at its publisher.",
              "Check the name in the catalog.", "Sign in, if the model was shared with you."),
        _code("revision-unknown", 404, "The model has no such revision",
              "A revision is a branch, a tag, or the 40 digits of a commit.",
              "Look at the releases of the model."),
        _code("release-not-found", 404, "The model has no such release",
              "A release is named by a branch, a tag, or the 40 digits of its commit.",
              "Look at the releases of the model."),
        _code("file-unknown", 404, "The revision has no such file",
              "Paths are matched letter by letter, upper and lower case included.",
              "Look at the files of the release."),
        _code("file-address-malformed", 404, "The address names no file",
              "File addresses are /publisher/model/resolve/revision/path, each part percent-encoded once.",
              "Take the address from the model’s file list."),
    )),
    ProblemGroup(title="Accepting a license", problems=(
        _code("acceptance-incomplete", 422, "The license is not accepted yet",
              "Some fields of the form need mending. Nothing was recorded, and what was typed stays.",
              "Mend the marked fields, then press the button again.", by=YOU),
        _code("acceptance-needs-a-person", 403, "A token cannot accept a license",
              "Accepting is an act of a person who has read the text. No token, flag or environment variable "
              "does it.",
              "Open the page in a browser, sign in there and accept.", by=YOU),
        _code("text-changed", 409, "The text has changed since the page was opened",
              "An acceptance binds the exact text that was shown. The gate asks for another one now.",
              "Read the text as it is shown now, then accept it.", by=YOU),
        _code("form-too-old", 409, "The page was opened more than a day ago",
              "An acceptance states when the text was shown; a page that is too old counts no more.",
              "Load the page again, then accept.", by=YOU),
        _code("form-from-the-future", 409, "The page says it was opened later than now",
              "The registry’s clock was set back since the page was opened, so no time of the act could be trusted.",
              "Open the page again, then accept.", by=YOU),
        _code("form-not-yours", 403, "The form was not made for this sign-in",
              "Each form is bound to the browser session that asked for it. Nothing was changed.",
              "Load the page again and send the form from there.", by=YOU),
        _code("nothing-to-accept", 409, "There is nothing to accept",
              "The gate asks for nothing further from you.",
              "Go to the model’s page and download."),
        _code("acceptance-unknown", 404, "There is no such record, or you may not see it",
              "A receipt is shown to who accepted, and to the publisher’s auditors.",
              "Look at your own records."),
        _code("acceptance-already-withdrawn", 409, "The acceptance was already withdrawn",
              "A withdrawal happens once. Both facts stay on record.",
              "Look at your own records."),
    )),
    ProblemGroup(title="Signing in", problems=(
        _code("not-signed-in", 401, "You are not signed in",
              "The page or call needs to know who you are.",
              "Sign in with a link sent to your e-mail address, or send a token.", by=YOU),
        _code("token-unknown", 401, "The token is not known here",
              "It was never issued by this registry, has expired or was revoked. Tokens of other sites do not "
              "work here.",
              "Create a token of this registry in the settings.", by=YOU),
        _code("sign-in-link-unknown", 404, "The sign-in link is not known",
              "The address of the link is incomplete, or it was made by another registry.",
              "Copy the whole link, or ask for a new one.", by=YOU),
        _code("sign-in-link-used", 410, "The sign-in link was already used",
              "A link works once.", "Ask for a new link.", by=YOU),
        _code("sign-in-link-expired", 410, "The sign-in link has expired",
              "A link works for 15 minutes.", "Ask for a new link.", by=YOU),
        _code("sign-in-link-other-browser", 403, "The link belongs to another browser",
              "A link works only in the browser that asked for it, so that a stolen mail signs nobody in.",
              "Open the link in that browser.", "Or ask for a new link in this one.", by=YOU),
        _code("too-many-sign-in-links", 429, "Too many sign-in links were asked for",
              "Links are limited for each address and each network, to keep mailboxes usable.",
              "Use the newest mail you have.", "Or wait until the time that the answer names."),
        _code("invalid-email", 422, "That is not an e-mail address",
              "Addresses are read in Latin letters without spaces, such as name@example.org.",
              "Check the address, then send the form again.", by=YOU),
        _code("invalid-token-request", 422, "The token was not created",
              "A token needs a name, at least one scope and one of the offered lifetimes.",
              "Mend the marked fields, then send the form again.", by=YOU),
        _code("fresh-sign-in-needed", 403, "This takes a fresh sign-in",
              "What a gate asks for is changed only by somebody who signed in within the last hour, in a "
              "browser.",
              "Sign in again, then make the change.", by=YOU),
        _code("cross-origin", 403, "The request came from another site",
              "Changes are made from this registry’s own pages only. Nothing happened.",
              "Open the page here and press the button there.", by=YOU),
        _code("form-malformed", 400, "The form cannot be read",
              "The form was damaged on its way, or its questions cannot stand as they are.",
              "Load the page again and send the form from there.",
              "In the API: mend what the errors name.", by=YOU),
        _code("form-too-large", 413, "The form is too large",
              "Forms of these pages are small.", "Shorten what you typed, then send it again.", by=YOU),
        _code("device-login-not-offered", 404, "There is no login by device code yet",
              "Programs sign in with a personal access token.",
              "Create a token in the settings, then give it to the program.", by=YOU),
    )),
    ProblemGroup(title="Publishing models", problems=(
        _code("publisher-not-found", 404, "There is no such publisher",
              "No publisher has this name, in any case of letters.",
              "Check the name, or create the publisher first."),
        _code("role-missing", 403, "You have no role that allows this",
              "Owners, maintainers, reviewers and auditors may do different things for a publisher.",
              "Ask an owner of the publisher for the role.", by=OWNERS),
        _code("role-not-found", 404, "There is no such role",
              "The role that was named is not one of this publisher.", "Look at the list of roles."),
        _code("invalid-role", 422, "No role was given",
              "A role needs an e-mail address and one of the four words.",
              "Mend the marked fields, then send the form again.", by=YOU),
        _code("last-owner", 409, "The publisher would have no owner left",
              "A publisher always has at least one owner.", "Make somebody else an owner first.", by=YOU),
        _code("name-taken", 409, "The name exists already",
              "Names that differ only in case are one name.", "Choose another name.", by=YOU),
        _code("gate-differs", 409, "The gate of the model asks for other terms",
              "A release never changes a gate by itself. Nothing was published.",
              "Leave out licenses and gate mode when you publish.",
              "Or change the gate first, in a browser.", by=MAINTAINERS),
        _code("files-malformed", 422, "The list of files cannot stand",
              "A path, a size or a digest in it is not well-formed, or two paths collide.",
              "Mend what the errors name, then send it again.", by=YOU),
        _code("files-not-uploaded", 409, "Some files are not uploaded and verified",
              "A release holds only files whose stored bytes were hashed here and are what was stated.",
              "Upload the files that the errors name.", "Publish again when they are verified.", by=YOU),
        _code("files-refused", 422, "Some files cannot be released",
              "They are not what their name says, or would harm who loads them.",
              "Mend or leave out the files that the errors name.", by=YOU),
        _code("parent-differs", 409, "The branch has moved since",
              "Somebody published meanwhile; the release was made on top of another state.",
              "Look at what was published, then publish on top of it.", by=YOU),
        _code("tag-stands", 409, "Tags do not move",
              "A tag points to one release for good.", "Use a branch, or another tag name.", by=YOU),
        _code("upload-not-found", 404, "There is no such upload, or it is not yours",
              "Uploads are seen by their publisher only, and are given up after a week.",
              "Ask for a new upload of the file."),
        _code("upload-closed", 409, "The upload takes no more parts",
              "It is complete, being verified, or was given up.", "Ask for a new upload of the file.", by=YOU),
        _code("parts-missing", 409, "Parts of the upload are missing",
              "Some parts did not arrive, or have another size than planned.",
              "Send the parts that the answer names again, then complete the upload.", by=YOU),
        _code("hub-upload-not-offered", 405, "Uploads through the Hub’s protocol are not offered",
              "Releases are published with their license, and verified before they appear.",
              "Publish with: gatehouse publish FOLDER publisher/model.", by=YOU),
    )),
    ProblemGroup(title="Publishing licenses", problems=(
        _code("license-not-found", 404, "There is no such license",
              "No license with this identifier is published here.", "Look through the licenses."),
        _code("license-version-not-found", 404, "The license has no such version",
              "Versions are named by their number, such as 1.1.", "Look at the versions of the license."),
        _code("license-not-yours", 403, "You may not publish versions of this license",
              "New versions come from who published an earlier one, or from an operator.",
              "Publish your text as a license of its own.", by=OPERATORS),
        _code("license-malformed", 422, "The license version is malformed",
              "A field is missing, too long, or of another form than expected.",
              "Mend the fields that the errors name.", by=YOU),
        _code("license-title-missing", 422, "The new license has no title",
              "The first version of a license brings its title.", "Add a title, or check the identifier.", by=YOU),
        _code("license-text-unchanged", 409, "The text is already published",
              "One text has one number.", "Use the version that holds this text.", by=YOU),
        _code("license-number-not-newer", 409, "The number does not come after the latest",
              "Versions are published in the order of their numbers.", "Choose a greater number.", by=YOU),
        _code("license-too-many-versions", 409, "The license has too many versions",
              "The number of versions of one license is bounded.", "Begin a new license.", by=OPERATORS),
        _code("license-version-frozen", 409, "The version is published and never changes",
              "A published text is never edited; a change is a new version.",
              "Publish the changed text under a new number.", by="Nobody; a published text stays."),
        _code("license-change-class-wrong", 422, "The change class does not fit",
              "The class says whether people are asked again: a change that binds them more is material.",
              "Choose the class that fits the change.", by=YOU),
        _code("license-policy-digest-differs", 422, "An included policy is another text",
              "The text of a policy must be the one that its digest names.",
              "Send the text that belongs to the digest, or leave the digest out.", by=YOU),
        _code("license-text-empty", 422, "The text is empty",
              "A license has words.", "Send the text.", by=YOU),
        _code("license-text-too-large", 413, "The text is too large",
              "License texts are read by people; the size is bounded.", "Send a shorter text.", by=YOU),
        _code("license-text-not-utf8", 422, "The text is not UTF-8",
              "Texts are kept byte for byte and read as UTF-8.", "Save the text as UTF-8, then send it.", by=YOU),
        _code("license-text-control-character", 422, "The text holds control characters",
              "Control characters change what is seen without changing what is said.",
              "Remove them, then send the text.", by=YOU),
        _code("license-text-deceptive", 422, "The text holds characters that deceive",
              "Invisible or direction-changing characters make a text read otherwise than it is written.",
              "Remove them, then send the text.", by=YOU),
    )),
    ProblemGroup(title="Blocks", problems=(
        _code("invalid-block", 422, "Nobody was blocked",
              "A block needs a person and a reason in one line; an end lies in the future.",
              "Mend the marked fields, then send the form again.", by=YOU),
        _code("block-unknown", 404, "There is no such block, or it has ended",
              "Nothing changed.", "Look at the list of blocks."),
    )),
    ProblemGroup(title="The log", problems=(
        _code("ledger-empty", 404, "The log has no checkpoint yet",
              "Nothing has been recorded, or the first entry is on its way.", "Ask again in a second."),
        _code("ledger-index-outside-tree", 404, "There is no such entry in that tree",
              "Entries are numbered from 0 to one less than the size of the tree.",
              "Ask for an index below the tree size."),
        _code("ledger-size-not-published", 404, "No checkpoint covers a tree of that size yet",
              "Proofs are given in trees that a signed checkpoint covers.",
              "Read the newest checkpoint, and ask for its size."),
        _code("ledger-sizes-reversed", 400, "The old tree cannot be larger than the new one",
              "A consistency proof goes from a smaller tree to a larger one.",
              "Ask again with the old size at most as large as the new one."),
        _code("log-entry-unknown", 404, "The log has no such entry yet",
              "An entry appears within a second of the act.", "Look at the newest entries."),
        _code("log-leaf-withheld", 403, "The leaf speaks of a private model",
              "The hash of every entry is public, so the log can be checked without this leaf.",
              "Sign in, if you have a role at the publisher.", by=MAINTAINERS),
    )),
    ProblemGroup(title="Requests and faults", problems=(
        _code("not-found", 404, "There is nothing at this address",
              "The address is mistyped, or what it named is gone.",
              "Check the address, or start from the catalog."),
        _code("malformed-request", 400, "The request is malformed",
              "A value is missing or of another form than expected. Nothing was changed.",
              "Mend what the errors name, then send it again.", by=YOU),
        _code("method-not-allowed", 405, "The address does not answer that method",
              "For example, a file is read and never written at its address.", "See the description of the API."),
        _code("unsupported-media-type", 415, "The body is of a type that is not read here",
              "The API reads JSON.", "Send the body as application/json."),
        _code("too-large", 413, "The request is too large",
              "Weights go straight to the object store, never through the API.", "Send less at once."),
        _code("rate-limited", 429, "Too many requests",
              "There is a limit to how often this may be asked.", "Wait, then try again."),
        _code("request-refused", 400, "The request was refused",
              "The server could not take it as it is.", "See the detail that stands in the answer."),
        _code("forbidden", 403, "You may not do this",
              "The server does not allow it.", "Ask the operators, if you think that you should."),
        _code("hub-route-unknown", 404, "That part of the Hub’s API is not offered",
              "Model info, listings, files, refs, commits, checks of access and whoami are.",
              "Use this registry’s own pages and commands for the rest."),
        _code("only-models", 404, "This registry holds models only",
              "There are no datasets and no Spaces here.", "Look through the models."),
        _code("unavailable", 503, "A part of the registry cannot be reached",
              "The database, the log or the object store did not answer. In doubt the gate stays closed; "
              "nothing was issued or recorded, and nothing is lost.",
              "Try again in a minute.", by=OPERATORS),
        _code("internal-error", 500, "The registry made a mistake",
              "The mistake is ours and was logged with the request’s id.",
              "Try again; if it stays, tell the operators the request id.", by=OPERATORS),
    )),
)
# fmt: on

PROBLEMS = tuple(problem for group in GROUPS for problem in group.problems)
_BY_CODE = {problem.code: problem for problem in PROBLEMS}


def find_problem(code: str) -> ProblemCode | None:
    """Return what is documented about a code."""
    return _BY_CODE.get(code)
