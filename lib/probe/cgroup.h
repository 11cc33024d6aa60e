/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about a cgroup (of the unified hierarchy), which is named by its path below the cgroup root, such as
 * "/system.slice/db.service"; "/" is the root itself. */
#pragma once

#include <stdint.h>

#include "base/file.h"

/* Opens the cgroup's directory (O_PATH). A path that leads outside by ".." is -EINVAL; -ENOENT where there is no
 * such cgroup, or no hierarchy at all. Returns the file descriptor. */
int cgroup_open(const RootFds *roots, const char *cgroup);

/* The inode of the directory: what /proc/kpagecgroup says of the pages that are charged to it. */
int cgroup_inode(const RootFds *roots, const char *cgroup, uint64_t *ret);

/* Bytes on the LRU lists (active and inactive, anonymous and file) that are on this NUMA node, descendants
 * included. From the text of memory.numa_stat: 0; -EBADMSG; -ENOENT when the node is not listed. */
int memory_numa_stat_parse(const char *text, uint32_t node, uint64_t *ret);
int cgroup_node_memory_read(const RootFds *roots, const char *cgroup, uint32_t node, uint64_t *ret);
