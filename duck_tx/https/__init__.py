"""HTTPS: certificates and where they come from, TLS on the socket, and the redirect to it."""
