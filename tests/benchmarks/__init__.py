"""`make bench`: what Isthmus does, measured beside what it is compared with."""
