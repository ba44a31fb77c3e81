"""How Sphinx builds the documentation: offline, with diagrams drawn as SVG while building."""

import sys
from pathlib import Path

project = "ACA Warehouse"
author = "The ACA Warehouse maintainers"
project_copyright = "2026, The ACA Warehouse maintainers"

extensions = ["myst_parser", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = "ACA Warehouse"
html_static_path = ["_static"]
html_css_files = ["diagrams.css"]
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The same fence that GitHub draws.
myst_fence_as_directive = ["mermaid"]

# No script from elsewhere: the program beside this Python draws each diagram.
mermaid_output_format = "svg"
mermaid_cmd = str(Path(sys.executable).with_name("mermaidx"))
