"""What belongs to one session: its uploads, in a folder that goes when the session ends; and which names a link may use.

A link carries names. A clip's name is that of a sample, of a clip in the reader's own clip folders, or of an upload of this very session; a
checkpoint's that of a file in the checkpoints folder or of an upload; that of joints an upload's, or a sample's. A path in a link leads nowhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from actrec.clips import library, video
from actrec.core import settings
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.errors import ClipError, QuestionError, WeightsError
from actrec.core.question import Question
from actrec.core.words import STREAMS
from actrec.inputs import pose

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MOST_UPLOADS = 8
"""Uploads of one kind that a session keeps; the oldest goes when there are more."""


@dataclass
class Belongings:
    """A session's own files. clips, weights, joints: by the name the reader knows them by, oldest first."""

    home: tempfile.TemporaryDirectory[str] = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="actrec-", ignore_cleanup_errors=True))
    clips: dict[str, Path] = field(default_factory=dict)
    weights: dict[str, Path] = field(default_factory=dict)
    joints: dict[str, Path] = field(default_factory=dict)
    count: int = 0

    @property
    def folder(self) -> Path:
        return Path(self.home.name)

    def room(self) -> Path:
        """A new empty folder."""
        self.count += 1
        made = self.folder / f"{self.count}"
        made.mkdir()
        return made

    def keep(self, kept: dict[str, Path], name: str, path: Path) -> None:
        """Enter a file under its name, and let the oldest go if there are too many."""
        kept[name] = path
        while len(kept) > MOST_UPLOADS:
            shutil.rmtree(kept.pop(next(iter(kept))).parent, ignore_errors=True)


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda own: own.home.cleanup())
def belongings() -> Belongings:
    """This session's files. Streamlit releases them when the session ends; they also go when the server does."""
    return Belongings()


def receive(file: BinaryIO, name: str, room: Path) -> Path:
    """Write an upload to disk in pieces, under a name that is safe on any disk."""
    path = room / _safe(name)
    with path.open("wb") as out:
        shutil.copyfileobj(file, out, 1 << 20)
    return path


def forget(file: UploadedFile) -> None:
    """Give back the memory that Streamlit keeps an upload in; it is on disk by now, or was refused."""
    run = get_script_run_ctx()
    if run is not None and isinstance(run.uploaded_file_mgr, MemoryUploadedFileManager):
        run.uploaded_file_mgr.remove_file(run.session_id, file.file_id)


def _safe(name: str) -> str:
    """The last part of a file's name, without what is no printable character, at most 120 bytes, its ending kept."""
    last = "".join(c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable() and c not in '<>:"|?*').strip(" .") or "upload"
    stem, ending = os.path.splitext(last)
    return stem.encode()[: 120 - len(ending.encode()[:12])].decode(errors="ignore") + ending.encode()[:12].decode(errors="ignore")


def most_mb() -> int:
    """What an upload may have: our limit, and never more than the server takes."""
    return max(min(int(settings.limits().max_mb), int(st.get_option("server.maxUploadSize"))), 1)


def _check_size(name: str, size: int, way_out: str) -> None:
    """Raises ClipError for an upload that is too large."""
    if size > most_mb() * 1e6:
        raise ClipError(
            f"{_safe(name)} has {size / 1e6:.0f} MB, more than {most_mb()} MB; {way_out}, or start the app with both a larger ACTREC_MAX_MB "
            "and a larger STREAMLIT_SERVER_MAX_UPLOAD_SIZE"
        )


def receive_clip(file: BinaryIO, name: str, size: int) -> str:
    """Take an uploaded clip in; returns the name it has from now on. A bad file leaves nothing behind.

    Raises:
        ClipError: too large, or no video that can be used.
    """
    _check_size(name, size, "cut it or compress it")
    own = belongings()
    room = own.room()
    try:
        path = receive(file, name, room)
        video.probe(path)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    known = path.name
    if known in library.samples():
        known = f"upload of {known}"
    own.clips.pop(known, None)
    own.keep(own.clips, known, path)
    return known


