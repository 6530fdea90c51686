"""Mail: sealed while it waits, never with a second header."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.identity.domain import normalise_email
from registry.kernel.mail import LocalMailer, Mail, SMTPMailer, compose, unqueue
from registry.kernel.outcomes import CorruptRecord, Unavailable
from registry.kernel.sealing import Sealer
from tests.clock import START

SENDER = "Gatehouse <gatehouse@registry.example>"
KNOWN_HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
}  # fmt: skip


def letter(**changes: str) -> Mail:
    return Mail(**{"to": "mara@nordlab.example", "subject": "Your link", "text": "Open it.\n", **changes})


def test_a_letter_says_who_when_and_that_nobody_wrote_it() -> None:
    message = compose(letter(), sender=SENDER, now=START)
    assert message["To"] == "mara@nordlab.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == START
    assert message["Message-ID"].endswith("@registry.example>")


@pytest.mark.parametrize(
    "injection", ["\nBcc: x@evil.example", "\r\nBcc: x@evil.example", "\rBcc: x", "\n\nbody"]
)
@pytest.mark.parametrize("field", ["to", "subject"])
def test_a_line_break_in_a_header_is_refused(field: str, injection: str) -> None:
    mail = letter(**{field: getattr(letter(), field) + injection})
    with pytest.raises(ValueError):
        compose(mail, sender=SENDER, now=START)


@given(st.text(max_size=60))
def test_whatever_passes_as_an_address_makes_one_recipient_and_no_other_header(text: str) -> None:
    address = normalise_email(text + "@nordlab.example")
    if address is None:
        return
    raw = compose(letter(to=address), sender=SENDER, now=START).as_bytes()
    read = message_from_bytes(raw, policy=policy.default)
    assert set(read.keys()) <= KNOWN_HEADERS
    assert [item.addr_spec for item in read["To"].addresses] == [address]


@given(st.text(max_size=80))
def test_no_subject_makes_another_header(subject: str) -> None:
    try:
        raw = compose(letter(subject=subject), sender=SENDER, now=START).as_bytes()
    except ValueError:
        return
    assert set(message_from_bytes(raw, policy=policy.default).keys()) <= KNOWN_HEADERS


def test_a_waiting_letter_opens_only_unaltered() -> None:
    sealer = Sealer(b"k" * 32)
    payload = sealer.seal_system(b'{"to":"a@b.example","subject":"s","text":"t"}', b"outbox:mail")
    assert unqueue(payload, sealer=sealer) == Mail(to="a@b.example", subject="s", text="t")
    with pytest.raises(CorruptRecord):
        unqueue(payload[:-1] + bytes([payload[-1] ^ 1]), sealer=sealer)


async def test_local_mail_is_readable_by_its_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mail"
    mailer = LocalMailer(folder, sender=SENDER, outbox_url="http://127.0.0.1:8400/outbox")
    await mailer.send(letter(), now=START)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    said = capsys.readouterr().out
    assert "/outbox" in said
    assert "mara" not in said


async def test_a_mail_server_that_is_not_there_is_an_outage_without_contact_data() -> None:
    mailer = SMTPMailer(host="127.0.0.1", port=9, user=None, password=None, sender=SENDER, tls=False)
    with pytest.raises(Unavailable) as caught:
        await mailer.send(letter(), now=START)
    assert "mara" not in str(caught.value)
