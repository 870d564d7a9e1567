"""The journal: a file that makes a run safe to kill and to resume, and that keeps its verdicts.

It is an SQLite database. `fingerprint` tells runs apart. `lock` and `file_lock` keep a second process out,
and `watched_files` notices that the file goes away. `database` opens the file and translates its errors,
`store` has its tables, `resume` starts or resumes a run, `writer` writes down its verdicts while it lasts,
and `history` keeps how each run went. `reader` reads a journal during a run or afterwards. The core encodes
and checks the bytes of plans and verdicts.
"""
