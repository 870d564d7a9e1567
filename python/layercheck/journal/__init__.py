"""The journal: a file that makes a run safe to kill and to go on with, and tells later what was found.

It is an SQLite database. `fingerprint` tells runs apart, `claim` keeps a second process away, `store` is
the file, `resume` begins a run or goes on with one, `recorder` writes down what it finds while it lasts, and
`reading` and `diff` look at it afterwards. The bytes of plans and verdicts are made and checked in the core.
"""
