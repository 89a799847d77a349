"""Running SOQL, once soql/ has parsed it: which records, in which order, and what is written of them."""
