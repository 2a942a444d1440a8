"""Certificates that are asked for and renewed by themselves (ACME, RFC 8555)."""
