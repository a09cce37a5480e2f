"""Mappings that come with the package, found by their name."""
