"""How fast a run may go: the lanes of the process, and the calls at once. The pacer is in the core."""
