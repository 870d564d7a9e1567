"""Real digests and a real image, checked against a truth that is known without layercheck."""
