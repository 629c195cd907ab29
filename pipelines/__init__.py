"""The stages as Beam transforms, all I/O, and the command line."""
