/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real system calls. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

static nsec_t real_now(void) {
        return clock_nsec(CLOCK_MONOTONIC);
}

const ActionIo ACTION_IO_REAL = {
        .madvise = real_madvise,
        .vm_readv = real_vm_readv,
        .split = real_split,
        .nodes = real_nodes,
        .now = real_now,
};
