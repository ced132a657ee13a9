"""The ground floor: the nouns that every room speaks in, and the little that all rooms need. Nothing here knows a room above.

Nouns, plain frozen data without torch, safe to keep: `errors`, `question`, `clip`, `card`, `evidence`, `look`, `answer`.
`trace`: one watched forward pass.
What all need: `settings` (limits and folders), `devices`, `kept` (the last few results), `files` (whole or not at all), `words` (numbers).
"""
