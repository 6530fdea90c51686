"""The receipt on paper: the data of `frontend/documents/receipt.typ`, made from the receipt file alone.

What the pages show is what the attached file says; nothing else is looked up, so the same receipt gives the same pages.
"""

import io
import json
import re
import unicodedata
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import segno

from registry.acceptances.domain import AcceptanceSummary
from registry.acceptances.receipt_page import statement_parts
from registry.acceptances.receipts import Receipt
from registry.acceptances.sd_jwt import open_claims, read_payload
from registry.kernel.page_parts import language_name
from registry.kernel.pages import format_when

DOCUMENT = "receipt.typ"
PDF_TYPE = "application/pdf"
ATTACHED = "receipt.json"
_UNBROKEN_MAX_CHARACTERS = 60
"""A longer run without a space may be broken, or it would leave the page."""
INDENT_MAX_CHARACTERS = 40
_NOT_HELD = "The registry holds the digest of this text only."
_UNBROKEN = re.compile(rf"[^\s\u200b]{{{_UNBROKEN_MAX_CHARACTERS}}}(?=\S)")
_STEERING = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE_ENDS = re.compile(r"\r\n|[\r\u2028\u2029\x0b\x0c\x85]")


def document_inputs(receipt: Receipt, file: bytes, summary: AcceptanceSummary) -> dict[str, str]:
    """Return what the template asks for; `file` is the receipt as it is attached."""
    jwt, *disclosures = receipt.sd_jwt.rstrip("~").split("~")
    claims: Any = open_claims(read_payload(jwt), disclosures)
    verify_url = f"{receipt.registry}/verify"
    return {
        "data": json.dumps(_data(receipt, claims, summary, verify_url)),
        "receipt": file.decode("utf-8"),
        "qr": qr_svg(verify_url),
    }


def qr_svg(address: str) -> str:
    """Return the QR code of an address as an image."""
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=2, xmldecl=False)
    return drawn.getvalue().decode("utf-8")


def _data(receipt: Receipt, claims: Any, summary: AcceptanceSummary, verify_url: str) -> dict[str, Any]:
    parts = SimpleNamespace(**statement_parts(summary, claims))
    said, at = parts.statement, parts.times.accepted_at
    proof = receipt.ledger
    return {
        "title": f"Receipt: {plain(said.license)} {plain(said.number)}",
        "registry": receipt.registry,
        "id": str(summary.id),
        "verify_url": verify_url,
        "attached": ATTACHED,
        "at": [at.year, at.month, at.day, at.hour, at.minute, at.second],
        "when": format_when(at),
        "who": words(said.who),
        "what": words(f"{said.license} {said.number}"),
        "capacity": words(said.capacity),
        "model": words(said.model),
        "accepted": _accepted_rows(receipt, parts, claims),
        "acceptor": _acceptor_rows(parts),
        "evidence": _evidence_rows(receipt, parts),
        "checkpoint": plain(proof.checkpoint) if proof else None,
        "how": [words(one) for one in _how_to_verify(receipt, verify_url)],
        "texts": _texts(receipt),
    }


def _accepted_rows(receipt: Receipt, parts: SimpleNamespace, claims: Any) -> Sequence[dict[str, Any]]:
    said = parts.statement
    rows = [
        _row(
            "License",
            f"{said.license} {said.number}, {language_name(claims['license']['language'])}",
            mono=receipt.license.sha256,
            note="SHA-256 of the exact text; the whole text follows on these pages",
        )
    ]
    rows += [
        _row("With it", policy.title, mono=policy.sha256, note=policy.url)
        for policy in receipt.license.policies
    ]
    rows.append(
        _row(
            "Covers",
            f"the gate of {parts.scope.model}",
            mono=f"release {parts.scope.commit}" if parts.scope.commit else None,
        )
    )
    return rows


def _acceptor_rows(parts: SimpleNamespace) -> Sequence[dict[str, Any]]:
    said, person = parts.statement, parts.person
    rows = [
        _row("Name", said.who, note=parts.acts.name_said and f"typed by the person; {parts.acts.name_said}")
    ]
    if person:
        signed_in = f", {format_when(person.sign_in_at, 'minute')}" if person.sign_in_at else ""
        rows.append(_row("Signed in", person.label, note=f"{person.how}{signed_in}"))
    rows.append(_row("Capacity", said.capacity))
    rows.append(
        _row(
            "Act",
            parts.acts.said,
            note=f"“{parts.acts.button_label}”; nothing was filled in or ticked beforehand",
        )
    )
    times = [f"shown {format_when(parts.times.presented_at, 'second')}"]
    if parts.times.end_reached_at:
        times.append(f"end reached {format_when(parts.times.end_reached_at, 'second')}")
    times.append(f"accepted {format_when(parts.times.accepted_at, 'second')}")
    rows.append(
        _row(
            "Times (UTC)", " · ".join(times), note=f"the server’s clock; synchronisation: {parts.times.clock}"
        )
    )
    rows += [_row(answer.label, answer.value) for answer in parts.answers]
    return rows


