"""The door: upstream events become runs, each once."""
