// One bind function per kernel.
#pragma once
#include <nanobind/nanobind.h>

void bind_adaptive(nanobind::module_& m);
void bind_blocks(nanobind::module_& m);
void bind_fast(nanobind::module_& m);
void bind_floats(nanobind::module_& m);
void bind_labels(nanobind::module_& m);
void bind_lifting(nanobind::module_& m);
void bind_records(nanobind::module_& m);
void bind_pixels(nanobind::module_& m);
void bind_subbands(nanobind::module_& m);
void bind_network(nanobind::module_& m);
void bind_motion(nanobind::module_& m);
void bind_block_motion(nanobind::module_& m);
void bind_mapping(nanobind::module_& m);
