"""HTTP/2 (RFC 9113): the frames, streams and limits of one server connection."""
