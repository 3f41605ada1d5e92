"""What a command does: a request in, files and an answer out; composes the packages below."""
