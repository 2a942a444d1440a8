"""The wire: HTTP/1.1 as every room of the house uses it."""
