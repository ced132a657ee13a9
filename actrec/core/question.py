"""What is asked: the cache key, the link and the command line in one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from actrec.core.errors import QuestionError, quoted
from actrec.core.look import Look


@dataclass(frozen=True)
class Question:
    """The identity of everything shown: cache key, link and command line in one.

    clip: a path or the name of a sample clip.  start: seconds where the model's window begins.
    label None explains the model's first choice; versus explains label *rather than* versus (logit difference).
    at: a picked place (seconds, x, y), x and y in source pixels, for the methods that ask for one.
    knobs: the method's own settings as (name, value) text pairs, in any order.
    joints: a file with the joints of the people in the clip, for models that read them, with choices behind a # ("file.npz#offset=3");
    "none" leaves out those that are known of a sample clip.
    hide: joints, limbs or people that the model is not told of: "left_wrist", "left arm", "person 2", "2: left arm".
    flow: the way of finding optical flow, for models that read it; None for the usual one.
    """

    clip: str
    model: str
    method: str = "cam"
    label: str | None = None
    versus: str | None = None
    start: float = 0.0
    at: tuple[float, float, float] | None = None
    knobs: tuple[tuple[str, str], ...] = ()
    joints: str | None = None
    hide: tuple[str, ...] = ()
    flow: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "knobs", tuple(sorted((str(k), str(v)) for k, v in self.knobs)))
        object.__setattr__(self, "hide", tuple(sorted(set(self.hide))))

    def with_(self, **changes: Any) -> Question:
        """The same question with some fields changed."""
        return replace(self, **changes)

    def to_query(self) -> dict[str, str]:
        """Flat text pairs, the link's query string; `from_query` reads them back to an equal question."""
        query = {"clip": self.clip, "model": self.model, "method": self.method}
        for name, value in (("label", self.label), ("versus", self.versus), ("joints", self.joints), ("flow", self.flow)):
            query |= {name: value} if value is not None else {}
        if self.start:
            query["start"] = repr(float(self.start))
        if self.at is not None:
            query["at"] = ",".join(repr(float(v)) for v in self.at)
        if self.hide:
            query["hide"] = ",".join(self.hide)
        query.update({f"knob.{name}": value for name, value in self.knobs})
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Question:
        """The question a link asks.

        Raises:
            QuestionError: a missing clip or model, or a number that is none.
        """
        missing = [name for name in ("clip", "model") if not query.get(name)]
        if missing:
            raise QuestionError(f"the link names no {' and no '.join(missing)}; add {missing[0]}=… to it")
        try:
            start = float(query.get("start", 0.0))
            at = tuple(float(v) for v in query["at"].split(",")) if query.get("at") else None
        except ValueError as error:
            raise QuestionError(f"the link's start or at is not a number ({quoted(error)}); use seconds, and at=seconds,x,y") from None
        if not np.isfinite(start) or start < 0 or (at is not None and (len(at) != 3 or not np.all(np.isfinite(at)))):
            raise QuestionError(f"start={query.get('start')!r}, at={query.get('at')!r}: give finite seconds from 0 on, and at=seconds,x,y")
        knobs = tuple((name.removeprefix("knob."), value) for name, value in query.items() if name.startswith("knob."))
        label, versus, joints, flow = (query.get(name) or None for name in ("label", "versus", "joints", "flow"))
        hide = tuple(part.strip() for part in query.get("hide", "").split(",") if part.strip())
        return cls(query["clip"], query["model"], query.get("method") or "cam", label, versus, start, at, knobs, joints, hide, flow)  # type: ignore[arg-type]

    def to_command(self, look: Look | None = None, usual: Look | None = None) -> str:
        """The shell command that answers this question and writes the files, drawn with this look, where another one is usual."""
        words = ["python", "-m", "actrec", "explain", self.clip, "--model", self.model, "--method", self.method]
        for flag, value in (("--label", self.label), ("--versus", self.versus), ("--joints", self.joints), ("--flow", self.flow)):
            words += [flag, value] if value is not None else []
        words += ["--start", repr(float(self.start))] if self.start else []
        words += ["--at", ",".join(repr(float(v)) for v in self.at)] if self.at is not None else []
        for name in self.hide:
            words += ["--hide", name]
        for name, value in self.knobs:
            words += ["--knob", f"{name}={value}"]
        return shlex.join([*words, *(look.to_words(usual) if look else [])])
