"""A training run: what it is made of, and the loop.

Every epoch's windows, order and dropout are drawn from (seed, epoch) alone, so the state at an epoch's end is the model's, the optimiser's, the
plateau's and the scaler's, and a resumed run goes on to the same losses: on a processor to the bit, on a GPU but for the order of its sums.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.errors import ActrecError
from actrec.inputs import streams
from actrec.lab import recipes, sets
from actrec.lab.evaluate import Scores, absent, evaluate, opened
from actrec.lab.train import steps, words
from actrec.lab.train.folder import Folder
from actrec.lab.train.processes import Processes, Shares, shares
from actrec.lab.train.report import CHOSEN_BY, describe, epoch_line, minutes, model_card, settings
from actrec.lab.train.start import Start, begin, with_dropout
from actrec.models import weights


@dataclass
class Tally:
    """What an epoch has seen so far, in this process. step: good clips since the optimiser's last step."""

    loss: float = 0.0
    right: int = 0
    clips: int = 0
    step: int = 0
    broken: list[str] = field(default_factory=list)


@dataclass
class Run:
    """A model on its way. init: a checkpoint file, or the id of a card with weights.  keep: as `sets.open_windows`.

    ship_epoch: which epoch's numbers become model.safetensors, "best" or "last"; None: the best where a val split chose it, else the last, which no
    test figure has chosen.  notes: what a reader should know before they read the figures.
    """

    card: Card
    clips: sets.ClipSet
    recipe: recipes.Recipe
    folder: Path
    arguments: Mapping[str, Any]
    init: Path | str | None = None
    command: str = ""
    keep: bool | None = None
    tensorboard: bool = False
    ship_epoch: str | None = None
    processes: Processes = field(default_factory=Processes)

    def __post_init__(self) -> None:
        self.streams = streams.of(self.card)  # refuses a stream that there is not
        self.device, self.notes, self.files = self.processes.device(), list[str](), Folder(self.folder, self.tensorboard and self.processes.main)
        self.precision = steps.precision(self.recipe, self.device)
        self._open()
        self._build()
        shares(np.arange(len(self.train_windows)), self.recipe, self.processes)  # refuses what cannot be divided
        self.optimizer = steps.optimizer(self.model, self.recipe)
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.recipe.precision == "fp16")
        self.plateau = steps.Plateau(self.recipe.factor, self.recipe.patience)
        self.epoch, self.best = 0, -1.0

    def _open(self) -> None:
        """Windows of the training clips and of those that judge: val where there is one, else test."""
        self.judge = "val" if any(item.split == "val" for item in self.clips.items) else "test"
        self.notes.append(CHOSEN_BY[self.judge])
        sided = recipes.sided(self.clips.labels)
        flip = self.recipe.flip == "on" or (self.recipe.flip == "unless-sided" and not sided)
        if sided and self.recipe.flip == "unless-sided":
            self.notes.append(f"Clips are not mirrored, because left and right are labels here ({', '.join(sided[:3])}).")
        with self.processes.in_turn():
            how = {"crops": self.recipe.crops, "flip": flip, "seed": self.recipe.seed, "keep": self.keep}
            self.train_windows = opened(self.card, self.clips, ("train",), train=True, **how)
            self.card = streams.on_card(self.card, self.train_windows.streams)  # from here on all joints are in the training clips' order
            self.judge_windows = opened(self.card, self.clips, (self.judge,), train=False, keep=self.keep)
        lost = len(self.clips.split("train")) - len(self.train_windows)
        if not len(self.train_windows):
            raise ActrecError(f"none of the {lost} training clips of {self.clips.name!r} can be read; see the lines above")
        self.notes += [f"{lost} training clips cannot be read and are left out."] if lost else []
        self.notes += filter(None, [absent(self.card, self.clips, self.train_windows.items)])

    def _build(self) -> None:
        """The model with its first numbers, and what of it stays frozen."""
        self.given, line = with_dropout(self.card, {**self.card.arguments, **self.arguments}, self.recipe.dropout)
        self.start: Start | None = None
        torch.manual_seed(self.recipe.seed)  # the first weights
        self.model = steps.laid_out(catalogue.build(self.card, len(self.clips.labels), **self.given).to(self.device))
        if self.init is not None:
            with self.processes.in_turn():  # fetched once
                self.start = begin(self.model, self.card, self.init)
        steps.keep_layout(self.model)
        self.frozen = steps.freeze(self.model, self.recipe.norm, self.start.taken if self.start else ())
        self.notes += [line] if line else []
        self.notes += [f"It {self.start}."] if self.start else []
        card = catalogue.following(replace(self.card, arguments=self.given))
        with self.processes.in_turn():
            said = words.begin(self.model, card, self.train_windows, self.start.taken if self.start else (), self.recipe.seed)
        self.notes += [said] if said else []
        if self.recipe.norm != "train":
            self.notes.append(f"{len(self.frozen)} batch normalisations are frozen." + ("" if self.frozen else " None starts from a checkpoint."))
        self.network: nn.Module = self.model
        if self.processes.world > 1:
            some = any(stream.optional for stream in self.streams)  # clips without joints leave the joints' own layers unused
            own = [self.device] if self.device.type == "cuda" else None
            self.network = DistributedDataParallel(self.model, own, find_unused_parameters=some)

    def fit(self) -> Scores:
        """Train to the last epoch, from where the folder's last state left off; returns the judging split's scores after it."""
        self._resume()
        if self.processes.main:
            self.files.write_json("config.json", describe(self, None))
            print("\n".join(self.notes), file=sys.stderr)
        self.started, self.first = time.monotonic(), self.epoch
        scores = None
        for epoch in range(self.epoch, self.recipe.epochs):
            loss, right, broken = self._epoch(epoch)
            scores = self._score()
            self.epoch = epoch + 1
            if self.recipe.schedule == "plateau":
                self.plateau.note(1 - scores.goal if self.judge == "val" else loss)
            self._keep(loss, right, scores, broken)
        if self.processes.main:
            self.files.close()
        return scores or self._score()

    def _epoch(self, epoch: int) -> tuple[float, float, int]:
        """One pass over the training clips: mean loss, share of right answers, and how many clips could not be read."""
        dealt = self._begin(epoch)
        loader = sets.batches(self.train_windows, dealt.part, order=dealt.order, workers=self.recipe.workers)
        tally = Tally()
        with tqdm(loader, desc=f"epoch {epoch + 1}", unit="batch", leave=False, disable=None if self.processes.main else True) as bar:
            for number, found in enumerate(bar):
                last = (number + 1) % dealt.parts == 0 or number + 1 == len(loader)
                with self._apart(last):
                    self._part(found, dealt.clips, tally, last)
                if last:
                    self._step(epoch + number // dealt.parts / dealt.steps, dealt.clips, tally)
                self._show(bar, epoch + (number + 1) / len(loader), tally)
        loss, right, count = self.processes.sums(tally.loss, tally.right, tally.clips)
        broken = self.processes.lines(tally.broken)
        self._tell(broken)
        if not count:
            raise ActrecError(f"no training clip could be read in epoch {epoch + 1}: {broken[0] if broken else 'there is none'}")
        return loss / count, right / count, len(broken)

    def _begin(self, epoch: int) -> Shares:
        self.network.train()
        for module in self.frozen:
            module.eval()
        self.train_windows.epoch = epoch
        torch.manual_seed(self.recipe.seed * 100_003 + epoch + 1_000_003 * self.processes.rank)  # dropout
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.train_windows))
        return shares(order, self.recipe, self.processes)

    def _apart(self, last: bool) -> AbstractContextManager[object]:
        """Processes put their gradients together with the last part of a step only."""
        return nullcontext() if last or not isinstance(self.network, DistributedDataParallel) else self.network.no_sync()

    def _part(self, found: sets.Batch, planned: int, tally: Tally, last: bool) -> None:
        """Add one part's gradients: of the sum of its clips' losses over the step's planned clips."""
        tally.broken += found.broken
        if not found.numbers:
            if self.processes.world > 1 and last:
                self._idle()
            return
        inputs = self.inputs(found)
        targets = self.train_windows.targets(found.numbers).to(self.device)
        with self.precision():
            logits = self.network(*inputs).float()
        loss = steps.losses(logits, targets).sum()
        if not torch.isfinite(loss):
            how = "" if self.recipe.precision in ("fp32", "auto") else ", or with --precision fp32"
            raise ActrecError(f"the loss became {loss.item()} in epoch {self.epoch + 1}; start again with a smaller --lr than {self.recipe.lr}{how}")
        self.scaler.scale(loss * (self.processes.world / planned)).backward()
        tally.loss, tally.right = tally.loss + float(loss.detach()), tally.right + steps.hits(logits.detach(), targets)
        tally.clips, tally.step = tally.clips + len(targets), tally.step + len(targets)

    def inputs(self, found: sets.Batch) -> list[torch.Tensor | None]:
        """What the network is given of a batch, in the order of its `forward`; pictures channels last, which is faster."""
        given = self.train_windows.inputs(found, self.device).values()
        return [x if x is None or x.ndim != 5 else x.contiguous(memory_format=steps.LAYOUTS[5]) for x in given]

    def _idle(self) -> None:
        """Take part in the exchange of gradients with nothing, where all clips of a process's last part are broken: the others wait for it."""
        self.network.eval()
        blanks = streams.blanks(self.card, 1, self.card.sampling.frames, self.card.preprocess.crop, self.device)
        (self.network(*blanks.values()).sum() * 0).backward()
        self.network.train()
        for module in self.frozen:
            module.eval()

    def _step(self, epoch: float, planned: int, tally: Tally) -> None:
        """Move the weights; by the mean over the clips that could be read, not at all if there was none."""
        good, tally.step = self.processes.sums(tally.step)[0], 0
        if good:
            steps.move(self.model, self.optimizer, self.scaler, self.recipe, self.recipe.rate(epoch) * self.plateau.scale, planned / good)

    def _show(self, bar: Any, epoch: float, tally: Tally) -> None:
        if tally.clips and not bar.disable:
            spent, pace = time.monotonic() - self.started, (bar.format_dict["elapsed"] or 1e-9) / self.processes.world
            left = minutes(spent / (epoch - self.first) * (self.recipe.epochs - epoch))
            facts = {"loss": f"{tally.loss / tally.clips:.3f}", "accuracy": f"{tally.right / tally.clips:.3f}"}
            bar.set_postfix(facts | {"clips/s": f"{tally.clips / pace:.1f}", "left": left})

    def ship(self) -> Scores:
        """Write model.safetensors, in 16 bits, with its card README.md; its scores are those of the very numbers in the file, on the test split."""
        best = (self.ship_epoch or ("best" if self.judge == "val" else "last")) == "best"
        source = self.folder / ("best.safetensors" if best else "last.safetensors")
        scores = None
        if self.processes.main:
            state, about = weights.read(source)
            weights.load(self.model, state)
            weights.save(self.folder / "model.safetensors", self.model, about, half=True)
            weights.load(self.model, weights.read(self.folder / "model.safetensors")[0])
            self._open_test()
            scores = self._evaluate(self.test_windows)
            metadata = describe(self, scores) | {"epoch": about["epoch"], "scored_on": self.final, "choice": self._choice(best)}
            weights.save(self.folder / "model.safetensors", self.model, metadata, half=True)
            self.files.write("README.md", model_card(metadata))
        return self.processes.same(scores)

    def _open_test(self) -> None:
        """The test split, which nothing has looked at before where a val split judged."""
        there = any(item.split == "test" for item in self.clips.items)
        self.final = "test" if there else self.judge
        self.test_windows = self.judge_windows
        if self.final != self.judge:
            self.test_windows = opened(self.card, self.clips, ("test",), train=False, keep=self.keep)

    def _choice(self, best: bool) -> str:
        """How this checkpoint was chosen, in honest words."""
        if not best:
            return "These are the last epoch's numbers: no split's figures chose them."
        if self.judge == self.final:
            return f"This epoch was chosen by the same {self.final} clips, which flatters the figure."
        return "The val split chose this epoch; the test split was looked at once."

    def _score(self) -> Scores:
        """The judging split's scores: the first process finds them, all have them."""
        return self.processes.same(self._evaluate(self.judge_windows) if self.processes.main else None)

    def _evaluate(self, windows: sets.Windows) -> Scores:
        size = max(self.recipe.batch // (self.processes.world * self.recipe.accumulate), 1)
        scores = evaluate(self.model, windows, size, self.recipe.workers)
        self._tell(scores.broken)
        return scores

    def _tell(self, broken: Sequence[str]) -> None:
        """Say once of every clip that it cannot be read."""
        for line in self.files.met(broken) if self.processes.main else ():
            print(f"left out: {line}", file=sys.stderr)

    def _keep(self, loss: float, right: float, scores: Scores, broken: int) -> None:
        """End the epoch: write its weights, then the state."""
        if not self.processes.main:
            return
        metadata = describe(self, scores)
        weights.save(self.folder / "last.safetensors", self.model, metadata)
        if scores.goal > self.best:
            self.best = scores.goal
            weights.save(self.folder / "best.safetensors", self.model, metadata)
        state: dict[str, Any] = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}
        state |= {"plateau": asdict(self.plateau), "epoch": self.epoch, "best": self.best, "recipe": asdict(self.recipe), "settings": settings(self)}
        judged = {f"{self.judge}_accuracy": scores.accuracy, f"{self.judge}_merged": scores.merged}
        judged |= {} if scores.mean_ap is None else {f"{self.judge}_mean_ap": scores.mean_ap}
        rate = self.optimizer.param_groups[0]["lr"]
        self.files.save(state, {"epoch": self.epoch, "loss": loss, "train_accuracy": right, **judged, "lr": rate, "broken": broken})
        left = (time.monotonic() - self.started) / (self.epoch - self.first) * (self.recipe.epochs - self.epoch)
        print(epoch_line(self, loss, right, scores, broken, left), flush=True)

    def _resume(self) -> None:
        state = self.files.read(asdict(self.recipe) | settings(self), self.device)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state.get("scaler", {}))
        self.plateau = steps.Plateau(**state.get("plateau", asdict(self.plateau)))
        self.epoch, self.best = state["epoch"], state["best"]
        if self.processes.main:
            print(f"going on after epoch {self.epoch}", file=sys.stderr)
