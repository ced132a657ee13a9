"""Where the weights of a card are: on this disk, verified, or fetched from their address.

A download is streamed into a file of another name, its sha256 is taken on the way, and only a whole and right file gets its name. Whoever is
offline puts the file into the weights folder by hand; every message about a failed download names both.
"""

from __future__ import annotations

import errno
import hashlib
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from actrec import __version__
from actrec.core import files, settings
from actrec.core.card import Weights
from actrec.core.errors import Progress, WeightsError, no_progress

CHUNK = 1 << 20
PATIENCE = 30.0  # seconds without a byte

_verified: set[tuple[Path, int, int, str]] = set()  # files whose checksum was right: path, size, time, checksum


def place(weights: Weights) -> Path:
    """Where the weights are, or will be once fetched: the card's file, or the file the address names in the weights folder."""
    if weights.file is not None and (weights.url is None or weights.file.is_file()):
        return weights.file
    if weights.url is None:
        raise WeightsError("this model has no weights: neither a file nor an address; put a checkpoint into the checkpoints folder")
    return settings.cache() / "weights" / Path(urlsplit(weights.url).path).name


def here(weights: Weights) -> bool:
    """True if the weights need not be fetched (they are not verified by this)."""
    return place(weights).is_file()


def fetch(weights: Weights, progress: Progress = no_progress) -> Path:
    """The weights' file, verified; downloaded first if it is not here.

    Raises:
        WeightsError: no such file, a wrong checksum, or a download that failed; the message says where to put the file by hand.
        Cancelled: raised by `progress`; nothing is left behind.
    """
    path = place(weights)
    if path.is_file():
        _verify(path, weights.sha256 or "", progress)
    elif weights.url is None:
        raise WeightsError(f"the weights {path} are not there; put the file back, or choose another model")
    else:
        _download(weights.url, path, weights.sha256 or "", progress)
    return path


def _verify(path: Path, sha256: str, progress: Progress) -> None:
    stat = path.stat()
    key = (path, stat.st_size, stat.st_mtime_ns, sha256)
    if not sha256 or key in _verified:
        return
    with path.open("rb") as file:
        found = _pass(file, stat.st_size, f"checking {path.name}", progress)
    if not found.startswith(sha256.lower()):
        raise WeightsError(f"{path} is damaged or another file: its sha256 is {found[:8]}…, not {sha256}…; delete it and try again")
    _verified.add(key)


def _download(url: str, path: Path, sha256: str, progress: Progress) -> None:
    """Stream into a file of another name, verify it, and only then give it its own: nobody ever sees half a file."""
    try:
        with files.whole(path) as part, part.open("wb") as file:
            _receive(url, file, f"fetching {path.name}", sha256, progress)
    except (OSError, HTTPException) as error:
        raise WeightsError(_why_not(error, url, path)) from None


def _receive(url: str, file: IO[bytes], text: str, sha256: str, progress: Progress) -> None:
    with urlopen(Request(url, headers={"User-Agent": f"actrec/{__version__}"}), timeout=PATIENCE) as answer:
        size = int(answer.headers.get("Content-Length") or 0)
        if not size and not sha256 and not answer.chunked:
            raise URLError("its server does not say how long the file is, and no checksum is known: half of it would look like all of it")
        found = _pass(answer, size, text, progress, file)
    if size and file.tell() != size:
        raise URLError(f"the connection ended after {file.tell()} of {size} bytes")
    if not found.startswith(sha256.lower()):
        raise URLError(f"the downloaded file has the sha256 {found[:8]}…, not {sha256}…")


def _why_not(error: OSError | HTTPException, url: str, path: Path) -> str:
    """What went wrong with a download, and what can be done about it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left for {path.name} in {path.parent}; free some, or set ACTREC_CACHE to another folder"
    if isinstance(error, HTTPError):
        reason = f"HTTP {error.code} {error.reason}"
    elif isinstance(error, OSError) and error.filename is not None:  # a file of ours; the network's errors name none
        return f"cannot write into {path.parent} ({error.strerror}); set ACTREC_CACHE to a folder you may write to"
    else:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
    by_hand = f"download {url} by hand and put it into {path.parent}"
    return f"{path.name} could not be fetched from {urlsplit(url).netloc} ({reason}); try again, or {by_hand}"


def _pass(source: IO[bytes], size: int, text: str, progress: Progress, sink: IO[bytes] | None = None) -> str:
    """Read a stream to its end, copy it to `sink`, report the bytes; its sha256 in hexadecimal. size: 0 if unknown."""
    digest, done = hashlib.sha256(), 0
    while True:
        progress(min(done / size, 1.0) if size else 0.0, f"{text}: {done / 1e6:.1f}" + (f" of {size / 1e6:.1f} MB" if size else " MB"))
        if not (chunk := source.read(CHUNK)):
            return digest.hexdigest()
        digest.update(chunk)
        done += len(chunk)
        if sink is not None:
            sink.write(chunk)
