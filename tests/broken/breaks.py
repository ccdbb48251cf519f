"""A module that breaks while it is imported."""

raise RuntimeError("the model file is gone")
