"""Aggregators: parallel branches become one value under a declared policy, above all when they disagree."""
