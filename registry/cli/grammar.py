"""What can be typed after `gatehouse`: commands, options, help. Imports nothing but argparse.

No option and no environment variable accepts a license; accepting is an act of a person, in a browser or by
`accept` on a terminal, which refuses to work without one.
`--license` of `publish` names the license that others have to accept.
"""

import argparse

from registry.cli.grammar_audit import add_acceptors, add_audit
from registry.cli.grammar_hub import add_hub
from registry.cli.grammar_operation import add_operation, add_registers
from registry.cli.grammar_parts import Commands, Formatter, command, connections, group, positive
from registry.cli.grammar_privacy import add_privacy
from registry.cli.grammar_webhook import add_webhook

VERSION = "0.1.0"
ONLY_HELP = "what to show, separated by commas, such as email_domain or answers.purpose; all else is kept back; may be repeated"

DESCRIPTION = "A registry of models behind licenses: read the terms, accept them, pull the files."

EPILOG = """\
data goes to stdout, everything else to stderr

exit codes:
  0  done
  1  failed; the text on stderr says why
  2  the command line does not make sense
  3  refused: an acceptance or an approval is missing, or a right has ended
  4  not signed in, or the registry does not know the token
  5  verification failed: bytes, a signature, a proof or a key are not what they must be
  6  the registry or its store cannot be reached, is busy, or keeps failing
  130 interrupted, 141 the reader of stdout went away

environment:
  GATEHOUSE_ENDPOINT  address of the registry, instead of the one of the latest sign-in
  GATEHOUSE_TOKEN     access token, instead of the one that `gatehouse login` has kept
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; `handler` names the function that runs a command."""
    parser = argparse.ArgumentParser(
        prog="gatehouse", description=DESCRIPTION, epilog=EPILOG, formatter_class=Formatter
    )
    parser.add_argument("--version", action="version", version=f"gatehouse {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    _add_account(commands)
    _add_models(commands)
    _add_accept(commands)
    _add_pull(commands)
    _add_receipts(commands)
    _add_publishers(commands)
    _add_publish(commands)
    _add_license(commands)
    _add_updates(commands)
    add_audit(commands)
    add_acceptors(commands)
    add_hub(commands)
    add_webhook(commands)
    add_operation(commands)
    add_registers(commands)
    add_privacy(commands)
    return parser


def _add_account(commands: "Commands[argparse.ArgumentParser]") -> None:
    login = command(
        commands,
        "login",
        "registry.cli.account:login",
        "sign in to a registry",
        json=False,
        more="Opens the registry's page in a browser, or shows its address and a code for any other device; the\n"
        "program goes on when you have allowed it there. With --token it asks for an access token without\n"
        "echo, or reads one from stdin where that is not a terminal:\n"
        "  gatehouse login --token --endpoint https://models.example.org < token.txt\n"
        "Tokens are kept in the system's keyring where the Python package keyring is installed and has one,\n"
        "else in the user's configuration folder, readable by its owner only. The registry's public keys are\n"
        "kept too: releases and receipts are checked against them later.",
    )
    login.add_argument("--token", action="store_true", help="take an access token made on the settings page")
    login.add_argument("--no-browser", action="store_true", help="show the address only")
    login.add_argument(
        "--scopes",
        nargs="+",
        choices=("read", "publish", "audit", "review"),
        default=["read"],
        help="what the program may do (read)",
    )
    command(
        commands,
        "logout",
        "registry.cli.account:logout",
        "sign out of a registry and forget its token",
        json=False,
    )
    command(commands, "whoami", "registry.cli.account:whoami", "show who the token belongs to")


def _add_models(commands: "Commands[argparse.ArgumentParser]") -> None:
    models = command(commands, "models", "registry.cli.models:models", "list models")
    models.add_argument("--search", metavar="WORDS", help="only models that fit these words")
    models.add_argument("--license", metavar="SLUG", help="only models whose gate demands this license")
    models.add_argument("--gate", choices=("auto", "manual", "closed"), help="only models with such a gate")
    models.add_argument("--mine", action="store_true", help="only models that you may download now")
    models.add_argument("--limit", type=positive, default=100, metavar="N", help="at most so many (100)")
    info = command(
        commands, "info", "registry.cli.models:info", "show a model: its files, its terms, your access"
    )
    info.add_argument("model", metavar="PUBLISHER/MODEL")
    info.add_argument("--revision", default="main", help="branch, tag or commit (main)")
    explain = command(
        commands,
        "explain",
        "registry.cli.models:explain",
        "say what a model asks of you: what is met by which fact, what is missing, who decides",
    )
    explain.add_argument("model", metavar="PUBLISHER/MODEL")
    explain.add_argument(
        "--person",
        metavar="EMAIL",
        help="ask for somebody else, as an operator or as staff of the publisher; the look is recorded",
    )


def _add_accept(commands: "Commands[argparse.ArgumentParser]") -> None:
    accept = command(
        commands,
        "accept",
        "registry.cli.accept:run",
        "read what a model asks you to accept, and accept it with your own signature",
        json=False,
        more="Shows the whole text, page by page; asks the publisher's questions, your name and a sentence; then signs\n"
        "with an SSH key of yours, by ssh-keygen: a key file, which asks for its passphrase, or the agent. Register\n"
        "the public key once on the page /settings/ssh-keys. It works on a terminal only: no option, pipe or\n"
        "variable accepts in your place. Prints where each receipt is kept.",
    )
    accept.add_argument("model", metavar="PUBLISHER/MODEL")
    accept.add_argument(
        "--key", metavar="FILE", help="the SSH key to sign with (one of ~/.ssh, or of the agent)"
    )
    accept.add_argument("--to", default=".", metavar="DIR", help="folder for the receipts (here)")


def _add_pull(commands: "Commands[argparse.ArgumentParser]") -> None:
    pull = command(
        commands,
        "pull",
        "registry.cli.pull:run",
        "fetch a release into a folder and verify every byte",
        more="Run again after an interruption, it goes on where it stopped. Files that are there with the right\n"
        "SHA-256 are not fetched. Where an acceptance is missing, it says what and where; with --wait it goes on\n"
        "by itself as soon as a person has accepted in the browser. Writes nothing outside the folder, and prints\n"
        "the folder on stdout. With --json, stdout holds one document in any case: where it failed, error, code,\n"
        "remedy_url, advice and exit_code, which is also the exit code (3: refused).",
    )
    pull.add_argument("model", metavar="PUBLISHER/MODEL")
    pull.add_argument("--revision", default="main", help="branch, tag or commit (main)")
    pull.add_argument(
        "--include", action="append", default=[], metavar="PATTERN", help="only such files; may be repeated"
    )
    pull.add_argument(
        "--exclude", action="append", default=[], metavar="PATTERN", help="no such files; may be repeated"
    )
    pull.add_argument("--to", metavar="DIR", help="the folder (a new one here, named like the model)")
    pull.add_argument("--wait", action="store_true", help="wait until what is missing is done in the browser")
    pull.add_argument(
        "--connections", type=connections, default=8, metavar="N", help="connections to the store (8)"
    )
    pull.add_argument("--quiet", action="store_true", help="no progress on stderr")


def _add_receipts(commands: "Commands[argparse.ArgumentParser]") -> None:
    receipt = group(commands, "receipt", "your receipts: proof of what you have accepted")
    command(receipt, "list", "registry.cli.receipt:list_receipts", "list what you have accepted")
    get = command(
        receipt,
        "get",
        "registry.cli.receipt:get",
        "save a receipt as a file, or write it to stdout",
        json=False,
    )
    get.add_argument("receipt", metavar="ID")
    get.add_argument("--output", metavar="FILE", help="where to save it (stdout)")
    get.add_argument(
        "--pdf", action="store_true", help="as pages for print, with the receipt file attached to them"
    )
    get.add_argument("--only", action="append", metavar="NAMES", help=ONLY_HELP)
    disclose = command(
        receipt,
        "disclose",
        "registry.cli.receipt:disclose",
        "make a receipt that shows less of a saved one",
        remote=False,
        json=False,
        more="Works offline. The license, its version, the time and the ids of the statement are always shown; the rest is kept\n"
        "back unless it is named. The result verifies as the whole receipt does.\n"
        "With --audience and --nonce it also proves that you hold the key that the acceptance was bound to when\n"
        "gatehouse accept made it; who was not meant can do nothing with it. The key was kept beside your credentials.",
    )
    disclose.add_argument("file", metavar="FILE", help="the saved receipt (JSON or PDF), - for stdin")
    disclose.add_argument("--only", action="append", metavar="NAMES", required=True, help=ONLY_HELP)
    disclose.add_argument("--output", metavar="FILE", help="where to save it (stdout)")
    disclose.add_argument("--audience", metavar="NAME", help="for whom it is made, as they name themselves")
    disclose.add_argument("--nonce", metavar="WORD", help="what they gave you to prove that it is made now")
    disclose.add_argument(
        "--holder-key", metavar="FILE", help="the key of the receipt, where it is kept elsewhere (JWK)"
    )
    _add_verify(commands)


def _add_verify(commands: "Commands[argparse.ArgumentParser]") -> None:
    verify = command(
        commands,
        "verify",
        "registry.cli.verify:run",
        "verify a receipt, an evidence bundle or the proof of a download record offline",
        remote=False,
        more="Sixteen steps: format, keys, signature, type, hash-name, disclosures, claims, license, leaf, inclusion,\n"
        "checkpoint, validity, witnesses, timestamps, own-signature, key-binding. A receipt brings the registry's keys along, which shows that it fits together but\n"
        "not who made it: give the keys with --keys, or sign in to the registry once, and they are trusted.\n"
        "Keys are a JWK set, as the registry publishes it under /api/v1/keys.\n"
        "A receipt as PDF is verified by the file attached to it; its pages are not looked at.\n"
        "An evidence bundle (see audit bundle) is recognised by itself; its eleven steps name the member that fails.\n"
        "So is the proof of a download record (see audit downloads --prove), in eight steps.",
    )
    verify.add_argument("file", metavar="FILE", help="the receipt (JSON or PDF) or bundle, - for stdin")
    verify.add_argument("--keys", metavar="FILE", help="public keys that you trust")
    verify.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="KEY",
        help="verifier key of a witness that must have cosigned; may be repeated",
    )
    verify.add_argument(
        "--tsa", metavar="FILE", help="root certificates (PEM) that a time stamp must lead to"
    )
    verify.add_argument(
        "--audience", metavar="NAME", help="fail unless it was made for this audience by the key's holder"
    )
    verify.add_argument(
        "--nonce", metavar="WORD", help="what you gave the holder to prove that it is made now"
    )
    verify.add_argument(
        "--max-age", type=positive, metavar="SECONDS", help="how old that proof may be (600 seconds)"
    )
    verify.add_argument(
        "--require-trusted", action="store_true", help="fail (5) where only the file itself has the keys"
    )