def _evidence_rows(receipt: Receipt, parts: SimpleNamespace) -> Sequence[dict[str, Any]]:
    proof = receipt.ledger
    rows = [
        _row("Grade", f"{parts.grade.letter}: {parts.grade.said}"),
        _row("Signed by", receipt.registry, note="Ed25519, over the statement of the attached receipt"),
    ]
    if proof is None:
        rows.append(
            _row(
                "Log",
                "recorded, not yet published",
                note="fetch the receipt again for the proof of its log entry",
            )
        )
        return rows
    rows.append(
        _row(
            "Log entry",
            f"{proof.index:,} of {proof.tree_size:,}, {proof.origin}",
            mono=proof.leaf_hash,
            note="hash of the entry; the attached receipt leads from it to the checkpoint below",
        )
    )
    rows += [
        _row("Time stamp", stamp.authority, note="of that checkpoint (RFC 3161)")
        for stamp in proof.timestamps
    ]
    return rows


def _how_to_verify(receipt: Receipt, verify_url: str) -> Sequence[str]:
    read = f"These pages are for reading. The proof is the file {ATTACHED} that is attached to this PDF."
    how = "Verify it offline with the command “gatehouse verify receipt.pdf”, or in a browser, which sends it nowhere:"
    keys = f"The registry’s public keys are at {receipt.registry}/api/v1/keys; keep a copy of them with this receipt."
    others = "Any implementation of RFC 9901 and RFC 6962 can verify the file without this software."
    counts = "If these pages and the attached file differ, the file counts."
    withdrawn = "Whether the acceptance was withdrawn since, only the registry knows."
    return (f"{read} {how}", verify_url, f"{keys} {others}", f"{counts} {withdrawn}")


def _texts(receipt: Receipt) -> Sequence[dict[str, Any]]:
    terms = receipt.license
    texts = [
        {
            "title": words(f"{terms.title} {terms.number}"),
            "facts": [_row("SHA-256", "of the exact text", mono=terms.sha256)],
            "runs": list_runs(terms.text),
        }
    ]
    texts += [
        {
            "title": words(policy.title),
            "facts": [
                _row("Included by", f"{terms.title} {terms.number}", mono=policy.sha256, note=policy.url)
            ],
            "runs": list_runs(_NOT_HELD if policy.text is None else policy.text),
        }
        for policy in terms.policies
    ]
    return texts


def _row(label: str, value: str, *, mono: str | None = None, note: str | None = None) -> dict[str, Any]:
    return {
        "label": words(label),
        "value": words(value),
        "mono": mono or None,
        "note": words(note) if note else None,
    }


def list_runs(text: str) -> Sequence[dict[str, Any]]:
    """Return a text in runs of lines that read in one direction and have one indent; an empty one is a gap."""
    runs: list[dict[str, Any]] = []
    for line in _LINE_ENDS.sub("\n", text).expandtabs(4).rstrip("\n").split("\n"):
        bare = line.strip(" ")
        indent = min(len(line) - len(line.lstrip(" ")), INDENT_MAX_CHARACTERS) if bare else 0
        run = {**words(bare), "indent": indent}
        last = runs[-1] if runs else None
        if last and bare and last["text"] and (last["rtl"], last["indent"]) == (run["rtl"], indent):
            last["text"] += "\n" + run["text"]
        else:
            runs.append(run)
    return runs


def words(text: str) -> dict[str, Any]:
    """Return a text with the direction in which it reads: that of its first letter (UAX 9, P2)."""
    kept = plain(text)
    first = next((kind for kind in map(unicodedata.bidirectional, kept) if kind in {"L", "R", "AL"}), "L")
    return {"text": kept, "rtl": first != "L"}


def plain(text: str) -> str:
    """Return a text in which what would steer the page is visible, and long runs may be broken."""
    shown = _STEERING.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    return _UNBROKEN.sub(lambda found: found[0] + "\u200b", shown)
