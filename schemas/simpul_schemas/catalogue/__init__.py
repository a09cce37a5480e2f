"""The documentation that is written out of the contract: an AsyncAPI document and a static HTML catalogue.

Nothing here says what the contract does not say: fields come from the `.avsc` files, rules, topics and views from their
modules, and an example is shown only after the contract has accepted it.
"""
