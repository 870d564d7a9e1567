"""One audit in a process of its own, so that a test can end the client.

python -m on_dask.client_program ADDRESS ARGUMENTS: ARGUMENTS are the keywords of `layercheck.dask.audit` as
JSON, or of `audit_images` with `images` among them.
"""

from __future__ import annotations

import json
import sys

from distributed import Client

import layercheck.dask

if __name__ == "__main__":
    with Client(sys.argv[1]):
        keywords = json.loads(sys.argv[2])
        act = layercheck.dask.audit_images if keywords.pop("images", False) else layercheck.dask.audit
        act(**keywords)
