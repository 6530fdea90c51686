"""`gatehouse demo --check`: the main job from end to end, unattended, with the real parts and clients."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from registry.cli.demo import DemoInfo, DemoPerson, client, running_demo
from registry.cli.demo_browser import FormBrowser
from registry.client.errors import ExitCode
from registry.kernel.outcomes import GatehouseError
from registry.settings import PREFIX

MODEL_INDEX = 0
NAME = "Mara Lindqvist"
_ACCEPTANCE = re.compile(r"/records/([0-9a-f-]{36})")


def run_check() -> int:
    """Walk the whole way on free ports in a fresh folder; one line per step; 0 if every step held."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-demo-check-") as folder:
        data = Path(folder) / "data"
        try:
            with running_demo(data, port=_free_port()) as (info, _server):
                Journey(info=info, folder=Path(folder), data=data).walk()
        except (GatehouseError, OSError) as error:
            print(f"FAILED  {error}", flush=True)
            return 1
    print("ok      the service has ended and left no process behind", flush=True)
    return 0


@dataclass(slots=True)
class Journey:
    """The steps, in order; each raises with what it got and expected."""

    info: DemoInfo
    folder: Path
    data: Path
    acceptance: str = ""
    browser: FormBrowser | None = field(default=None)

    def walk(self) -> None:
        """Take every step."""
        try:
            for say, step in self.steps():
                step()
                print(f"ok      {say}", flush=True)
        finally:
            if self.browser is not None:
                self.browser.close()

    def steps(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        """Return what each step shows, and the step."""
        return (
            (f"published {', '.join(self.info.models)} with real weights", self.published),
            ("refused: gatehouse pull names the page to accept at", self.pull_is_refused),
            ("refused: hf download shows the same page", self.hub_client_is_refused),
            ("accepted in a browser session: read, contact form, typed name, button", self.accept),
            ("downloaded with gatehouse pull, every SHA-256 verified", self.pull),
            ("downloaded with hf download, bytes equal", self.hub_client_downloads),
            ("refused: somebody else, who accepted nothing", self.newcomer_is_refused),
            ("verified the receipt offline", self.verify_receipt),
            ("audit export: who accepted which text, who downloaded what", self.audit),
            ("ledger fsck: everything fits", self.fsck),
            ("withdrew the acceptance", self.withdraw),
            ("refused again, at once", self.pull_is_refused),
        )

    @property
    def model(self) -> str:
        """The model of the journey."""
        return self.info.models[MODEL_INDEX]

    @property
    def accept_page(self) -> str:
        """Where its license is accepted."""
        return f"{self.info.base_url}/{self.model}/accept"

    @property
    def keys(self) -> Path:
        """Where the registry's public keys are kept, fetched before anything is accepted."""
        return self.folder / "keys.json"

    def published(self) -> None:
        """The catalog holds the models."""
        outcome = self._gatehouse(self.info.maintainer, "models", "--json")
        for model in self.info.models:
            _expect(model in outcome.stdout, f"{model} is not in the catalog")

    def pull_is_refused(self) -> None:
        """No file without acceptance, and the way on in view."""
        target = self.folder / "refused"
        outcome = self._gatehouse(self.info.model_user, "pull", self.model, "--to", str(target))
        _expect(
            outcome.returncode == ExitCode.REFUSED, f"pull ended with {outcome.returncode}: {outcome.stderr}"
        )
        _expect(
            self.accept_page in outcome.stderr, f"pull does not name {self.accept_page}: {outcome.stderr}"
        )
        _expect(not list(target.rglob("*.safetensors")), "weights were written without an acceptance")

    def hub_client_is_refused(self) -> None:
        """The unmodified Hub client says where to accept."""
        outcome = self._hub(self.info.model_user, "refused")
        _expect(outcome.returncode != 0, "hf download succeeded without an acceptance")
        _expect(self.accept_page in outcome.stderr + outcome.stdout, f"no URL in view: {outcome.stderr}")

    def accept(self) -> None:
        """Sign in with the link, read, fill in and send the form of the acceptance page."""
        browser = self.browser = FormBrowser(self.info.base_url)
        self.keys.write_bytes(browser.fetch("/api/v1/keys"))
        browser.open(self.info.model_user.sign_in_url)
        browser.send(browser.form("/sign-in/link"))
        browser.open(self.accept_page)
        form = browser.form("/accept")
        _expect(not form.prefilled, f"the acceptance form comes filled in: {form.prefilled}")
        answers = {
            name: next(value for value in choices if value)
            for name, choices in form.choices.items()
            if name.startswith("answer-")
        }
        answers |= {
            name: "Nordlab Institute"
            for name in form.values
            if name.startswith("answer-") and name not in answers
        }
        browser.send(form, **answers, typed_name=NAME, declaration="on")
        found = _ACCEPTANCE.search(browser.url)
        _expect(found is not None, f"no receipt after accepting; at {browser.url}")
        self.acceptance = found.group(1) if found else ""

    def pull(self) -> None:
        """Our client gets the files."""
        target = self.folder / "pulled"
        outcome = self._gatehouse(self.info.model_user, "pull", self.model, "--to", str(target))
        _expect(outcome.returncode == 0, f"pull failed: {outcome.stderr}")
        self._same_as_published(target)

    def hub_client_downloads(self) -> None:
        """The Hub's client gets the same bytes."""
        outcome = self._hub(self.info.model_user, "hub")
        _expect(outcome.returncode == 0, f"hf download failed: {outcome.stderr}")
        self._same_as_published(self.folder / "hub")

    def newcomer_is_refused(self) -> None:
        """One person's acceptance opens nothing for another."""
        outcome = self._gatehouse(
            self.info.newcomer, "pull", self.model, "--to", str(self.folder / "newcomer")
        )
        _expect(outcome.returncode == ExitCode.REFUSED, f"a newcomer's pull ended with {outcome.returncode}")

    def verify_receipt(self) -> None:
        """The receipt verifies without the registry, with keys kept from before the acceptance."""
        receipt = self.folder / "receipt.json"
        outcome = self._gatehouse(
            self.info.model_user, "receipt", "get", self.acceptance, "--output", str(receipt)
        )
        _expect(outcome.returncode == 0, f"no receipt: {outcome.stderr}")
        nowhere = "http://127.0.0.1:9"
        keys = ("--keys", str(self.keys))
        verified = client(nowhere, "", "verify", str(receipt), *keys, config=self.folder / "config")
        _expect(verified.returncode == 0, f"the receipt does not verify: {verified.stdout}{verified.stderr}")
        says = verified.stdout.partition("\n")[0]
        _expect(
            says.startswith(f"{NAME} accepted ") and f" for {self.model} on " in says,
            f"the receipt does not say who accepted what: {says}",
        )
        tampered = self.folder / "tampered.json"
        altered = json.loads(receipt.read_text())
        altered["license"]["text"] = altered["license"]["text"].replace("not", "", 1)
        tampered.write_text(json.dumps(altered))
        refused = client(nowhere, "", "verify", str(tampered), *keys, config=self.folder / "config")
        _expect(refused.returncode != 0, "an altered receipt verifies")

    def audit(self) -> None:
        """The maintainer sees who accepted which text, and who downloaded what."""
        acceptances = self._rows("acceptances")
        ours = [row for row in acceptances if row.get("receipt_id") == self.acceptance]
        _expect(len(ours) == 1, f"the acceptance is not in the export: {acceptances}")
        downloads = self._rows("downloads")
        _expect(
            any(str(row.get("path", "")).endswith(".safetensors") for row in downloads),
            f"no download of weights in the export: {downloads}",
        )

    def fsck(self) -> None:
        """The whole register fits the log."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment |= {PREFIX + "DATA_DIR": str(self.data), PREFIX + "BASE_URL": self.info.base_url}
        outcome = subprocess.run(
            [sys.executable, "-m", "registry.cli", "ledger", "fsck"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        _expect(outcome.returncode == 0, f"fsck: {outcome.stdout}{outcome.stderr}")

    def withdraw(self) -> None:
        """The acceptor takes the acceptance back on its page."""
        browser = self.browser
        _expect(browser is not None, "nobody is signed in")
        if browser is not None:
            browser.open(f"{self.info.base_url}/records/{self.acceptance}")
            browser.send(browser.form("/withdraw"))

    def _rows(self, kind: str) -> list[dict[str, object]]:
        outcome = self._gatehouse(self.info.maintainer, "audit", kind, self.model, "--format", "jsonl")
        _expect(outcome.returncode == 0, f"audit {kind} failed: {outcome.stderr}")
        return [json.loads(line) for line in outcome.stdout.splitlines() if line]

    def _gatehouse(self, person: DemoPerson, *words: str) -> "subprocess.CompletedProcess[str]":
        return client(self.info.base_url, person.token, *words, config=self.folder / "config")

    def _hub(self, person: DemoPerson, folder: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", PREFIX))
        }
        environment |= {
            "HF_ENDPOINT": self.info.base_url,
            "HF_HOME": str(self.folder / "hf-home"),
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_TOKEN": person.token,
            "NO_PROXY": "127.0.0.1",
        }
        hub = Path(sys.executable).with_name("hf")
        if not hub.is_file():
            raise GatehouseError("the Hub's client is not installed; run `make setup`")
        return subprocess.run(
            [str(hub), "download", self.model, "--local-dir", str(self.folder / folder)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _same_as_published(self, folder: Path) -> None:
        source = self.data / "models" / self.model.partition("/")[2]
        published = {path.relative_to(source): _sha256(path) for path in source.rglob("*") if path.is_file()}
        for path, digest in published.items():
            got = folder / path
            _expect(got.is_file(), f"{path} was not downloaded")
            _expect(_sha256(got) == digest, f"{path} differs from what was published")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise GatehouseError(otherwise)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
