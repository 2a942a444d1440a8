"""The reverse proxy: what is forwarded, by which rules, to whom."""
