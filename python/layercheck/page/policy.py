"""The content security policy of a page: its own style and its own script, and nothing else."""

from __future__ import annotations

import base64
import hashlib


def content_security_policy(style: str, script: str) -> str:
    """Return the policy, for a `meta` element.

    Args:
        style: The content of the one `style` element.
        script: The content of the one `script` element.

    Examples:
        >>> content_security_policy("", "").split("; ")[0]
        "default-src 'none'"
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
