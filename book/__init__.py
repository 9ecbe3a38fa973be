"""The course as a book: pages for its website, from the scripts, the docs and the code."""
