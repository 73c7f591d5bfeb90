"""Benchmarks of medcodec against the codecs that a user would pick instead."""
