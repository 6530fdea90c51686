"""`gatehouse hub`: models paired with repositories of the Hub, whose gate follows the registry's decisions."""

from argparse import Namespace

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import (
    WORDS_MOST,
    read_secret,
    talk,
    text_of,
    write_columns,
    write_json,
    write_line,
)
from registry.client.api import parse_model_id
from registry.client.errors import ClientError, printable
from registry.client.wire import Fields, JsonObject


def token(args: Namespace) -> int:
    """Store a token of the Hub for a publisher."""
    secret = read_secret("Token of the Hub (not shown): ")
    with connected(choose_registry(args)) as registry:
        answer = registry.store_hub_token(args.publisher, secret)
    if args.json:
        write_json(answer.value)
    else:
        write_line(f"{text_of(answer, 'account')} ({text_of(answer, 'role') or 'role not told'})")
        talk(f"Repositories of {args.publisher} are managed by this account of the Hub from now on.")
    return 0


def link(args: Namespace) -> int:
    """Pair a model with a repository."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        answer = registry.link_mirror(
            publisher, name, {"repository": args.repository, "group": args.group or ""}
        )
    if args.json:
        write_json(answer.value)
    else:
        write_line(f"{text_of(answer, 'model')} = {text_of(answer, 'repository')}")
        talk(f"Nothing was changed at the Hub. See what would be: gatehouse hub plan {args.model}")
    return 0


def import_repository(args: Namespace) -> int:
    """Make a model out of a repository, and pair the two."""
    model = args.model or args.repository
    publisher, name = parse_model_id(model)
    body: JsonObject = {
        "repository": args.repository,
        "license": args.license or "",
        "invite": args.invite,
        "dry_run": args.dry_run,
    }
    with connected(choose_registry(args)) as registry:
        answer = registry.import_hub_repository(publisher, name, body)
    if args.json:
        write_json(answer.value)
        return 0
    people = answer.member("people")
    if answer.flag("created"):
        _write_import(answer, dry_run=args.dry_run)
    elif not people.number("added"):
        write_line(f"{text_of(answer, 'model')} = {text_of(answer, 'repository')}")
        talk("It was imported before. Nothing was changed.")
        return 0
    _talk_of_people(people, dry_run=args.dry_run)
    if not args.dry_run:
        talk(f"Nothing was changed at the Hub. See what would be: gatehouse hub plan {model}")
    return 0


def plan(args: Namespace) -> int:
    """Say what would be done at the Hub."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        answer = registry.plan_mirror(publisher, name)
    if args.json:
        write_json(answer.value)
        return 0
    _write_drifts(answer)
    _write_actions(answer, "actions")
    _write_card(answer.member("card"), args.model)
    _talk_of_weights(answer.member("weights"))
    talk(
        f"{answer.number('granted')} are let in at the Hub as here, {answer.number('waiting')} wait there. "
        + ("Nothing is left to do." if not answer.members("actions") else _duration(answer.number("seconds")))
    )
    return 0


def apply(args: Namespace) -> int:
    """Bring the repository in line, and keep it so."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        answer = registry.apply_mirror(publisher, name, card=args.card)
    settled = answer.flag("settled")
    if args.json:
        write_json(answer.value)
    else:
        _write_drifts(answer)
        _write_actions(answer, "done")
        _write_card(answer.member("mirror").member("card"), args.model)
        if settled:
            talk("The Hub lets in nobody whom the registry does not. It is kept so from now on.")
    if not settled:
        mirror = answer.member("mirror")
        raise ClientError(
            f"the Hub is not in line yet: {text_of(mirror, 'trouble_words')}; it is tried again by itself"
        )
    return 0


def status(args: Namespace) -> int:
    """Say how a mirror stands."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        answer = registry.get_mirror(publisher, name)
    if args.json:
        write_json(answer.value)
        return 0
    rows = [
        (label, text_of(answer, field) or "-")
        for label, field in (
            ("repository", "repository"),
            ("group", "group"),
            ("account", "account"),
            ("kept since", "kept_since"),
            ("looked at", "looked_at"),
            ("in line at", "settled_at"),
            ("next look", "next_at"),
            ("trouble", "trouble_words"),
        )
    ]
    rows += [("let in", str(answer.number("granted"))), ("waiting", str(answer.number("waiting")))]
    rows += [(f"drift {drift}", str(count)) for drift, count in answer.member("drifts").value.items()]
    write_columns(("", ""), rows)
    _talk_of_weights(answer.member("weights"))
    return 0