def _add_publishers(commands: "Commands[argparse.ArgumentParser]") -> None:
    publisher = group(commands, "publisher", "publishers, under which models stand")
    add = command(
        publisher,
        "add",
        "registry.cli.publisher:add",
        "create a publisher; you become its owner",
        more="Takes a token with the scope publish. The page Manage of the registry does the same.",
    )
    add.add_argument("name", metavar="NAME", help="as it stands in addresses, before the model's name")
    add.add_argument("--display-name", default="", metavar="TEXT", help="as people read it (the name)")


def _add_publish(commands: "Commands[argparse.ArgumentParser]") -> None:
    publish = command(
        commands,
        "publish",
        "registry.cli.publish:run",
        "publish a folder as a release of a model",
        more="Bytes that the registry has already are not sent again. Killed or cut off, it goes on where it stopped\n"
        "when the same command is run again. The release appears only after the registry has hashed every file.\n"
        ".git, .gatehouse, __pycache__ and the like are left out.",
    )
    publish.add_argument("folder", metavar="FOLDER")
    publish.add_argument("model", metavar="PUBLISHER/MODEL")
    publish.add_argument(
        "--license",
        action="append",
        default=[],
        metavar="SLUG@NUMBER",
        help="license version that users have to accept; may be repeated; left out, the gate of the model stays",
    )
    publish.add_argument(
        "--license-file", metavar="FILE", help="its text, for a license that the registry does not have yet"
    )
    publish.add_argument(
        "--purpose",
        action="append",
        default=[],
        metavar="QUESTION=TEXT",
        help="why the form of a new model asks a question of the card; may be repeated",
    )
    publish.add_argument(
        "--gate",
        choices=("auto", "manual", "closed"),
        help="who opens a new model: the acceptance itself, a maintainer, nobody (auto)",
    )
    publish.add_argument("--message", default="", metavar="TEXT", help="what the release is")
    publish.add_argument("--ref", default="main", help="branch that points to it (main)")
    publish.add_argument(
        "--connections", type=connections, default=6, metavar="N", help="connections to the store (6)"
    )
    publish.add_argument("--quiet", action="store_true", help="no progress on stderr")
    publish.add_argument(
        "--dry-run",
        action="store_true",
        help="send nothing but the card and the text of a new license; show what the licenses carry on of those of the bases",
    )


