/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source's hold on one process: its identity (the pidfd knows a reused pid from the old process even when
 * both began in the same clock tick) and its pagemap. Nothing else stays open: two descriptors each.
 *
 * The pagemap file keeps the address space that it was opened on. That is how exec is noticed: the
 * file then reads as empty although the process lives. */
#pragma once

#include "base/file.h"
#include "base/pidref.h"
#include "kernel/io.h"
#include "kernel/maps.h"
#include "monitor/map.h"
#include "monitor/ops.h"

typedef struct Process {
        const RootFds *roots; /* borrowed */
        PidRef ref;
        int pagemap;
} Process;

#define PROCESS_NONE ((Process) { .ref = PIDREF_NONE, .pagemap = -1 })

/* Takes hold of a process. Returns 0, OPS_E_GONE, OPS_E_DENIED, or -errno: -EINVAL for a kernel
 * thread, which has no address space. */
int process_open(Process *process, const RootFds *roots, pid_t pid);
void process_close(Process *process);

/* A source's Space of `size` bytes, all zero but for its first member, a Process that has taken hold of pid.
 * Returns like process_open(), or -ENOMEM. */
int process_space_new(const RootFds *roots, pid_t pid, size_t size, Space **ret);

/* Opens /proc/PID/name and makes sure that it is still the same process's. Returns 0, OPS_E_GONE,
 * OPS_E_DENIED or -errno: -EOPNOTSUPP when the kernel has no such file. */
int process_open_file(const Process *process, const char *name, int flags, int *ret);

/* Says why pagemap had nothing to read: 0 when the address is merely outside of the address space,
 * else OPS_E_REPLACED (and pagemap is now the new one's), OPS_E_GONE, OPS_E_DENIED or -errno. */
int process_recover(Process *process, Io *io);

/* Whether the address space is still the one that pagemap was opened on. As process_recover(). */
int process_verify(Process *process, Io *io);

/* One pagemap entry; 0 (nothing there) outside of the address space. Returns 0, OPS_E_REPLACED,
 * OPS_E_GONE, OPS_E_DENIED or -errno. */
int process_pagemap(Process *process, Io *io, uint64_t addr, uint64_t *ret);

/* Whose a page of private memory is, by its pagemap entry. Returns like process_pagemap(). */
int process_share(Process *process, Io *io, uint64_t addr, PageShare *ret);

/* Reads the address map. Returns like process_pagemap(). */
int process_map(Process *process, Io *io, const HugetlbDevices *devices, AddressMap **ret);

/* Writes a digit to clear_refs ("1": accessed bits, "4": soft-dirty bits). Returns like
 * process_open_file(). */
int process_clear_refs(const Process *process, Io *io, char what);

/* Zeros where it is not known. */
SpaceSize process_size(const Process *process);

/* The first two fields of statm, which are in pages. -EBADMSG. */
int statm_parse(const char *text, SpaceSize *ret);
