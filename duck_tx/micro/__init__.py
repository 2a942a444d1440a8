"""Micro apps as the tree has them: what they are, their ports and threads, and their place among the services."""
