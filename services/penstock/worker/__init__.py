"""Workers: a user's callable, one message in, one message out, tried a bounded number of times."""
