"""Thin adapters to the tools that people already use; each is imported on its own, with its tool."""
