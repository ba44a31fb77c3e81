"""The synthetic marketplace: an ACA individual market that lives through time, as files of deliveries.

Everything is a pure function of the seed and the options: `world.py` builds the fixed parts, `block.py` lives the lives of
some 2,500 members, `timeline.py` cuts what happened into deliveries.
"""
