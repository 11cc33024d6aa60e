/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory policies: which nodes a process has bound its mappings to (set_mempolicy(2), mbind(2)). Other policies than
 * MPOL_BIND say where memory is to be allocated first, and do not forbid to move it. */
#pragma once

#include "kernel/process.h"
#include "kernel/system.h"

typedef struct Binding {
        uint64_t start; /* of the mapping */
        NodeSet nodes;
} Binding;

/* What binds; mappings that are not listed are free. */
typedef struct Bindings {
        Binding *bindings;
        size_t n;
} Bindings;

/* Takes the text of /proc/PID/numa_maps. 0 or -ENOMEM; what it does not understand binds nothing. */
int bindings_parse(const char *text, Bindings *ret);
void bindings_deinit(Bindings *bindings);

/* Whether the mapping that begins there may have memory on this node. */
bool bindings_allow(const Bindings *bindings, uint64_t mapping, uint32_t node);

#define POLICY_CACHE 64

typedef struct PolicyEntry {
        pid_t pid; /* 0: empty */
        uint64_t start_time;
        uint32_t address_space;
        nsec_t due;
        Bindings bindings;
} PolicyEntry;

/* Of the processes that were asked last. All zeros is empty. */
typedef struct PolicyCache {
        PolicyEntry entries[POLICY_CACHE];
} PolicyCache;

/* The bindings of a process, up to a minute old, or so old that reading them takes a hundredth of the time. Valid until
 * the next call. */
const Bindings *policy_of(PolicyCache *cache, const Process *process, uint32_t address_space, nsec_t (*now)(void));
void policy_cache_deinit(PolicyCache *cache);
