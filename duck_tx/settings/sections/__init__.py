"""The sections of the settings, one module for each."""
