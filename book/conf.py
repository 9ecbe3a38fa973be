"""Sphinx's settings. `BOOK_STATIC` is the folder of what `python -m book` puts beside the pages."""

import os
import tomllib
from importlib.metadata import distribution
from pathlib import Path

HERE = Path(__file__).parent
MATHJAX = "sphinx-mathjax-offline/static/mathjax/tex-svg.js"

project = "needle"
version = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]
language = "en"

extensions = ["myst_nb", "sphinx_design", "sphinx.ext.mathjax"]
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
exclude_patterns = ["released"]  # notebooks to be downloaded
nb_execution_mode = "off"
nb_merge_streams = True
suppress_warnings = ["myst.header"]
toc_object_entries = False
add_module_names = False
python_display_short_literal_types = True

mathjax_path = "tex-svg.js"
html_theme = "sphinx_book_theme"
html_title = "needle"
html_static_path = [
    str(HERE / "static"),
    os.environ["BOOK_STATIC"],
    str(distribution("sphinx-mathjax-offline").locate_file(MATHJAX)),
]
html_css_files = ["panel.css", "book.css", "figures.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("stepper.js", "dials.js")]
html_context = {"default_mode": "auto"}
html_favicon = str(HERE / "static" / "needle.svg")
html_logo = html_favicon
html_show_sourcelink = False
html_copy_source = False
html_domain_indices = False
html_last_updated_fmt = None
html_theme_options = {
    "logo": {"text": "needle", "alt_text": "needle: to the first page"},
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": "Code BSD-3-Clause; text and pictures also CC BY 4.0.",
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
}
highlight_language = "text"
