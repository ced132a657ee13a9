"""Hostile files, made by the thousand from seeds and given to the readers that the app gives them to.

A kind is a module here: `cases(seed)` yields a name and what writes the file, without end; `use(path)` does with it what the app would, and raises
`ActrecError` where it is refused. `make fuzz` runs many, `make test` a few.
"""
