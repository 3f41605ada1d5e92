"""Schedules: how a supernet is trained, written in the language."""
