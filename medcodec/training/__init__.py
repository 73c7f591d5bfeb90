"""Training of the codecs that have weights: schedules, losses, data and checkpoints."""
