"""The wavelet codec: motion-compensated temporal filtering over a spatial lifting."""
