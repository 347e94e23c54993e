"""How Sphinx builds these pages: every code cell is run, and every warning is an error (see ``make docs``)."""

import sys
from pathlib import Path

from nbclient import NotebookClient

import tinygrad_nn

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "tinygrad_nn"
author = copyright = "tinygrad_nn contributors"
release = version = tinygrad_nn.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "reference_pages"]
exclude_patterns = ["_build", "_extensions", "**/.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb"}

html_theme = "pydata_sphinx_theme"
html_title = "tinygrad_nn"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_depth": 2,
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "performance": []}  # nothing lies below these pages

myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_in_temp = True  # what a chapter writes is no page
nb_merge_streams = True
# New versions of ipykernel warn that a kernel talks to this process without encryption, once for each page.
NotebookClient.extra_arguments.default_args = (["--IPKernelApp.log_level=ERROR"],)

autosummary_generate = False
default_role = "code"  # `name` in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 110  # longer ones have a line for each parameter
