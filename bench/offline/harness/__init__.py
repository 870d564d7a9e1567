"""How a case is run, checked, kept and shown."""
