"""Codecs: the contract, the registry, and a folder per codec."""
