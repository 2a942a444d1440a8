"""WebSocket (RFC 6455) with per-message deflate (RFC 7692), over HTTP/1.1 and HTTP/2 (RFC 8441)."""
