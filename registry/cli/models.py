"""`gatehouse models` and `gatehouse info`: what there is, behind which terms, and whether it is yours to take."""

from argparse import Namespace

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, write_columns, write_json, write_line
from registry.client.answers import ModelInfo
from registry.client.api import parse_model_id
from registry.client.errors import printable
from registry.client.progress import in_words
from registry.client.wire import Fields


def models(args: Namespace) -> int:
    """List models."""
    wanted = {"search": args.search, "license": args.license, "gate": args.gate}
    filters = {name: value for name, value in wanted.items() if value}
    with connected(choose_registry(args)) as registry:
        found = list(registry.list_models(filters, mine=args.mine, limit=args.limit))
    if args.json:
        write_json([one.value for one in found])
        return 0
    rows, ending = [], []
    for one in found:
        name = f"{one.text('publisher')}/{one.text('name')}"
        terms = ", ".join(
            f"{item.text('slug')}@{item.text('number')}" for item in one.members("requirements")
        )
        summary = printable(one.maybe_text("summary") or "", limit=100)
        until = one.maybe_text("reaccept_by")
        if until is not None:
            ending.append(
                f"{printable(name)}: until {printable(until)}, unless its license is accepted anew before"
            )
        rows.append((printable(name), one.maybe_text("gate") or "", printable(terms or "none"), summary))
    write_columns(("model", "gate", "license", "summary"), rows)
    for line in ending:
        talk(line)
    return 0


def info(args: Namespace) -> int:
    """Show one model."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        model = registry.get_model(publisher, name, revision=args.revision)
    if args.json:
        write_json(model.raw)
        return 0
    _write_model(model)
    return 0


def explain(args: Namespace) -> int:
    """Say what a model asks of the caller, or of somebody else; a no is an answer, not an error."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        decision = registry.explain(publisher, name, person=args.person)
    if args.json:
        write_json(decision.value)
        return 0
    may = "yes" if decision.flag("permitted") else "no"
    write_line(f"{publisher}/{name}: {may} - {printable(decision.text('title'))}")
    if detail := decision.maybe_text("detail"):
        write_line(f"  {printable(detail)}")
    for reason in decision.members("reasons"):
        _write_reason(reason)
    remedy = decision.maybe_member("remedy")
    if remedy is not None:
        write_line(f"next: {printable(remedy.text('text'))} {remedy.maybe_text('url') or ''}".rstrip())
    return 0


def _write_reason(reason: Fields) -> None:
    write_line(f"{'met    ' if reason.flag('met') else 'missing'}  {printable(reason.text('title'))}")
    told = (
        ("", reason.maybe_text("detail")),
        ("since ", reason.maybe_text("since")),
        ("until ", reason.maybe_text("until")),
        ("by acceptance ", reason.maybe_text("acceptance")),
        ("by grant ", reason.maybe_text("grant")),
        ("decided by: ", None if reason.flag("met") else reason.maybe_text("decider")),
    )
    for label, text in told:
        if text:
            write_line(f"         {label}{printable(text)}")
    changes = reason.maybe_member("changes")
    if changes is not None:
        _write_changes(changes)


def _write_changes(changes: Fields) -> None:
    said = {"changed": "changed", "added": "new", "removed": "removed", "reworded": "reworded"}
    figures = [f"{changes.number(name)} {word}" for name, word in said.items() if changes.number(name)]
    old, grave = printable(changes.text("old")), printable(changes.text("change_class"))
    write_line(
        f"         what changed since {old} ({grave}): {', '.join(figures) or 'no clause'}"
        f" {changes.maybe_text('url') or ''}".rstrip()
    )


def _write_model(model: ModelInfo) -> None:
    write_line(f"{model.publisher}/{model.name}{' (private)' if model.is_private else ''}")
    if model.summary:
        write_line(model.summary)
    write_line(f"gate: {model.gate_mode}")
    for terms in model.requirements:
        write_line(
            f"license: {terms.title} {terms.number} ({terms.slug}@{terms.number}) {terms.url or ''}".rstrip()
        )
    access = model.access
    write_line(f"access: {'yes' if access.permitted else 'no'} - {access.title}")
    if not access.permitted:
        for line in access.refusal(is_signed_in=True).advice:
            write_line(f"  {line}")
    elif access.detail:
        write_line(f"  {access.detail}")
    if model.commit is None:
        write_line("release: none yet")
        return
    write_line(f"release: {model.commit} {model.published_at} {model.message}".rstrip())
    for ref, kind, commit in model.refs:
        write_line(f"{kind}: {ref} {commit}")
    for file in model.files:
        flags = f"  [{'; '.join(file.flags)}]" if file.flags else ""
        write_line(f"file: {printable(file.path)}  {in_words(file.size)}  sha256:{file.sha256}{flags}")
