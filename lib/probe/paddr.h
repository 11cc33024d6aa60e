/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory, by idle page tracking: page frames are drawn directly, whoever they belong to. */
#pragma once

#include "base/file.h"
#include "kernel/io.h"
#include "kernel/layout.h"
#include "monitor/ops.h"

typedef enum PaddrScope {
        PADDR_ALL,    /* all System RAM */
        PADDR_NODE,   /* that of a NUMA node */
        PADDR_RANGES, /* whatever lies in these ranges */
} PaddrScope;

typedef struct PaddrSpec {
        PaddrScope scope;
        uint32_t node;
        const Range *ranges; /* bytes; ascending and disjoint; borrowed */
        size_t n_ranges;
} PaddrSpec;

/* Its spaces come from paddr_attach() alone. roots and io are borrowed and must outlive it. 0, or -errno with the
 * reason. */
int paddr_source_new(const RootFds *roots, const KernelIo *io, Source **ret, char **ret_error);

/* A part of the memory as a space of that source. 0 or -errno. */
int paddr_attach(Source *source, const PaddrSpec *spec, Space **ret);
