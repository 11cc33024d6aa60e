/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about a cgroup (of the unified hierarchy), which is named by its path below the cgroup root, such as
 * "/system.slice/db.service"; "/" is the root itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"

/* Opens the cgroup's directory (O_PATH). A path that leads outside by ".." is -EINVAL; -ENOENT where there is no
 * such cgroup, or no hierarchy at all. Returns the file descriptor. */
int cgroup_open(const RootFds *roots, const char *cgroup);

/* The same for reading what is in the directory. */
int cgroup_open_dir(const RootFds *roots, const char *cgroup);

/* Whether there is a unified hierarchy (cgroup v2). */
bool cgroup_is_unified(const RootFds *roots);

/* Whether the cgroup behind the descriptor, or one below it, has processes; the root, which does not tell, has. */
bool cgroup_is_populated(int dir_fd);

/* Pids, in a list that is reused from reading to reading. */
typedef struct PidList {
        pid_t *pids;
        size_t n;
        size_t allocated;
        Buffer text;
} PidList;

void pid_list_deinit(PidList *list);
int pid_list_add(PidList *list, pid_t pid); /* 0 or -ENOMEM */

/* The processes that are in the cgroup itself, as cgroup.procs lists them: in no order, perhaps one of them twice.
 * Those of other pid namespaces are left out; a threaded cgroup has none of its own. 0 or -errno. */
int cgroup_procs_read(const RootFds *roots, const char *cgroup, PidList *list);
int cgroup_procs_parse(const char *text, PidList *list);

/* The path of the cgroup (of the unified hierarchy) that a process is in, from the text of /proc/PID/cgroup; without
 * the mark of one that is deleted. *ret is the caller's. 0, -ENOENT where there is no such line, or -ENOMEM. */
int proc_cgroup_parse(const char *text, char **ret);
int proc_cgroup_read(const RootFds *roots, pid_t pid, char **ret);

/* The inode of the directory: what /proc/kpagecgroup says of the pages that are charged to it. */
int cgroup_inode(const RootFds *roots, const char *cgroup, uint64_t *ret);

/* Bytes on the LRU lists (active and inactive, anonymous and file) that are on this NUMA node, descendants
 * included. From the text of memory.numa_stat: 0; -EBADMSG; -ENOENT when the node is not listed. */
int memory_numa_stat_parse(const char *text, uint32_t node, uint64_t *ret);
int cgroup_node_memory_read(const RootFds *roots, const char *cgroup, uint32_t node, uint64_t *ret);