def _add_license(commands: "Commands[argparse.ArgumentParser]") -> None:
    license_ = group(commands, "license", "license texts and their versions")
    listed = command(license_, "list", "registry.cli.license:list_licenses", "list licenses")
    listed.add_argument("--limit", type=positive, default=1000, metavar="N", help="at most so many (1000)")
    show = command(
        license_,
        "show",
        "registry.cli.license:show",
        "write the exact text of a license version, or list the versions of a license",
    )
    show.add_argument("license", metavar="SLUG[@NUMBER]")
    diff = command(
        license_, "diff", "registry.cli.license:diff", "show what changed between two versions, line by line"
    )
    diff.add_argument("old", metavar="SLUG@NUMBER")
    diff.add_argument("new", metavar="SLUG@NUMBER")
    add = command(
        license_,
        "add",
        "registry.cli.license:add",
        "publish a license version; it never changes",
        more="What a license includes by reference, and which uses it restricts, is stated once, with the version:\n"
        "  gatehouse license add example@1.0 LICENSE.md --title Example --policy 'Acceptable use=USE.md' \\\n"
        "    --restriction no-malware --restriction 'no-medical-advice:unless-human-oversight:A (m)'\n"
        "Strictness: flat, intent-only, unless-human-oversight. The registry lists the restrictions it knows.",
    )
    add.add_argument("license", metavar="SLUG@NUMBER")
    add.add_argument("file", metavar="FILE", help="the text, UTF-8")
    add.add_argument("--title", default="", help="name of a new license")
    add.add_argument(
        "--change-class",
        choices=("initial", "editorial", "compatible", "material"),
        default="initial",
        help="what the version means for those who accepted an earlier one; material asks them again, editorial and "
        "compatible take a second person (initial)",
    )
    add.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="TITLE=FILE",
        help="text that the license includes by reference, whole, so that receipts bind it; may be repeated",
    )
    add.add_argument(
        "--restriction",
        action="append",
        default=[],
        metavar="SLUG[:STRICTNESS[:CLAUSE]]",
        help="use that the license restricts (flat); may be repeated",
    )
    add.add_argument("--effective-at", metavar="TIME", help="RFC 3339 time with a zone (now)")


