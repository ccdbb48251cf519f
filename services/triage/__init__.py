"""The demo pipeline's workers, checks, models and sample: a bank's inbox."""
