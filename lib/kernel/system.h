/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about the whole machine. Each parser takes the file's text (NUL-terminated) and returns 0
 * or -EBADMSG; each reader returns -errno as it comes (-ENOENT: this kernel has no such thing). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

/* Bytes. `available` is 0 on kernels before 3.14. */
typedef struct MemInfo {
        uint64_t total;
        uint64_t free;
        uint64_t available;
        uint64_t anon;
        uint64_t active; /* on the active LRU lists, anonymous and file */
        uint64_t inactive;
        uint64_t swap_total;
        uint64_t swap_free;
} MemInfo;

int meminfo_parse(const char *text, MemInfo *ret);
int meminfo_read(const RootFds *roots, MemInfo *ret);

/* Counts since boot; those that this kernel does not have are 0. Sums over kswapd and direct
 * reclaim. */
typedef struct VmStat {
        uint64_t pages_scanned;
        uint64_t pages_reclaimed;
        uint64_t swapped_in;
        uint64_t swapped_out;
        uint64_t major_faults;
        uint64_t refaults; /* anonymous and file */
        uint64_t migrated;
        uint64_t numa_hint_faults;
} VmStat;

int vmstat_parse(const char *text, VmStat *ret);
int vmstat_read(const RootFds *roots, VmStat *ret);

/* /proc/swaps, in bytes. */
typedef struct Swaps {
        uint64_t n;
        uint64_t size;
        uint64_t used;
} Swaps;

int swaps_parse(const char *text, Swaps *ret);
int swaps_read(const RootFds *roots, Swaps *ret);

typedef enum ThpMode {
        THP_NEVER,
        THP_MADVISE,
        THP_ALWAYS,
} ThpMode;

/* "always [madvise] never" */
int thp_mode_parse(const char *text, ThpMode *ret);
int thp_mode_read(const RootFds *roots, ThpMode *ret);
const char *thp_mode_name(ThpMode mode);

#define NODES_MAX 1024

/* A list such as "0-3,5": the online NUMA nodes, each a bit. */
typedef struct NodeSet {
        size_t n;
        uint64_t bits[NODES_MAX / 64];
} NodeSet;

static inline bool node_set_has(const NodeSet *set, uint32_t node) {
        return node < NODES_MAX && (set->bits[node / 64] >> (node % 64) & 1);
}

int node_set_parse(const char *text, NodeSet *ret);
int nodes_online_read(const RootFds *roots, NodeSet *ret);

/* /sys/kernel/mm/lru_gen/enabled: "0x0007"; 0 is off. */
int lru_gen_parse(const char *text, uint64_t *ret);
int lru_gen_read(const RootFds *roots, uint64_t *ret);

/* A file that holds one decimal number, such as /proc/sys/kernel/numa_balancing. */
int number_parse(const char *text, uint64_t *ret);
int numa_balancing_read(const RootFds *roots, uint64_t *ret);
int ksm_run_read(const RootFds *roots, uint64_t *ret);

/* The line "CapEff:" of /proc/PID/status. */
int cap_effective_parse(const char *text, uint64_t *ret);
int cap_effective_read(const RootFds *roots, uint64_t *ret);
