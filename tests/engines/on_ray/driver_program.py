"""One audit in a process of its own with a Ray of its own, so that a test can end the driver.

python -m on_ray.driver_program FOLDER ARGUMENTS [CPUS]: ARGUMENTS are the keywords of `layercheck.ray.audit`
as JSON, or of `audit_images` with `images` among them. CPUS is how many processors Ray shall believe in.
"""

from __future__ import annotations

import json
import sys

import layercheck.ray
from on_ray.small_ray import start_ray

if __name__ == "__main__":
    start_ray(sys.argv[1], *map(int, sys.argv[3:]))
    keywords = json.loads(sys.argv[2])
    act = layercheck.ray.audit_images if keywords.pop("images", False) else layercheck.ray.audit
    act(**keywords)
