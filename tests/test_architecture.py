"""The layout that every file keeps: layers, whose tables are whose, file names, sizes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "registry"

CONTEXTS = (
    "acceptances",
    "access",
    "audit",
    "catalog",
    "delivery",
    "hub_api",
    "identity",
    "ledger",
    "licenses",
)
STANDARD_FILES = {"__init__", "domain", "tables", "store", "service", "schemas", "api", "pages", "jobs"}

RECURRING_FILES = {
    # Names that any context may use besides the standard ones.
    "fsck": "derives the context's rows anew and names those that were altered behind our back",
    "reading": "use cases that only read",
    "refusals": "the context's refusals and their wording",
    "views": "what its pages show",
}

EXTRA_FILES = {
    # A further file is named here with the duty that none of the standard names fits.
    "acceptances": {
        "evidence": "acceptances as they are handed on, with what proves them",
        "past": "which acceptances stood at an earlier moment",
        "kept": "what an acceptance leaves behind, and for how long",
        "acknowledging": "members acknowledge what was accepted for them",
        "copies": "what became of the acceptor's copy",
        "accept_form": "the form of the acceptance page, as it is sent",
        "accept_page": "what the acceptance page is loaded with",
        "accept_views": "what that page shows",
        "acceptor": "acts that arrive together, in one commit",
        "earlier": "which acceptance the text of today is compared with",
        "accepting": "the use case of accepting, for many people at once",
        "figures": "counts over many acceptances",
        "receipt_page": "a receipt as its page shows it",
        "receipts": "what the acceptor keeps",
        "remembered": "license texts that a process keeps in memory",
        "sd_jwt": "RFC 9901",
        "statement": "the signed fields of an acceptance",
        "together": "several licenses in one act",
    },
    "access": {
        "past": "who held access at an earlier moment",
        "for_others": "what somebody else is told",
        "for_others_pages": "its pages",
        "blocks": "rules of the deny list",
        "changed_terms": "what holders are told when the terms of a gate change",
        "account_refusals": "what a service account is told that lacks a right",
        "asking": "whose acceptances and roles the query asks for",
        "restriction_views": "what a model carries on of its bases, on its pages",
        "known_terms": "what is known already of terms that are to be accepted, and what changed since",
        "giving_up": "whether a release is to be given up",
        "single_facts": "the facts that a decision rests on, one by one",
        "blocks_api": "routes of the deny list for programs",
        "acknowledge_pages": "the page where members acknowledge what was accepted for them",
        "covers": "the part of that query about organisations",
        "crowds": "the one decision, asked of many people at once",
        "losses": "whom a change of a base takes derived models from",
        "lost_models": "what people are told who lose models by a gate",
        "facts": "the one query that gathers what the decision depends on",
        "model_views": "what the pages of one model show",
        "permitted": "the models that somebody may download",
        "panel": "the verdict for this person, in words",
        "queue_pages": "the requests that wait for a publisher's reviewers",
        "queue_views": "what those pages show",
        "request_api": "routes of requests for programs",
        "request_page_views": "what the pages of requests show",
        "request_pages": "asking for access, and the trail of a request",
        "request_reading": "use cases that only read requests",
        "request_refusals": "the refusals of asking, and their wording",
        "request_store": "rows of requests, steps and grants",
        "request_views": "what the use cases of requests take and give",
        "requesting": "use cases of access requests",
        "telling": "what people are told about requests",
        "templates": "texts that reviewers answer with",
        "transitions": "the one table of what may become of a request",
    },
    "audit": {
        "bundle": "acceptances and all that proves them, as one archive",
        "bundle_api": "its route",
        "holders": "who held access at a moment",
        "holders_api": "its route",
        "look_pages": "who looked at people's data",
        "gate_effect": "what a change of a gate does to people",
        "gate_form": "the form that changes a gate",
        "equivalence_pages": "what flows down to a model and from it",
        "gate_pages": "a model's gate, and its change",
        "gate_views": "what those pages show",
        "prerequisite_form": "what that form asks beforehand",
        "publisher_pages": "publishing, roles and blocks of one publisher",
        "publisher_views": "what those pages show",
        "question_views": "what they show of the questions",
        "second_person_pages": "what a second person sees of a license version, and says",
        "sharing_pages": "putting a model behind another's gate",
        "register_pages": "who accepted which text",
        "weekly_chart": "acceptances per week, drawn",
    },
    "catalog": {
        "past": "how gates, bases and roles stood at an earlier moment",
        "reviews": "how a gate of mode manual reviews",
        "second_persons": "who confirms a change class that asks nobody again",
        "second_person_api": "its routes",
        "second_person_telling": "what is told about it",
        "requirable": "which license versions a gate may require",
        "looks": "the durable note that somebody looked at people's data",
        "look_tables": "table of looks",
        "cards": "a model card's metadata",
        "copies": "the same bytes behind two gates",
        "forms": "contact form fields and their answers",
        "lineage": "which models a model was made from",
        "lineage_store": "rows of bases and ancestors",
        "lineage_api": "its routes",
        "inherited_terms": "whether a model's licenses carry on what comes with its bases",
        "equivalences": "decisions that they do so in other words",
        "equivalence_store": "rows of them",
        "equivalence_telling": "what the derived model's maintainers are told of them",
        "equivalence_api": "routes of both",
        "revisions": "which release a branch, a tag or a commit names",
        "must_updates": "releases that are to be given up by a day",
        "graces": "until when earlier acceptances still suffice",
        "front_matter": "YAML at the head of a card",
        "gates": "use cases of a gate",
        "gate_schemas": "what a gate looks like on the wire",
        "inputs": "what its routes take from the wire",
        "inspection": "what is found in a file while it streams",
        "manifests": "release manifests, git object ids",
        "markdown": "safe rendering",
        "names": "which names publishers, models and refs may have",
        "pickles": "what unpickling would call",
        "prerequisites": "what a gate asks of a person beforehand",
        "publishing": "use cases of a release",
        "release_store": "rows of releases and blobs",
        "safetensors_header": "the safetensors format",
        "sharing": "one gate for many models",
        "sharing_api": "its routes",
        "storage": "what the catalog needs of an object store",
        "upload_store": "rows of uploads",
        "upload_api": "routes of uploads",
        "uploads": "use cases of an upload",
    },
    "delivery": {
        "personal_export": "all that is held about one person, as one document",
        "record_views": "what the pages of records show",
        "presign": "SigV4 presigned URLs",
        "resolving": "the hot path",
        "finding": "releases and files for it, remembered",
        "updates": "holders of a release that is to be given up: told, and what they answer",
        "update_api": "its routes",
        "update_pages": "its pages",
        "s3": "adapter",
        "seaweedfs": "adapter",
        "seaweedfs_folder": "what the embedded store keeps on disk",
    },
    "hub_api": {
        "errors": "refusals in the Hub's shape",
        "listing": "the tree of a release, with the Hub's object ids",
        "remembered": "what immutable releases let one remember",
        "resolve": "files in the Hub's grammar",
        "routes": "its routes in one list",
    },
    "identity": {
        "addresses": "an e-mail address for an account without one",
        "authentication": "who sends this request",
        "ending": "what operators end at once",
        "ending_store": "its statements",
        "ci_domain": "rules of CI jobs that come with an identity",
        "ci_exchange": "use cases of trust rules and their jobs",
        "ci_issuers": "adapter of CI systems: keys and identity tokens",
        "ci_pages": "trust rules of a person",
        "ci_store": "rows of trust rules",
        "declarations": "what people declare of themselves",
        "declaration_pages": "the page where they do",
        "standing": "how a person stands with what gates ask beforehand",
        "standing_domain": "its words and rules",
        "group_membership": "who belongs to an organisation by a group at a provider",
        "organisation_group_domain": "words and refusals of groups that make members",
        "organisation_group_pages": "the page of an organisation's groups",
        "organisation_group_store": "its statements",
        "organisation_group_views": "what it shows",
        "organisation_groups": "asking for groups, confirming and ending them",
        "consent_pages": "allowing a program in the browser that it opened",
        "device_pages": "allowing a program that waits with a code",
        "poll_route": "polls of programs that wait, answered before the web framework",
        "device_polling": "answers for programs that ask whether they are allowed yet",
        "oauth_api": "the routes that programs call",
        "oauth_domain": "rules of the authorization server",
        "oauth_server": "adapter of Authlib",
        "oauth_service": "use cases of programs that sign in",
        "oauth_store": "rows of programs that sign in",
        "oauth_tables": "their tables",
        "oauth_views": "what their pages show",
        "membership": "who belongs to an organisation by the domain of an address",
        "organisation_ending": "suspension and end of an organisation",
        "organisation_telling": "what members are told of it",
        "dns_records": "adapter of the DNS",
        "domain_proofs": "use cases of domains proved by a DNS record",
        "domain_store": "rows of their claims",
        "domain_telling": "what officers are told about proofs of domains",
        "record_checker": "asks the DNS between two transactions",
        "organisation_api": "the same over JSON",
        "organisation_domain": "words and rules of organisations",
        "organisation_pages": "organisations, their domains and members",
        "organisation_store": "rows of organisations",
        "organisation_tables": "tables of organisations",
        "organisation_views": "what those pages show",
        "organisations": "use cases of organisations",
        "inbox_pages": "what one was told",
        "notices": "what a person is told, in the inbox and by mail",
        "identity_pages": "pages of all ways in",
        "id_tokens": "rules of OpenID Connect's ID tokens",
        "cover_telling": "what people are told who lose a cover",
        "linking": "which accounts at providers belong to one person",
        "resealing": "after a change of the master key: digests and sealed values anew",
        "mail_links": "signing in by mail",
        "oidc": "adapter to providers",
        "passkey_pages": "pages of passkeys",
        "passkeys": "use cases of passkeys",
        "provider_documents": "what providers publish of themselves",
        "provider_pages": "pages of providers",
        "providers": "which providers are set, and presets",
        "service_account_api": "routes of service accounts for programs",
        "service_account_domain": "words and rules of service accounts",
        "service_account_pages": "service accounts and their tokens",
        "service_account_store": "rows of service accounts",
        "service_account_tables": "their tables",
        "service_account_views": "what those pages show",
        "service_accounts": "use cases of service accounts",
        "service_credentials": "a service account's token to its principal",
        "sessions": "opening and recognising web sessions",
        "way_views": "what the pages of providers and passkeys show",
        "ways": "rules about the ways in",
        "ways_store": "rows of accounts at providers and passkeys",
        "webauthn": "adapter",
        "visits": "web sessions at the edge",
    },
    "ledger": {
        "attestations": "what witnesses and time stamping authorities say about checkpoints",
        "cosignatures": "keys and signature lines of witnesses (C2SP tlog-cosignature)",
        "notes": "C2SP signed notes and checkpoints",
        "pkcs11_token": "signing keys in a hardware module",
        "signing": "keys and JWS",
        "stored_rows": "rows as fsck reads them",
        "timestamping": "RFC 3161: has checkpoints stamped",
        "witnessing": "C2SP tlog-witness: has checkpoints cosigned",
        "tiles": "addresses of tiles and the bytes of entry bundles (C2SP tlog-tiles)",
        "tree": "RFC 6962 hashing over C2SP tiles",
    },
    "licenses": {
        "bundled": "the texts that the project ships",
        "changes": "what changed between two versions, in figures",
        "compatibility": "whether a license carries on the restrictions of another",
        "comparison": "side-by-side difference of two versions",
        "known": "third-party licenses recognised by digest",
        "layout": "text without its line wraps",
        "leaves": "facts that go into the log",
        "numbering": "version numbers and series",
        "publication": "rules of publishing a version",
        "structure": "sections and clauses of a text",
        "texts": "digests of a text",
        "verdicts": "a second person's word on a change class",
    },
}

SHARED_MODULES = {
    # What other contexts may import besides a context's package and its `domain`: pure words and protocols,
    # and the one deep entry that the hot path takes for speed.
    "registry.acceptances.figures",
    "registry.acceptances.fsck",
    "registry.access.asking",
    "registry.access.crowds",
    "registry.access.facts",
    "registry.access.giving_up",
    "registry.access.losses",
    "registry.access.fsck",
    "registry.access.panel",
    "registry.access.past",
    "registry.access.restriction_views",
    "registry.access.single_facts",
    "registry.catalog.api",
    "registry.catalog.cards",
    "registry.catalog.equivalence_store",
    "registry.catalog.equivalences",
    "registry.catalog.second_persons",
    "registry.catalog.forms",
    "registry.catalog.graces",
    "registry.catalog.inherited_terms",
    "registry.catalog.looks",
    "registry.catalog.fsck",
    "registry.catalog.markdown",
    "registry.catalog.must_updates",
    "registry.catalog.prerequisites",
    "registry.catalog.refusals",
    "registry.catalog.reviews",
    "registry.catalog.schemas",
    "registry.catalog.storage",
    "registry.delivery.resolving",
    "registry.identity.authentication",
    "registry.identity.fsck",
    "registry.identity.standing",
    "registry.identity.standing_domain",
    "registry.identity.organisation_domain",
    "registry.identity.service_account_domain",
    "registry.identity.service_credentials",
    "registry.identity.visits",
    "registry.identity.ways",
    "registry.licenses.reading",
}

MEANINGLESS_WORDS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
FILE_MAX_LINES = 450
FUNCTION_MAX_LINES = 60


def _modules(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def _context_of(file: Path) -> str | None:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if parts[0] in CONTEXTS else None


def _imported_modules(file: Path) -> Iterator[str]:
    """The dotted names of every module of ours that `file` imports, however it is written."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*name.split("."))).with_suffix(".py").exists()
                is_package = (ROOT / Path(*name.split("."))).is_dir()
                yield name if is_module or is_package else str(node.module)


