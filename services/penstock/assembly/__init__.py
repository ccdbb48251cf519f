"""Where the rooms meet: from a topology's path to its plan, and from a plan to the services of a process."""
