"""Measuring: which archs, in which order, how often, and a table that survives a kill.

Nothing here knows what a subnet is: it is given what runs one, and returns how long that takes.
"""
