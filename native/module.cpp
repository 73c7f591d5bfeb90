// The Python module medcodec._native: each kernel binds itself in a file of its own.
#include "bindings.hpp"

NB_MODULE(_native, m) {
    bind_adaptive(m);
    bind_blocks(m);
    bind_fast(m);
    bind_floats(m);
    bind_labels(m);
    bind_lifting(m);
    bind_records(m);
    bind_pixels(m);
    bind_subbands(m);
    bind_network(m);
    bind_motion(m);
    bind_block_motion(m);
    bind_mapping(m);
}
