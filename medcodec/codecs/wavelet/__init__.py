"""The learned wavelet codec: lifting in time and space, coded by a context model of subbands."""
