"""Validators: the gate that a payload must pass, with reasons a machine can act on."""
