/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real system calls. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "action/actor.h"

static ssize_t real_madvise(int pidfd, const struct iovec *ranges, size_t n, int advice) {
        long r = syscall(SYS_process_madvise, pidfd, ranges, n, advice, 0U);

        return r < 0 ? -errno : r;
}

static ssize_t real_vm_readv(pid_t pid, const struct iovec *local, size_t n_local, const struct iovec *remote,
                             size_t n_remote) {
        ssize_t r = process_vm_readv(pid, local, n_local, remote, n_remote, 0);

        return r < 0 ? -errno : r;
}

static int real_split(int fd, pid_t pid, uint64_t start, uint64_t end) {
        char line[80];
        ssize_t r;
        int n;

        n = snprintf(line, sizeof(line), "%d,0x%" PRIx64 ",0x%" PRIx64, (int) pid, start, end);
        r = write(fd, line, (size_t) n);
        return r < 0 ? -errno : 0;
}

static int real_nodes(pid_t pid, size_t n, void **pages, int *status) {
        long r = syscall(SYS_move_pages, pid, n, pages, NULL, status, 0);

        return r < 0 ? -errno : 0;
}

#define MOVE_EXCLUSIVE (1 << 1) /* MPOL_MF_MOVE */
#define MOVE_ALL (1 << 2)       /* MPOL_MF_MOVE_ALL */

static int real_move(pid_t pid, size_t n, void **pages, const int *nodes, int *status, bool shared) {
        long r = syscall(SYS_move_pages, pid, n, pages, nodes, status, shared ? MOVE_ALL : MOVE_EXCLUSIVE);

        return r < 0 ? -errno : (int) r;
}

static nsec_t real_now(void) {
        return clock_nsec(CLOCK_MONOTONIC);
}

/* Between two calls a thread that gave up the CPU by itself has waited for something; one that did not was at
 * work, and the rest of the time others were. */
static nsec_t real_busy(void) {
        static _Thread_local nsec_t sum, last_wall, last_cpu;
        static _Thread_local long last_waits;
        nsec_t wall = real_now(), cpu = clock_cpu_nsec(CPU_TIME_THREAD);
        struct rusage usage = {};

        (void) getrusage(RUSAGE_THREAD, &usage);
        sum += usage.ru_nvcsw != last_waits ? wall - last_wall : cpu - last_cpu;
        last_wall = wall;
        last_cpu = cpu;
        last_waits = usage.ru_nvcsw;
        return sum;
}

static nsec_t real_cpu(void) {
        return clock_cpu_nsec(CPU_TIME_THREAD);
}

const ActionIo ACTION_IO_REAL = {
        .madvise = real_madvise,
        .vm_readv = real_vm_readv,
        .split = real_split,
        .nodes = real_nodes,
        .move = real_move,
        .now = real_now,
        .busy = real_busy,
        .cpu = real_cpu,
};
