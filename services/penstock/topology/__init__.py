"""What is wired: the topology file, its checks and the compiled plan; pure."""
