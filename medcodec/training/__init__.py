"""Training, which needs PyTorch; nothing here is used to decode."""
