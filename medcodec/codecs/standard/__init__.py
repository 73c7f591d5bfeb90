"""Standard codecs behind the one contract: what users would pick instead, and today's best lossy coders."""
