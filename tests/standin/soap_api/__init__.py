"""The SOAP partner and enterprise API: login, and what REST has no form for (undelete, merge, the recycle bin)."""
