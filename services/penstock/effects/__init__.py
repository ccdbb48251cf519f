"""Effects: the world is acted on through sinks, once per key where the sink honours keys."""
