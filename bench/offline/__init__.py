"""Cases without AWS: planning, request and answer bodies, reports, and calls to a local endpoint."""
