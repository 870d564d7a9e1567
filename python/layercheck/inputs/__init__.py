"""From an object or a file to rows: `adapters` for objects, `files` for files with columns."""
