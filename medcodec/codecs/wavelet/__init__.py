"""The learned wavelet codec: frames predicted over time, lifted in space, coded by integer networks."""
