"""Weights are fetched once, whole and verified, or a sentence says what to do by hand."""

import collections
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from actrec.core.card import Weights
from actrec.core.errors import Cancelled, WeightsError
from actrec.models import weights
from actrec.models.weights import download

CONTENT = bytes(range(256)) * 20_000  # 5 MB
SHA = "13fbe33c"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/missing"):
            return self.send_error(404, "Not Found")
        self.send_response(200)
        if not self.path.startswith("/endless"):
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 2_000_000 if self.path.startswith("/short") else None])

    def log_message(self, format, *args):
        pass


@pytest.fixture
def address(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def left_behind(tmp_path):
    return [f.name for f in (tmp_path / "cache" / "weights").glob("*")]


def test_weights_are_fetched_once_with_their_bytes_reported(tmp_path, address):
    wanted, reports = Weights(url=f"{address}/net-{SHA}.pth", sha256=SHA), []
    assert not weights.here(wanted)
    path = weights.fetch(wanted, lambda fraction, text: reports.append((fraction, text)))
    assert path == tmp_path / "cache" / "weights" / f"net-{SHA}.pth" == weights.place(wanted)
    assert path.read_bytes() == CONTENT
    assert weights.here(wanted)
    assert reports[0] == (0.0, f"fetching net-{SHA}.pth: 0.0 of 5.1 MB")
    assert reports[-1] == (1.0, f"fetching net-{SHA}.pth: 5.1 of 5.1 MB")
    assert [fraction for fraction, _ in reports] == sorted(fraction for fraction, _ in reports)
    before = path.stat().st_mtime_ns
    assert weights.fetch(wanted) == path
    assert path.stat().st_mtime_ns == before
    assert left_behind(tmp_path) == [path.name]


def test_stopping_a_download_leaves_nothing_behind(tmp_path, address):
    def stop(fraction, text):
        if fraction > 0.3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        weights.fetch(Weights(url=f"{address}/net.pth", sha256=SHA), stop)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "sha256", "reason"),
    [
        ("short.pth", SHA, "the connection ended after 2000000 of 5120000 bytes"),
        ("missing.pth", SHA, "HTTP 404 Not Found"),
        ("net.pth", "00000000", f"the downloaded file has the sha256 {SHA}…, not 00000000…"),
    ],
)
def test_a_download_that_fails_says_why_and_what_to_do_by_hand(tmp_path, address, name, sha256, reason):
    with pytest.raises(WeightsError) as caught:
        weights.fetch(Weights(url=f"{address}/{name}", sha256=sha256))
    message = str(caught.value)
    assert reason in message
    assert f"download {address}/{name} by hand and put it into {tmp_path / 'cache' / 'weights'}" in message
    assert left_behind(tmp_path) == []


def test_a_file_without_length_and_checksum_is_not_taken_for_whole(tmp_path, address):
    with pytest.raises(WeightsError, match=r"does not say how long the file is.*by hand"):
        weights.fetch(Weights(url=f"{address}/endless.pth"))
    assert left_behind(tmp_path) == []
    assert weights.fetch(Weights(url=f"{address}/endless-{SHA}.pth", sha256=SHA)).read_bytes() == CONTENT, "its checksum says that it is whole"
    assert weights.fetch(Weights(url=f"{address}/known.pth")).read_bytes() == CONTENT, "its length says so"


def test_offline_the_message_names_the_file_the_reason_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    url = "https://weights.invalid/r3d_18-b3b3357e.pth"  # .invalid never resolves (RFC 2606)
    with pytest.raises(WeightsError) as caught:
        weights.fetch(Weights(url=url, sha256="b3b3357e"))
    message = str(caught.value)
    assert message.startswith("r3d_18-b3b3357e.pth could not be fetched from weights.invalid (")
    assert message.endswith(f"try again, or download {url} by hand and put it into {tmp_path / 'weights'}")
    assert "\n" not in message


def test_a_file_put_there_by_hand_is_verified(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path))
    wanted = Weights(url=f"https://weights.invalid/net-{SHA}.pth", sha256=SHA)
    (tmp_path / "weights").mkdir()
    weights.place(wanted).write_bytes(CONTENT)
    assert weights.fetch(wanted).read_bytes() == CONTENT
    weights.place(wanted).write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=f"is damaged or another file: its sha256 is .*, not {SHA}…; delete it"):
        weights.fetch(wanted)


def test_a_verified_file_is_not_read_again(tmp_path, monkeypatch):
    file = tmp_path / "net"
    file.write_bytes(CONTENT)
    passes = collections.Counter()
    real = download._pass
    monkeypatch.setattr(download, "_pass", lambda *arguments: passes.update(["read"]) or real(*arguments))
    for _ in range(3):
        assert weights.fetch(Weights(file, sha256=SHA)) == file
    assert passes["read"] == 1


def test_a_cards_own_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.safetensors are not there"):
        weights.fetch(Weights(tmp_path / "gone.safetensors"))
    with pytest.raises(WeightsError, match="neither a file nor an address"):
        weights.fetch(Weights())


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file, not a folder")
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "taken"))
    with pytest.raises(WeightsError, match=r"cannot write into .*taken.*; set ACTREC_CACHE"):
        weights.fetch(Weights(url="https://weights.invalid/net.pth"))
