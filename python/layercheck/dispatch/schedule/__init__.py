"""Which thread makes which call, and what is told and counted after it. The scheduler is in the core."""
