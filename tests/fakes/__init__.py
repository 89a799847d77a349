"""What pretends in the tests; nothing of it is shipped."""
