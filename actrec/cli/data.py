"""Looking at a set of labelled clips before it is used."""
