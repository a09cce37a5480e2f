"""The contract of the bus: events, rules, regions, topic names, wire format, registry.

Ground of the project: nothing here imports another `simpul_*` package.
"""
