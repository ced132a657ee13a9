"""The server answers to its own names, and to its own pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrec.ui.served import refusal

HERE = ["localhost", "127.0.0.1", "::1"]
NAMES = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,3}", fullmatch=True)
PORTS = st.sampled_from(["", ":80", ":8501"])


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "[::1]", "LOCALHOST.:8501"])
def test_this_machine_is_answered(host: str) -> None:
    assert not refusal(host, None, HERE, [])
    assert not refusal(host, f"http://{host}", HERE, [])


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "0.0.0.0", "[::2]"]
)
def test_another_host_is_refused(host: str) -> None:
    assert "server.allowedHosts" in refusal(host, None, HERE, [])
    assert "server.allowedHosts" in refusal(host, f"http://{host}", HERE, [])


@given(NAMES, PORTS, NAMES, PORTS)
def test_only_pages_of_the_host_itself_may_ask(name: str, port: str, other: str, behind: str) -> None:
    assert not refusal(name + port, f"https://{name}{port}", [name], [])
    if (name, port) != (other, behind):
        assert "Origin" in refusal(name + port, f"http://{other}{behind}", [name], []).replace("origin", "Origin")
        assert not refusal(name + port, f"http://{other}{behind}", [name], [f"http://{other}{behind}"])
    assert refusal(name + port, "null", [name], [])


def test_names_with_a_star() -> None:
    assert not refusal("a.lab.example:443", None, ["*.lab.example"], [])
    assert refusal("lab.example.evil", None, ["*.lab.example"], [])
    assert not refusal("whatever", None, ["*"], [])
    assert not refusal("whatever", None, [], [])
