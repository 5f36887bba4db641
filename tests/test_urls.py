"""What a URL is, and how it may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard.urls import is_loopback, is_web_url, shown


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://id.example.com/realms/ops", "https://id.example.com/realms/ops"),
        ("https://id.example.com:8443", "https://id.example.com:8443"),
        ("https://me:secret@id.example.com/x", "https://id.example.com/x"),
        ("https://secret@secret@id.example.com/x", "https://id.example.com/x"),
        ("https://id.example.com/x?client_secret=secret", "https://id.example.com/x"),
        ("https://id.example.com/x#access_token=secret", "https://id.example.com/x"),
        ("me:secret@id.example.com/x", "id.example.com/x"),
        ("secret@id.example.com", "id.example.com"),
        ("id.example.com?secret", "id.example.com"),
        ("https://[::secret", "a URL that cannot be read"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_secret(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://LOCALHOST:8000/x",
        "http://127.0.0.1",
        "https://127.8.9.10:1/",
        "http://[::1]:8000",
        "http://me@localhost/",
    ],
)
def test_this_machine_is_loopback(url: str) -> None:
    assert is_loopback(url) is True


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost", "127.0.0.1", "http://", "http:///localhost", "http://[::", "https://id.example.com"),
        *("http://localhost.evil.example", "http://evil.example/localhost", "http://localhost@evil.example"),
        *("http://127.0.0.1.evil.example", "http://0.0.0.0", "http://10.0.0.1", "http://[::]", "http://2130706433"),
        *("http://evil.example#@localhost", "http://evil.example?@localhost", "http://1271.0.0.1"),
    ],
)
def test_everything_else_is_not(url: str) -> None:
    assert is_loopback(url) is False


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example.com",
        "http://id.example.com:80/x?y#z",
        "HTTPS://id.example.com",
        "https://[::1]:8443/",
        "http://a",
    ],
)
def test_the_url_of_a_web_server_has_a_host(url: str) -> None:
    assert is_web_url(url) is True


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "id.example.com",
            "//id.example.com",
            "/x",
            "https:",
            "https://",
            "https:///x",
            "https://:443",
            "https://@",
        ),
        *("ftp://id.example.com", "wss://id.example.com", "urn:acme:id", "javascript:alert(1)", "mailto:a@b.example"),
        *("https://[::", "https://id.example.com:x", "https://id.example.com:0", "https://id.example.com:99999"),
    ],
)
def test_what_has_none_is_no_such_url(url: str) -> None:
    assert is_web_url(url) is False


@given(st.text())
def test_whatever_it_is_the_questions_have_answers(text: str) -> None:
    for url in (text, f"https://{text}", f"http://[{text}"):
        assert isinstance(shown(url), str)
        assert is_loopback(url) in (True, False)
        assert is_web_url(url) in (True, False)
