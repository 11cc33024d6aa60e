/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the machine's memory lies in physical addresses, and on which NUMA node. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "monitor/map.h"

/* What told where memory is. */
typedef enum LayoutOrigin {
        LAYOUT_IOMEM,    /* /proc/iomem: exact */
        LAYOUT_BLOCKS,   /* the memory blocks of sysfs, which are online: to 128 MiB, holes included */
        LAYOUT_ZONEINFO, /* what the zones of /proc/zoneinfo span: holes included */
} LayoutOrigin;

/* "/proc/iomem" … */
const char *layout_origin_name(LayoutOrigin origin);

typedef struct LayoutRange {
        uint64_t start; /* bytes, whole pages */
        uint64_t end;
        uint32_t node;
} LayoutRange;

typedef struct Layout {
        LayoutOrigin origin;
        bool ambiguous; /* two nodes claim the same memory: which of them has it is not certain everywhere */
        LayoutRange *ranges; /* ascending, disjoint */
        size_t n;
        size_t allocated;
} Layout;

void layout_deinit(Layout *layout);

/* Reads all of it. Kernels without NUMA have node 0. -ENODATA: none of the three says anything. */
int layout_read(const RootFds *roots, Layout *ret);

/* From the text of /proc/iomem: the ranges of System RAM, all on node 0. Without CAP_SYS_ADMIN all addresses are zeros:
 * then there are none. 0, -EBADMSG or -ENOMEM. */
int layout_parse_iomem(const char *text, Layout *ret);

/* From the text of /proc/zoneinfo: what each node spans. Likewise. */
int layout_parse_zoneinfo(const char *text, Layout *ret);

/* The nodes that have memory, each once, ascending. *ret is owned by the caller. 0 or -ENOMEM. */
int layout_nodes(const Layout *layout, uint32_t **ret, size_t *ret_n);
