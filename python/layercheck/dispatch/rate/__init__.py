"""How fast a run may go: the pacer of a lane, the lanes of the process, the calls at once."""
