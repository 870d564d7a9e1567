"""A checker whose runs end soon, and the rows that it checks."""

from __future__ import annotations

from typing import Any

import layercheck as lc
from dispatch.scripted_server import ScriptedServer
from fake_account import digests
from layercheck.limits import Limits

QUICK = Limits(tick_s=0.01, grace_s=0.2)
ROWS = digests(5000)


def checker_for(server: ScriptedServer, **options: Any) -> lc.Checker:
    return lc.Checker("team/app", endpoint_url=server.url, **{"rate": "max", "_limits": QUICK, **options})
