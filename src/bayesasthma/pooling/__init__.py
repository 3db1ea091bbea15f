"""The pooled model of several studies: its data, priors and kernel."""
