"""The journal: a file that makes a run safe to kill and to go on with, and tells later what was found.

It is an SQLite database. `fingerprint` tells runs apart, `claim` keeps a second process away, `database`
opens the file and says what its errors mean, `store` has its tables, `resume` begins a run or goes on with
one, `writer` writes down what it finds while it lasts, `runs` how it went. `reading` looks at a journal
afterwards, `diff` at two, or at what `audits` reads of written reports. The bytes of plans and verdicts
are made and checked in the core.
"""
