"""REST below /services/data: the roads, and what each answers."""
