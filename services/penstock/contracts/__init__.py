"""What is said: envelope, system records, answers, topic names and schemas; pure values and functions."""
