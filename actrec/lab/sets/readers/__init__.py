"""Readers: one file a layout, each with its LAYOUT. The folder is the registry: a new file here is a new layout."""
