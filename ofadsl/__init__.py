"""A compiler for once-for-all elastic networks: train once, specialise for every device.

Importing this package loads nothing else; each of its modules is imported by name.
"""

__version__ = "0.1.0"
