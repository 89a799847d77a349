"""The one-machine stack: everything that `make run` starts."""