def test_layers_and_pure_rules_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_context_is_known_here():
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert folders - {"kernel", "client", "cli"} <= set(CONTEXTS)


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_takes_of_others_only_what_they_offer(context):
    """Another context's rows are reached through its package, never through its tables or store."""
    wrong = []
    for file in _modules(PACKAGE / context):
        for name in _imported_modules(file):
            parts = name.split(".")
            foreign = (
                parts[0] == "registry" and len(parts) > 2 and parts[1] in CONTEXTS and parts[1] != context
            )
            if foreign and parts[2] != "domain" and ".".join(parts[:3]) not in SHARED_MODULES:
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_uses_the_usual_file_names(context):
    names = {file.stem for file in (PACKAGE / context).glob("*.py")}
    strange = names - STANDARD_FILES - set(RECURRING_FILES) - set(EXTRA_FILES.get(context, ()))
    assert strange == set(), "use a standard name, or state the file's duty in EXTRA_FILES"


def test_file_names_say_something():
    files = list(_modules(PACKAGE, ROOT / "tests"))
    assert [file for file in files if MEANINGLESS_WORDS & set(file.stem.split("_"))] == []


def test_no_module_shadows_the_standard_library():
    shadows = [file for file in _modules(PACKAGE) if file.stem in sys.stdlib_module_names - {"__future__"}]
    assert shadows == []


def test_no_file_is_too_long_to_read():
    sizes = {file: len(file.read_text().splitlines()) for file in _modules(PACKAGE, ROOT / "tests")}
    assert {str(file.relative_to(ROOT)): size for file, size in sizes.items() if size > FILE_MAX_LINES} == {}


def test_no_function_is_too_long_to_read():
    too_long = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in _modules(PACKAGE)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_MAX_LINES
    ]
    assert too_long == []


def test_only_settings_and_the_client_read_the_environment():
    readers = [
        str(file.relative_to(ROOT))
        for file in _modules(PACKAGE)
        if any(
            isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            for node in ast.walk(ast.parse(file.read_text()))
        )
    ]
    allowed = ("registry/settings.py", "registry/client/", "registry/cli/")
    assert [reader for reader in readers if not reader.startswith(allowed)] == []
