/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about a NUMA node. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

/* Bytes. */
typedef struct NodeMemory {
        uint64_t total; /* 0: a node without memory */
        uint64_t free;
} NodeMemory;

/* /sys/devices/system/node/nodeN/meminfo: "Node N MemTotal:   1000 kB" … Takes the file's text, NUL-terminated.
 * 0; -EBADMSG, also when it is about another node. */
int node_memory_parse(const char *text, uint32_t node, NodeMemory *ret);

/* -ENOENT: there is no such node. */
int node_memory_read(const RootFds *roots, uint32_t node, NodeMemory *ret);
