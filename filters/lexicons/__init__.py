"""Word lists, one file each, read through `importlib.resources`. The first line of a file names its version."""
