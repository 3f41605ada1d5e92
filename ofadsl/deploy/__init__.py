"""Deploying: a subnet in, a file for the runtime of a device out, proven in that runtime."""
