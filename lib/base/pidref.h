/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reference to one process that a reused pid cannot redirect: pidfd plus start time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/file.h"

enum {
        PIDREF_E_GONE = 1, /* no such process, or it is a zombie */
};

typedef struct PidRef {
        pid_t pid;
        int fd;              /* pidfd; -1 where the kernel has none (then start_time alone decides) */
        uint64_t start_time; /* field 22 of /proc/PID/stat, in clock ticks since boot */
} PidRef;

#define PIDREF_NONE ((PidRef) { .fd = -1 })

void pidref_close(PidRef *ref);

/* Whether the process still lives (a zombie does not): one system call where there is a pidfd. */
bool pidref_alive(const PidRef *ref, const RootFds *roots);

/* What /proc/PID/stat tells. comm is cut as the kernel cuts it (15 bytes). */
typedef struct ProcStat {
        pid_t pid;
        pid_t ppid;
        char state;
        char comm[64];
        uint64_t start_time; /* clock ticks since boot */
        uint64_t rss_pages;
        uint32_t flags;      /* PF_*: see below */
} ProcStat;

#define PROC_STAT_KTHREAD UINT32_C(0x00200000)
#define PROC_STAT_FORKNOEXEC UINT32_C(0x00000040)

/* When it began, on CLOCK_BOOTTIME: to a clock tick, of 10 ms as a rule, and not later than it did. */
nsec_t proc_stat_born(const ProcStat *stat);

/* Takes a reference; *ret_stat, unless it is NULL, is what was read of that very process. Returns 0, PIDREF_E_GONE or
 * -errno. */
int pidref_open(PidRef *ref, const RootFds *roots, pid_t pid, ProcStat *ret_stat);

/* The effective user. 0, PIDREF_E_GONE or -errno. */
int proc_uid_read(const RootFds *roots, pid_t pid, uid_t *ret);

/* Parses the text of a stat file; the command may contain spaces and parentheses. -EINVAL. */
int proc_stat_parse(const char *text, ProcStat *ret);

/* Reads and parses. PIDREF_E_GONE when there is no such process. */
int proc_stat_read(const RootFds *roots, pid_t pid, ProcStat *ret);
