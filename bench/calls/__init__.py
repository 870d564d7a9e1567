"""Calls to an endpoint: layercheck's transports beside other clients."""
