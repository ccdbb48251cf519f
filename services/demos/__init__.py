"""What the demos share: a Kafka and a pipeline of their own, and a look at how its runs end."""
