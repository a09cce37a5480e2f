"""Figures for readers: as they are and as they change, with their coverage beside every number.

`rows` decodes a view's topic, `figure` is what a reader gets, `subscription` the SDK over it and `commands` the command
`simpul subscribe`; `cursor` keeps how far a reader has come. `figure_table` is the read model of all views that the
portal asks, and `follow` keeps it in step with the bus.
"""
