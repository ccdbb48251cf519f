"""The supervisor: the one owner of the unhappy path, and the single writer of a run's status."""
