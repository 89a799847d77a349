"""What takes minutes: load that shows a promise over weeks. Not part of `make test`."""
