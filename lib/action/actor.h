/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out plans: the only code that changes other processes.
 *
 * Survey and act are two steps: for each batch (of one mapping, never across the edge of a folio, and so
 * small that it takes some 2 ms at most, as measured) the survey reads pagemap and, where filters or folio
 * edges ask for it, /proc/kpage*; what passes is handed to the kernel; then the survey is repeated, and the
 * difference is what was applied. A dry run ends after the survey. */
#pragma once

#include <stdatomic.h>
#include <sys/uio.h>

#include "base/file.h"
#include "kernel/io.h"
#include "scheme/plan.h"

/* The system calls that act, and the clock, replaceable by a simulated kernel. All return what the system
 * call returns, or -errno. */
typedef struct ActionIo {
        ssize_t (*madvise)(int pidfd, const struct iovec *ranges, size_t n, int advice);
        ssize_t (*vm_readv)(pid_t pid, const struct iovec *local, size_t n_local, const struct iovec *remote,
                            size_t n_remote);
        /* Writes a line to debugfs's split_huge_pages. */
        int (*split)(int fd, pid_t pid, uint64_t start, uint64_t end);
        /* The NUMA nodes of n pages: move_pages() that moves nothing. A status is a node, or -errno. */
        int (*nodes)(pid_t pid, size_t n, void **pages, int *status);
        /* move_pages() with MPOL_MF_MOVE_ALL, or with MPOL_MF_MOVE where only what nobody else maps may be moved.
         * 0; a number of pages that stayed where they were; -errno. Statuses that it does not set stay as they are. */
        int (*move)(pid_t pid, size_t n, void **pages, const int *nodes, int *status, bool shared);
        nsec_t (*now)(void);
        /* Time that this thread has worked or waited for a device; not the time in which others had the CPU. NULL:
         * the same as now. */
        nsec_t (*busy)(void);
        nsec_t (*cpu)(void); /* time that this thread has worked; NULL: the same as busy */
} ActionIo;

extern const ActionIo ACTION_IO_REAL;

#define ACTOR_BATCH_TIME (2 * NSEC_PER_MSEC)

typedef struct Actor Actor; /* belongs to one thread at a time */

/* Roots and both tables of calls are borrowed. 0 or -errno. */
int actor_new(const RootFds *roots, const KernelIo *kernel, const ActionIo *io, Actor **ret);
Actor *actor_free(Actor *actor);

/* Carries out a plan. `stop` is looked at before every batch. Whatever happens to a process is an outcome in
 * the result; result->error is set when the actor itself broke. */
void actor_run(Actor *actor, const Plan *plan, const atomic_bool *stop, PlanResult *result);

static inline void actor_freep(Actor **actor) {
        *actor = actor_free(*actor);
}
