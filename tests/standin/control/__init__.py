"""What people and tests ask of the stand-in itself: the control API and the page."""
