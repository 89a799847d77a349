"""Door: the command line, `isthmus`. One module for each group of commands."""
