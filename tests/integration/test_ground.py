"""The test ground itself: what every other test relies on."""

import socket
from datetime import timedelta
from email.message import EmailMessage
from smtplib import SMTP

import pytest
from sqlalchemy import text

from tests.servers.network import LeftTheMachine


async def test_database_is_migrated_and_empty(database):
    def count(session):
        return session.exec(text("SELECT count(*) FROM outbox_message")).scalar_one()

    assert await database.read(count) == 0


async def test_each_test_has_a_database_of_its_own(database):
    def write(session):
        session.exec(text("CREATE TABLE only_here (id INTEGER PRIMARY KEY)"))

    await database.write(write)


test_the_next_test_does_not_see_its_tables = test_each_test_has_a_database_of_its_own


def test_connection_beyond_loopback_is_refused():
    with socket.socket() as outside, pytest.raises(LeftTheMachine, match="loopback only"):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(LeftTheMachine, match="loopback only"):
        socket.getaddrinfo("registry.example", 443)


def test_clock_stands_still_until_it_is_moved(clock):
    before = clock.now()
    assert clock.now() == before
    assert clock.advance(timedelta(hours=1)) == before + timedelta(hours=1)


def test_smtp_sink_keeps_what_it_is_sent(smtp):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "Grüße"
    message.set_content("Text")
    with SMTP(smtp.host, smtp.port) as client:
        client.send_message(message)
    got = smtp.next()
    assert got["Subject"] == "Grüße"
    assert got["X-Envelope-To"] == "b@example.org"


@pytest.mark.browser
async def test_browser_shows_a_page_and_reaches_only_this_machine(browser_page):
    await browser_page.set_content("<h1>Gatehouse</h1>")
    assert await browser_page.inner_text("h1") == "Gatehouse"
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        await browser_page.goto("https://registry.example/")
