"""What a run asks next, in which thread, and what follows from each result."""
