"""Push plans: what a push would skip, mount and upload, blob by blob.

`source.py` says what the source holds and in which order a push sends it; `reading.py` reads it, and
`selection.py` chooses of it. `asking.py` puts the questions, `target.py` and `lookups.py` ask them, and
`facts.py` holds the answers. `actions.py` decides for each blob and manifest, `obstacles.py` says why ECR
would refuse the push, and `totals.py` adds up bytes, parts and calls. `plan.py` is the result, and
`planning.py` the way to it.
"""
