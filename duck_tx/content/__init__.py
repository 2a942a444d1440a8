"""The content room: static and media files, served straight from the reactor."""
