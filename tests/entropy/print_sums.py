"""Prints the SHA-256 of what PyTorch computes, with 1 and 2 threads, with oneDNN and without it."""

import hashlib

import numpy as np
from networks import random_input, random_network

_RANDOM = np.random.default_rng(8)
NETWORK = random_network(_RANDOM, (20, 32, 32, 16), (3, 3, 1), shift=22, largest=120)
X = random_input(_RANDOM, NETWORK, 49, 40, planes=2)


def main():
    import torch

    from medcodec.training.integer import TorchIntegerNetwork

    for threads in (1, 2):
        torch.set_num_threads(threads)
        for enabled in (True, False):
            with torch.backends.mkldnn.flags(enabled=enabled):
                found = TorchIntegerNetwork(NETWORK)(torch.from_numpy(X)).numpy()
            print(hashlib.sha256(found.astype("<i4").tobytes()).hexdigest())


if __name__ == "__main__":
    main()
