"""Benches against peers: `make bench`, a part by `make bench ARGS="fold"`."""
