"""Two streams: what they say together, how much each decides, and that each is a model like any other; flow where it belongs."""

from __future__ import annotations
