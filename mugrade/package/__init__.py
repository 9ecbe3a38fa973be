"""Code in cells: the blocks of a module, and notebooks as they are read from files."""
