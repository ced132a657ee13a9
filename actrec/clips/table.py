"""A video file's frame table: the listing of its packets, held against what a decoder makes of the file.

All of a short clip is decoded, and a spread of places of a long one. Where the two disagree (damage, AVI with reordered frames, packets without a
picture, raw streams) every frame is decoded once and the table lists what came out. What comes after a seek is held against the same frames decoded
from the start: where they differ (a palette that only the first packet carries, stamps that are guessed anew) the table has no keys, and the file is
read from the start only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from actrec.clips import colours, demux
from actrec.clips.demux import Decoder
from actrec.clips.listing import Listing, Numbers
from actrec.clips.seen import Seen, gone
from actrec.core.errors import Progress, no_progress
from actrec.core.settings import Limits

PLACES = 8
"""How many places of a video are compared."""

LENGTH = 6
"""Frames that are compared behind a key."""


@dataclass
class Table:
    """Frames in presentation order: seconds from 0 on, pts and keys as in `clip.Video`.

    first: the first of them.  lost: how many are missing or were refused.  notes: what the reader must know, in sentences.
    """

    first: VideoFrame
    seconds: NDArray[np.float64]
    pts: Numbers
    keys: Numbers
    lost: int
    notes: tuple[str, ...]


def checked(path: Path, listing: Listing, allowed: Limits, progress: Progress = no_progress) -> Table:
    """The table of a file whose packets say that.

    Raises:
        ClipError: too many frames, too long, too much to decode, or not one frame that decodes.
    """
    demux.little_enough(path, listing.packets * listing.pixels, allowed)
    table = None
    if len(listing.pts) * listing.pixels > demux.CHECKED and len(listing.keys) and listing.clean:
        table = _spread(path, listing, allowed)
    return table or _decoded(path, listing, allowed, progress)


def _spread(path: Path, listing: Listing, allowed: Limits) -> Table | None:
    """The table as listed if a spread of places, each decoded from the key before it, yields exactly the frames listed there; else None."""
    length = max(8, demux.CHECKED // listing.pixels // PLACES)
    watched = _behind(listing, [1] if len(listing.keys) > 1 else [])
    seen = _beginning(path, Seen(_all(watched)), length, allowed)
    if seen.first is None or seen.resized or seen.pts != listing.pts[: len(seen.pts)].tolist():
        return None
    demux.little_enough(path, len(listing.pts) * seen.first.width * seen.first.height, allowed)
    if not _as_listed(path, listing, length, seen, allowed) or not _same_after_a_seek(path, listing.keys, watched, seen):
        return None
    lost = listing.lost + (gone(listing.seconds) if listing.damaged else 0)
    notes = seen.notes(listing.seconds, lost, listing.damaged)
    return Table(seen.first, listing.seconds, listing.pts, listing.keys, lost, (*listing.notes, *notes))


def _beginning(path: Path, seen: Seen, length: int, allowed: Limits) -> Seen:
    """So many frames from the start, or up to twice as many to see all that is watched."""
    with demux.opened(path, allowed) as (container, stream):
        for frame in Decoder(container, stream):
            seen.take(frame)
            if len(seen.pts) >= (length if len(seen.prints) == len(seen.watched) else 2 * length):
                break
    return seen


def _as_listed(path: Path, listing: Listing, length: int, seen: Seen, allowed: Limits) -> bool:
    """Whether so many frames from each of a spread of places are those of the listing, all of one size."""
    frames, begins = len(listing.pts), listing.keys[:, 0]
    if seen.first is None or listing.pts[0] < begins[0]:
        return False
    with demux.opened(path, allowed) as (container, stream):
        for place in np.linspace(0, frames - 1, PLACES).astype(int)[1:]:
            row = int(np.searchsorted(begins, listing.pts[place], side="right")) - 1
            first = int(np.searchsorted(listing.pts, begins[row]))
            to_the_end = place == frames - 1 and frames - first <= 4 * length
            expected = listing.pts[first:] if to_the_end else listing.pts[first : first + length]
            found, decoder = list[int | None](), Decoder(container, stream)
            for frame in decoder.since(listing.keys, row):
                if (frame.width, frame.height) != (seen.first.width, seen.first.height):
                    return False
                found += [frame.pts] if frame.pts is None or frame.pts >= begins[row] else []
                if len(found) == len(expected):
                    break
            if decoder.errors or found != expected.tolist():
                return False
    return True


def _decoded(path: Path, listing: Listing, allowed: Limits, progress: Progress) -> Table:
    """The table of the frames that really come out, each decoded once."""
    watched = _behind(listing, _rows(listing))
    seen, until = Seen(_all(watched)), time.monotonic() + allowed.max_wait
    with demux.opened(path, allowed) as (container, stream):
        decoder = Decoder(container, stream)
        for frame in decoder:
            seen.take(frame)
            _little_enough(path, seen, until, allowed)
            if len(seen.pts) % 100 == 0:
                progress(min(1.0, len(seen.pts) / max(listing.packets, 1)), f"listing the frames of {path.name}: {len(seen.pts)}")
        if seen.first is None:
            raise demux.bad(path, "holds no frame that can be decoded", "it is damaged or cut off: copy or export it again")
        if len(seen.pts) == 1 and container.format.name in demux.PAINTED:
            raise demux.still(path)
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        seconds, pts = seen.times(float(stream.time_base or 0), rate, demux.jumps(container))
    demux.short_enough(path, float(seconds[-1]), allowed)
    refused = max(decoder.errors, listing.packets - len(seen.pts)) if decoder.errors else 0
    lost = listing.lost + max(refused, gone(seconds) if listing.damaged > len(seen.seams) else 0)
    sure = len(pts) and _same_after_a_seek(path, listing.keys, watched, seen)
    keys = listing.keys[[bool(sure) and key in seen.keys for key, _ in listing.keys.tolist()]]
    return Table(seen.first, seconds, pts, keys, lost, (*listing.notes, *seen.notes(seconds, lost, listing.damaged)))


def _little_enough(path: Path, seen: Seen, until: float, allowed: Limits) -> None:
    demux.few_enough(path, len(seen.pts), allowed)
    demux.little_enough(path, seen.pixels, allowed)
    if time.monotonic() > until:
        slow = f"can only be listed by decoding all its frames, and that takes longer than the {allowed.max_wait:g} s allowed"
        raise demux.bad(path, slow, "convert it to H.264 (mp4), cut it, or raise ACTREC_MAX_WAIT")


def _rows(listing: Listing) -> list[int]:
    """Keys of a spread of places, the last first: so few that a sixth of the frames at most is decoded twice."""
    places = min(PLACES, max(1, len(listing.pts) // (6 * LENGTH)))
    return sorted({int(row) for row in np.linspace(len(listing.keys) - 1, 1, places)}, reverse=True) if len(listing.keys) > 1 else []


def _behind(listing: Listing, rows: list[int]) -> dict[int, list[int]]:
    """The stamps of the frames to compare behind each of these keys."""
    return {row: listing.pts[np.searchsorted(listing.pts, listing.keys[row, 0]) :][:LENGTH].tolist() for row in rows}


def _all(watched: Mapping[int, list[int]]) -> frozenset[int]:
    return frozenset(stamp for stamps in watched.values() for stamp in stamps)


def _same_after_a_seek(path: Path, keys: Numbers, watched: Mapping[int, list[int]], seen: Seen) -> bool:
    """Whether the frames watched behind each key look after a seek as they did from the start. A decoder that knows nothing yet is asked."""
    rows = [row for row in watched if keys[row, 0] in seen.keys]
    if not rows:
        return True
    with demux.opened(path) as (container, stream):
        for row in rows:
            expected = {stamp: seen.prints[stamp] for stamp in watched[row] if stamp in seen.prints}
            found = dict[int | None, int]()
            for frame in Decoder(container, stream).since(keys, row):
                if frame.pts in expected:
                    found[frame.pts] = colours.fingerprint(frame)
                if frame.pts is None or frame.pts >= max(expected):
                    break
            if found != expected:
                return False
    return True
