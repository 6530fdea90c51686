"""`gatehouse demo`: a registry on this machine with real weights behind an example gate.

The demo listens on loopback only. It keeps its data between starts, makes the people and tokens it needs,
and publishes through the same client as everybody else. Nothing accepts a license on anybody's behalf.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from sqlmodel import Session

from registry import acceptances, catalog, identity
from registry.cli.demo_models import DEMO_MODELS, LICENSE, PUBLISHER, DemoModel, prepare_folder
from registry.identity.domain import Channel, Principal, Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError, Refusal
from registry.kernel.sealing import Sealer
from registry.settings import PREFIX, Settings

DEFAULT_PORT = 8400
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
LINK_LIFETIME = timedelta(hours=24)
MODEL_USER = "mara@nordlab.example"
NEWCOMER = "newcomer@nordlab.example"
MAINTAINER = "ines@demo-lab.example"
TOKEN_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """Somebody to be in the demo."""

    email: str
    sign_in_url: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoInfo:
    """What one needs to use the demo; `--info-file` writes it as JSON."""

    base_url: str
    s3_url: str
    models: Sequence[str]
    model_user: DemoPerson
    newcomer: DemoPerson
    maintainer: DemoPerson


def run(args: Namespace) -> int:
    """Run the demo until Ctrl-C, or with `--check` walk the whole way once."""
    if args.check:
        from registry.cli.demo_check import run_check  # noqa: PLC0415 - the check needs the demo first

        return run_check()
    data = Path(args.data or "var/demo").absolute()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with running_demo(data, port=args.port or DEFAULT_PORT, say=_say) as (info, server):
            if args.info_file:
                write_info(Path(args.info_file), info)
            tell(info)
            while server.poll() is None:
                time.sleep(0.5)
            _say("the service has ended by itself; see the messages above")
            return 1
    except KeyboardInterrupt:
        _say("\nThe demo has ended. Its data stays; `make demo` goes on with it.")
        return 0
    except GatehouseError as error:
        _say(f"gatehouse demo: {error}")
        return 1


@contextmanager
def running_demo(
    data: Path, *, port: int, say: object = None
) -> Iterator[tuple[DemoInfo, "subprocess.Popen[bytes]"]]:
    """Start the service and publish the demo's models; end every process on the way out."""
    speak = say if callable(say) else (lambda _text: None)
    settings = Settings(
        base_url=f"http://127.0.0.1:{port}",
        data_dir=data,
        site_name="Demo",
        log_level="warning",
        log_format="console",
    )
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = start_service(settings)
    try:
        speak("Starting the object store, the database and the service …")
        wait_until_ready(settings.base_url, server)
        info = furnish(settings, speak)
        yield info, server
    finally:
        stop_service(server)


def start_service(settings: Settings) -> "subprocess.Popen[bytes]":
    """Start `gatehouse serve` over the demo's folder, without anything of the caller's environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "HF_"))}
    given = {
        "base_url": settings.base_url,
        "data_dir": str(settings.data_dir),
        "site_name": settings.site_name,
        "log_level": settings.log_level,
        "log_format": settings.log_format,
    }
    environment |= {PREFIX + name.upper(): value for name, value in given.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "registry.cli", "serve"], env=environment, start_new_session=True
    )


def stop_service(server: "subprocess.Popen[bytes]") -> None:
    """End the service and everything it started."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_until_ready(base_url: str, server: "subprocess.Popen[bytes]") -> None:
    """Return when the service answers that all its parts do.

    Raises:
        GatehouseError: it ended, or did not become ready in time.
    """
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise GatehouseError(
                f"the service did not start (exit code {server.returncode}); is another program using {base_url}?"
            )
        try:
            with opener.open(f"{base_url}/health/ready", timeout=5) as answer:
                if answer.status == 200 and json.load(answer)["ready"]:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise GatehouseError(f"the service was not ready after {START_TIMEOUT_S} s")


def furnish(settings: Settings, speak: object) -> DemoInfo:
    """Make the people, tokens and models of the demo, as far as they are not there yet."""
    database = Database(settings.resolved_database_url())
    sealer = Sealer(*settings.master_secrets())
    try:
        now = SystemClock().now()
        owner = database.write_now(lambda session: _owner(session, sealer, now))
        database.write_now(lambda session: _publisher(session, owner, now))
        maintainer = database.write_now(
            lambda session: _person(session, MAINTAINER, settings, sealer, now, tuple(Scope))
        )
        for model in DEMO_MODELS:
            publish(settings, model, token=maintainer.token, speak=speak)
        newcomer = database.write_now(lambda session: _fresh_newcomer(session, sealer, now))
        return DemoInfo(
            base_url=settings.base_url,
            s3_url=_store_url(settings),
            models=[model.repo_id for model in DEMO_MODELS],
            model_user=database.write_now(
                lambda session: _person(session, MODEL_USER, settings, sealer, now, (Scope.READ,))
            ),
            newcomer=database.write_now(
                lambda session: _person(session, newcomer, settings, sealer, now, (Scope.READ,))
            ),
            maintainer=maintainer,
        )
    finally:
        database.close()


