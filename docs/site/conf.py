"""The site of the documentation: `make docs` builds it with Sphinx and MyST from the pages as they stand.

The source is the whole clone, because README.md and CHANGELOG.md are pages too. So a link between pages leads
to the same place in a clone, on a forge and in the site. toc.yml beside this file orders the pages.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

project = "layercheck"
author = "The layercheck developers"
version = release = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]

extensions = ["myst_nb", "sphinx_external_toc", "sphinx_copybutton"]
external_toc_path = "docs/site/toc.yml"
include_patterns = ["*.md", "docs/*.md", "docs/*/*.md", "docs/examples/*.ipynb"]
exclude_patterns = [".*", "target", "dist", "bench", "examples", "python", "src", "tests"]  # not walked
nitpicky = True
nb_execution_mode = "off"  # shown as stored; the tests execute it
suppress_warnings = ["myst-nb.lexer"]  # of a notebook that is stored without metadata

myst_heading_anchors = 6  # of each heading, named as forges name them

html_theme = "furo"
html_title = f"layercheck {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/rust.html",  # what cargo doc wrote, which Sphinx does not know
        "sidebar/scroll-end.html",
    ]
}
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
# The fonts of the reader's system, so that a page loads nothing from another server.
html_theme_options = {
    "light_css_variables": {
        "font-stack": "system-ui, sans-serif",
        "font-stack--monospace": "ui-monospace, monospace",
    }
}
highlight_language = "text"  # a block without a language is a terminal
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
