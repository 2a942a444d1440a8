"""Automations: jobs that run at their times, once each, and what became of them."""