def clip_path(name: str) -> Path:
    """The file that a link's clip name stands for.

    Raises:
        QuestionError: a name that is neither a sample's nor an upload's.
    """
    own = belongings().clips
    path = own.get(name) or library.samples().get(name)
    if path is None or not path.is_file():
        raise QuestionError(f"no clip {name!r} here: it is neither a sample nor an upload of this session; choose one, or upload it again")
    return path


def model_name(name: str) -> str:
    """The model's name for `study`, with the real path of its checkpoint where the link names a file.

    Raises:
        QuestionError: no such model.  WeightsError: no such checkpoint here.
    """
    from actrec import catalogue  # late: torch

    known = catalogue.cards()
    if name in known:
        return name
    whole, _, stream = name.rpartition(":")
    if whole and stream in STREAMS:
        return f"{model_name(whole)}:{stream}"
    base, at, file = name.partition("@")
    if base not in known and not (base.rpartition(":")[0] in known and base.rpartition(":")[2] in STREAMS):
        raise QuestionError(f"no model {name!r} here; choose one from the list")
    own = belongings().weights.get(file)
    if at and own is not None:
        return f"{base}@{own}"
    listed = settings.checkpoints() / file
    if not at or file != Path(file).name or file in ("", ".", "..") or not listed.is_file():
        raise WeightsError(f"no checkpoint {file!r} here, neither in the checkpoints folder nor among this session's uploads; upload it again")
    return f"{base}@{listed}"


def real(question: Question) -> Question:
    """The question with real paths in place of a link's names.

    Raises:
        ActrecError: a name that leads nowhere.
    """
    return question.with_(clip=str(clip_path(question.clip)), model=model_name(question.model), joints=joints_name(question.joints))


def joints_name(name: str | None) -> str | None:
    """The joints' name for `study`: a link's with the real path of this session's upload, or of a sample clip's joints, and the choices behind its #.

    Raises:
        QuestionError: no such joints here.  JointsError, LayoutError: choices that there are none of.
    """
    if name in (None, pose.NONE):
        return name
    chosen = pose.Named.of(str(name))
    path = belongings().joints.get(chosen.file) or pose.sample(chosen.file)
    if path is None or not path.is_file():
        why = "a link cannot name a file; upload it (again), or give it on the command line with --joints"
        raise QuestionError(f"no joints {chosen.file!r} here, neither among this session's uploads nor of a sample clip: {why}")
    return str(replace(chosen, file=str(path)))


def receive_joints(file: BinaryIO, name: str, size: int, film: Video, card: Card | None = None) -> str:
    """Take an uploaded file of joints in; returns the name it has from now on, with the choices that it needs (see `pose.mended`).

    card: of the model that shall be told of them.  A file that cannot be used leaves nothing behind.

    Raises:
        ActrecError: too large, no file of joints, or none that can be laid on the clip or told to the model.
    """
    _check_size(name, size, "cut it to the clip")
    own = belongings()
    room = own.room()
    try:
        path = receive(file, name, room)
        chosen = pose.mended(path, film, card)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    return str(replace(chosen, file=_enter_joints(path)))


def keep_joints(joints: pose.Joints, name: str) -> str:
    """Keep joints that were made here, as an npz of this session; returns the name they have from now on."""
    path = belongings().room() / _safe(f"{name}.npz")
    pose.write(path, joints)
    return str(pose.Named(_enter_joints(path)))


def _enter_joints(path: Path) -> str:
    """Enter a file of joints under its name, in place of an older one; what has another meaning is no name of an upload."""
    own, known = belongings(), path.name
    if known == pose.NONE or pose.sample(known) is not None:
        known = f"upload of {known}"
    older = own.joints.pop(known, None)
    if older is not None:
        shutil.rmtree(older.parent, ignore_errors=True)
    own.keep(own.joints, known, path)
    return known


def is_upload(name: str) -> bool:
    """Whether a clip is private to this session."""
    return name in belongings().clips


def is_own_joints(name: str | None) -> bool:
    """Whether a link's joints are an upload of this session."""
    return any(str(name).partition("#")[0] == known for known in belongings().joints)


def private_folder(name: str) -> Path | None:
    """Where to keep what is made from a clip: with the session for an upload, None (the shared cache) for a sample."""
    own = belongings()
    return own.clips[name].parent if name in own.clips else None