def unlink(args: Namespace) -> int:
    """End the pairing."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        answer = registry.unlink_mirror(publisher, name)
    if args.json:
        write_json(answer.value)
    else:
        write_line(f"{text_of(answer, 'model')} != {text_of(answer, 'repository')}")
        talk(
            "The repository stays as it is; who is let in there is for its owners to look after from now on."
        )
    return 0


def _write_import(answer: Fields, *, dry_run: bool) -> None:
    """Say what becomes of the repository, in columns."""
    how = {
        "exact": "recognised, byte for byte",
        "layout": "recognised, the same words in another layout",
        "not-compared": "as you say; not compared with the text at the Hub",
    }
    files, left = answer.texts("files"), answer.texts("left")
    rows = [
        ("model", text_of(answer, "model") + (" (private)" if answer.flag("private") else "")),
        ("repository", f"{text_of(answer, 'repository')} at {text_of(answer, 'revision')[:12]}"),
        ("license", f"{text_of(answer, 'license')} ({how.get(text_of(answer, 'match'), 'not compared')})"),
        ("gate", text_of(answer, "gate")),
        *(("file", printable(one, limit=WORDS_MOST)) for one in files),
        *(("stays at the Hub", printable(one, limit=WORDS_MOST)) for one in left),
    ]
    write_columns(("", ""), rows)
    if answer.number("left_count") > len(left):
        talk(f"{answer.number('left_count') - len(left)} more files stay at the Hub.")
    if unexplained := answer.texts("unexplained"):
        asked = ", ".join(printable(one, limit=60) for one in unexplained)
        talk(f"The form asks without saying why: {asked}. Say it on the page of the gate.")
    talk("This is what would be made; nothing was." if dry_run else "The model is made, and paired.")


def _talk_of_people(people: Fields, *, dry_run: bool) -> None:
    accepted, added = people.number("accepted"), people.number("added")
    if dry_run:
        talk(f"{accepted} are let in there, and would be imported with grade C; they get no access by it.")
        return
    talk(f"{added} of {accepted} who are let in there were imported with grade C; they get no access by it.")
    for name, words in (
        ("known", "were on record for this model already"),
        ("linked", "have accepted here already, and are linked to that"),
        ("forgotten", "were left out: they had what was imported of them deleted"),
        ("unreadable", "were left out: the Hub tells neither an account nor an address of them"),
    ):
        if count := people.number(name):
            talk(f"{count} {words}")


def _write_actions(answer: Fields, field: str) -> None:
    rows = [
        [text_of(one, name) for name in ("deed", "user", "request_id", "why")]
        for one in answer.members(field)
    ]
    if rows:
        write_columns(("deed", "account", "request", "why"), rows)


def _write_drifts(answer: Fields) -> None:
    for one in answer.members("drifts"):
        talk(f"{text_of(one, 'drift')}: {text_of(one, 'words')}")


def _write_card(card: Fields, model: str) -> None:
    """Say what becomes of README and LICENSE, part by part."""
    rows = [
        (words, part)
        for field, words in (
            ("changes", "set"),
            ("kept", "edited at the Hub, left so"),
            ("conflicts", "changed on both sides, left as the Hub has it"),
        )
        for part in card.texts(field)
    ]
    if rows:
        write_columns(("card", "part"), [(words, printable(part, limit=WORDS_MOST)) for words, part in rows])
    if any(words.startswith("changed") for words, _ in rows):
        talk(f"To say whose is taken: gatehouse hub apply {model} --card registry, or --card hub")
    if trouble := text_of(card, "trouble"):
        talk(f"The card was not brought in line: {trouble}")


def _talk_of_weights(weights: Fields) -> None:
    """Say where the weights lie, and which of them differ."""
    place = {
        "here": "Weights: served from here alone.",
        "hub": "Weights: at the Hub alone; who is let in there is decided here.",
        "both": "Weights: here and at the Hub.",
        "nowhere": "Weights: neither here nor at the Hub.",
    }.get(text_of(weights, "place"))
    if place:
        counts = [
            f"{weights.member(kind).number('count')} {words}"
            for kind, words in (
                ("equal", "equal"),
                ("different", "different"),
                ("only_here", "only here"),
                ("only_there", "only at the Hub"),
            )
            if weights.member(kind).number("count")
        ]
        talk(" ".join([place, *([f"Files: {', '.join(counts)}."] if counts else [])]))
    for path in weights.member("different").texts("named"):
        talk(f"weights-differ: {printable(path, limit=WORDS_MOST)} has other bytes there than here")
    if trouble := text_of(weights, "trouble"):
        talk(f"The files at the Hub were not compared: {trouble}")


def _duration(seconds: int) -> str:
    return "It would be done at once." if not seconds else f"It would take about {seconds // 60 + 1} minutes."
