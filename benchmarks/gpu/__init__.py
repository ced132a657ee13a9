"""What a GPU does to the numbers, the seconds and the memory, beside the processor: one command, one page, docs/gpu.md.

`__main__`: the command.  `budget`: the time that is left.  `page`: what is written.  `subjects`: the models, and what is asked of them.
The parts, in order of importance: `maps`, `times` (views and training steps), `precision`, `processes`, and `maps` again for a second layer.

Models and ways of explaining come from the catalogue by themselves. A view whose time matters is a line of `times.VIEWS`, a training step one of
`times.TRAINING`.
"""
