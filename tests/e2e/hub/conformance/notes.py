"""Why a cell of the table is no yes; the first note that fits is the one."""

from dataclasses import dataclass

from tests.e2e.hub.conformance.rows import COMMAND_LINE, FAULTS, PUBLISHING, REFUSALS


@dataclass(frozen=True)
class Note:
    """An explanation of the cells of some clients and checks; without checks, of all that they do not offer."""

    clients: frozenset[str]
    text: str
    checks: frozenset[str] = frozenset()

    def fits(self, client: str, check: str, result: str) -> bool:
        """Whether it explains this cell."""
        wanted = check in self.checks if self.checks else result == "not offered"
        return client in self.clients and wanted


def note(clients: str, checks: str, text: str) -> Note:
    """Return a note; clients separated by commas, checks by blanks."""
    return Note(frozenset(name.strip() for name in clients.split(",")), text, frozenset(checks.split()))


OLD = "huggingface_hub 0.24.7, huggingface_hub 0.36.2"
COMMANDS = " ".join(COMMAND_LINE)
LIBRARIES = f"{OLD}, huggingface_hub 1.29.0, huggingface_hub 2.4.0"
NOTES = (
    note(
        "transformers, curl, aria2",
        " ".join(PUBLISHING),
        "It reads. Publish with `hf upload` or `gatehouse publish`.",
    ),
    note("huggingface_hub 0.24.7", "auth-check", "This version has no such call yet."),
    note(
        OLD,
        "warning",
        "These versions read no `X-HF-Warning`. They show the whole text of the refusal instead, with the same address.",
    ),
    note(
        f"{LIBRARIES}, huggingface.js",
        "ask-access",
        "The library has no such call. The refusal names the page where a person accepts or asks.",
    ),
    note(
        "transformers",
        " ".join(FAULTS),
        "`transformers` downloads with `huggingface_hub` 2.4.0: see its column.",
    ),
    note(
        OLD,
        "cut link-expired",
        "These versions end the call with the broken connection. The next call asks for the rest only, by a fresh link: see `cut-next-call`.",
    ),
    note(OLD, "busy", "These versions do not wait for a 429; call once more."),
    note(
        "huggingface_hub 0.24.7",
        "maintenance",
        "This version does not ask again after a 503; call once more.",
    ),
    note(
        LIBRARIES,
        "cut-next-call",
        "A call that failed leaves nothing behind since 1.18 (huggingface_hub#4196), so the next begins at the first byte. Within a call these "
        "versions go on: see `cut`. `gatehouse pull` goes on from call to call.",
    ),
    note(
        "huggingface.js",
        " ".join(FAULTS),
        "The library asks once: a call that met a fault ends with it, and the next one begins at the first byte.",
    ),
    note("aria2", "busy", "aria2 gives up at a 429; call once more."),
    note(LIBRARIES, "part", "The library reads parts by `HfFileSystem` only: see `file-system`."),
    note(
        LIBRARIES, "load-config load-tokenizer", "A matter of `transformers`, which reads with this library."
    ),
    note("transformers, huggingface.js, curl, aria2", COMMANDS, "The command line of `huggingface_hub`."),
    note(OLD, "cli-verify", "These versions have no such command; `gatehouse pull` verifies every byte."),
    note(
        "huggingface.js",
        "own-token",
        "The library refuses every `accessToken` that does not begin with `hf_`, before it asks anybody. Tokens here begin with "
        "`gatehouse_`, so that they are told from the Hub’s. Give it a `fetch` that adds the header, as shown above; all other checks do so.",
    ),
    note(
        "huggingface.js",
        "empty-file",
        "The library learns the size by asking for the first byte, and an empty file has none (416, RFC 9110 §15.5.17).",
    ),
    note("huggingface.js", "", "The library has no such call."),
    note("transformers", "", "`transformers` reads files by their names, and tells nothing of repositories."),
    note("curl", "", "`curl` fetches one address; the list of files is that of `tree`."),
    note(
        "aria2",
        f"wrong-token {' '.join(name for name in REFUSALS if name.startswith('refused-') and name != 'refused-snapshot')}",
        "Nothing is stored and the exit code is not 0, but aria2 shows the status alone (401, 403), not the reason or the address, "
        "which stand in the answer’s headers. Ask once more with `curl -I`.",
    ),
    note(
        "aria2",
        "token-stays",
        "aria2 sends the header that it is given to the store, too. Give it the link alone, as shown above.",
    ),
    note(
        "aria2",
        "",
        "aria2 fetches files by their addresses; what is told of them is asked with another program.",
    ),
)
