"""The workers of `topology/diagram.yaml`."""