def _owner(session: Session, sealer: Sealer, now: datetime) -> Principal:
    person_id = identity.ensure_person(session, email=MAINTAINER, sealer=sealer, now=now)
    return Principal(person_id=person_id, channel=Channel.SESSION, scopes=frozenset(Scope), signed_in_at=now)


def _publisher(session: Session, owner: Principal, now: datetime) -> None:
    if isinstance(catalog.find_publisher(session, PUBLISHER), Refusal):
        made = catalog.create_publisher(
            session, name=PUBLISHER, display_name="Demo Lab", principal=owner, now=now
        )
        if isinstance(made, Refusal):
            raise GatehouseError(f"the demo's publisher could not be made: {made.detail}")


def _person(
    session: Session,
    email: str,
    settings: Settings,
    sealer: Sealer,
    now: datetime,
    scopes: tuple[Scope, ...],
) -> DemoPerson:
    person_id = identity.ensure_person(session, email=email, sealer=sealer, now=now)
    for token in identity.list_tokens(session, person_id=person_id):
        if token.name == "demo" and token.revoked_at is None:
            identity.revoke_token(session, person_id=person_id, token_id=token.id, now=now)
    created = identity.create_token(
        session, person_id=person_id, name="demo", scopes=frozenset(scopes), days=TOKEN_DAYS, now=now
    )
    if isinstance(created, Refusal):
        raise GatehouseError(f"the demo's token could not be made: {created.detail}")
    manages = email == MAINTAINER
    link = identity.issue_local_link(
        session,
        email=email,
        next_path="/manage" if manages else f"/{DEMO_MODELS[0].repo_id}",
        lifetime=LINK_LIFETIME,
        sealer=sealer,
        now=now,
    )
    return DemoPerson(email=email, sign_in_url=identity.link_url(settings.base_url, link), token=created[1])


def _fresh_newcomer(session: Session, sealer: Sealer, now: datetime) -> str:
    """Return the address of somebody who has accepted nothing, also when the demo was used before."""
    for number in range(1, 10_000):
        email = NEWCOMER if number == 1 else NEWCOMER.replace("@", f"-{number}@")
        person_id = identity.ensure_person(session, email=email, sealer=sealer, now=now)
        if not acceptances.list_acceptances(session, acceptances.Filter(person_id=person_id), limit=1):
            return email
    raise GatehouseError("the demo has run out of newcomers; remove its folder")


def publish(settings: Settings, model: DemoModel, *, token: str, speak: object) -> None:
    """Publish one model through `gatehouse publish`, unless the same release stands already."""
    folder = prepare_folder(model, settings.data_dir / "models")
    if callable(speak):
        speak(f"Publishing {model.repo_id} …")
    order = [str(folder), model.repo_id, "--license", LICENSE, "--message", "Example release of the demo"]
    outcome = client(settings.base_url, token, "publish", *order)
    if outcome.returncode != 0:
        raise GatehouseError(f"{model.repo_id} was not published:\n{outcome.stderr.strip()}")


def client(
    base_url: str, token: str, *words: str, config: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run one `gatehouse` command as its user would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "HF_"))}
    environment |= {"GATEHOUSE_ENDPOINT": base_url, "GATEHOUSE_TOKEN": token, "NO_PROXY": "127.0.0.1"}
    if config is not None:
        environment["GATEHOUSE_CONFIG_DIR"] = str(config)
    return subprocess.run(
        [sys.executable, "-m", "registry.cli", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _store_url(settings: Settings) -> str:
    """Return where the embedded store listens; the service keeps its ports in its folder."""
    ports: Mapping[str, int] = json.loads((settings.data_dir / "store" / "ports.json").read_text("utf-8"))
    return f"http://127.0.0.1:{ports['s3']}"


def write_info(path: Path, info: DemoInfo) -> None:
    """Write the info file, whole or not at all, readable by this user alone: it holds tokens."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(replace(info, models=list(info.models))), file, indent=2)
    draft.replace(path)


def tell(info: DemoInfo) -> None:
    """Print the way in."""
    model = info.models[0]
    print(f"""
Gatehouse runs at {info.base_url}

  as a model user ({info.model_user.email})
    {info.model_user.sign_in_url}
  as a maintainer ({info.maintainer.email})
    {info.maintainer.sign_in_url}

The gate and its license are examples. The weights are other people's, under their own licenses:""")
    for item in DEMO_MODELS:
        print(f"  {item.repo_id}: {item.weights_from}, {item.weights_license}")
    print(
        f"""
Three commands to try, in another terminal:
  export GATEHOUSE_ENDPOINT={info.base_url} GATEHOUSE_TOKEN={info.model_user.token}
  .venv/bin/gatehouse pull {model} --to /tmp/demo-model --wait
  HF_ENDPOINT={info.base_url} HF_TOKEN=$GATEHOUSE_TOKEN .venv/bin/hf download {model}
  .venv/bin/gatehouse receipt list

Ctrl-C ends the demo; its data stays.
""",
        flush=True,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
