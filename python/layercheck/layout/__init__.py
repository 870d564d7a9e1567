"""OCI layouts, archives of images and manifests, read offline."""

from layercheck.layout.layout import Layout, LayoutBlob, LayoutImage, LayoutPlatform
from layercheck.layout.reading import read_layout

__all__ = ["Layout", "LayoutBlob", "LayoutImage", "LayoutPlatform", "read_layout"]
