"""The second demo's workers, checks and sample: security advisories whose prose and scores may not say the same."""