def _add_updates(commands: "Commands[argparse.ArgumentParser]") -> None:
    updates = group(commands, "updates", "releases that are to be given up for another by a day")
    command(updates, "list", "registry.cli.updates:list_updates", "list what you were told to give up")
    acknowledge = command(
        updates,
        "acknowledge",
        "registry.cli.updates:acknowledge",
        "say that you have read what you are to give up",
        more="That your copies are deleted is said by a person in a browser; the command prints the page.",
    )
    acknowledge.add_argument("update", metavar="ID", help="as updates list shows it")
    status = command(
        updates,
        "status",
        "registry.cli.updates:status",
        "show which releases of a model are to be given up, and how far their holders are",
        more="For those who may read the publisher's records, by a token with the scope audit. The look is recorded.",
    )
    status.add_argument("model", metavar="PUBLISHER/MODEL")
    holders = command(
        updates,
        "holders",
        "registry.cli.updates:holders",
        "write who was told to give up a release, and what they said",
        json=False,
        more="Takes what updates status takes. The look is recorded.",
    )
    holders.add_argument("model", metavar="PUBLISHER/MODEL")
    holders.add_argument("update", metavar="ID", help="as updates status shows it")
    holders.add_argument(
        "--format", choices=("jsonl", "csv"), default="jsonl", help="form of the rows (jsonl)"
    )
    mark = command(
        updates,
        "mark",
        "registry.cli.updates:mark",
        "print the page on which a maintainer has a release given up",
        json=False,
        more="Marking a release takes a maintainer who signed in not long ago, in a browser: no token does it.",
    )
    mark.add_argument("model", metavar="PUBLISHER/MODEL")
    mark.add_argument("--release", required=True, metavar="REVISION", help="the release to be given up")
    mark.add_argument("--replacement", default="main", metavar="REVISION", help="what replaces it (main)")
    mark.add_argument("--by", default="", metavar="DATE", help="the day, as 2027-01-31")
    mark.add_argument("--reason", default="", metavar="TEXT", help="why; everybody who is told reads it")
