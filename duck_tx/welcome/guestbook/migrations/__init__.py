"""The history of the guest book's tables."""
