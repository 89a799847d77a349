"""A door that is not deployed: it makes what is, one archive for each of the others."""
