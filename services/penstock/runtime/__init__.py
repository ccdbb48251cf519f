"""How records move: the exactly-once loop, Kafka and its in-memory double, codec, state, metrics, logs, host."""
