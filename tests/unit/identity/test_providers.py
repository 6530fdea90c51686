"""The file of providers, and how far requests on their behalf may go."""

import ipaddress
from pathlib import Path

import pytest

from registry.identity.providers import PRESETS, Protocol, load_providers
from registry.kernel.outbound import Reach, address_trouble, reach_of, scheme_trouble
from registry.kernel.outcomes import GatehouseError

GOOD = '[[provider]]\nid = "acme"\nname = "Acme"\nissuer = "https://acme.example"\nclient_id = "c"\n'


def load(tmp_path: Path, text: str):
    file = tmp_path / "providers.toml"
    file.write_text(text)
    return load_providers(str(file))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_needs_no_more_than_the_client(tmp_path, preset):
    (provider,) = load(
        tmp_path, f'[[provider]]\npreset = "{preset}"\nclient_id = "c"\nclient_secret = "hush"\n'
    )
    assert provider.id == preset
    assert provider.reach is Reach.PUBLIC
    assert (provider.protocol is Protocol.OAUTH2) == (preset == "github")
    assert "hush" not in repr(provider)


def test_a_secret_may_stand_in_a_file_beside(tmp_path):
    (tmp_path / "hush").write_text("the secret\n")
    (provider,) = load(tmp_path, GOOD + 'client_secret_file = "hush"\n')
    assert provider.client_secret == "the secret"
    assert not provider.trust_email


def test_without_a_file_there_are_none():
    assert load_providers("") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "is not TOML"),
        ("[other]\n", "something else"),
        (GOOD + 'colour = "red"\n', "unknown key 'colour'"),
        (GOOD + 'trust_email = "yes"\n', "'trust_email'"),
        (GOOD + 'scopes = ["profile"]\n', "needs the scope openid"),
        (GOOD + 'client_secret_file = "absent"\n', "secret of a provider cannot be read"),
        (GOOD.replace("https", "http"), "it is not https but http"),
        (GOOD.replace('id = "acme"', 'id = "A c"'), "small letters"),
        (GOOD.replace('client_id = "c"\n', ""), "no client_id"),
        (GOOD + GOOD, "two providers have the id 'acme'"),
        (GOOD + GOOD.replace('id = "acme"', 'id = "again"'), "two providers have the issuer"),
        ('[[provider]]\npreset = "myspace"\nclient_id = "c"\n', "no preset 'myspace'"),
        (GOOD + 'protocol = "oauth2"\n', "authorization_endpoint"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_at_the_start(tmp_path, text, said):
    with pytest.raises(GatehouseError, match=said):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("address", "public", "private", "loopback"),
    [
        ("93.184.215.14", True, True, False),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, True, False),
        ("10.0.0.1", False, True, False),
        ("192.168.1.1", False, True, False),
        ("fd12::1", False, True, False),
        ("127.0.0.1", False, False, True),
        ("::1", False, False, True),
        ("::ffff:127.0.0.1", False, False, True),
        ("::ffff:169.254.169.254", False, False, False),
        ("169.254.169.254", False, False, False),
        ("fd00:ec2::254", False, False, False),
        ("fe80::1", False, False, False),
        ("0.0.0.0", False, False, False),
        ("224.0.0.1", False, False, False),
        ("100.100.100.200", False, False, False),
    ],
)
def test_requests_go_no_further_than_the_setting_reaches(address, public, private, loopback):
    given = ipaddress.ip_address(address)
    allowed = {reach: address_trouble(given, reach) is None for reach in Reach}
    assert allowed == {Reach.PUBLIC: public, Reach.PRIVATE: private, Reach.LOOPBACK: loopback}


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://acme.example/x", True),
        ("http://acme.example/x", False),
        ("ftp://acme.example", False),
        ("https://user@acme.example", False),
        ("https://acme.example:port", False),
        ("https:///x", False),
        ("", False),
    ],
)
def test_only_https_is_asked(url, fits):
    assert (scheme_trouble(url, Reach.PUBLIC) is None) == fits


def test_loopback_is_reached_only_for_an_issuer_that_is_there():
    assert reach_of("http://127.0.0.1:9000") is Reach.LOOPBACK
    assert reach_of("https://localhost.example") is Reach.PUBLIC
    assert reach_of("https://sso.example", private=True) is Reach.PRIVATE
