/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real system calls. */
#include "kernel/io.h"

#include <errno.h>
#include <unistd.h>

static ssize_t real_pread(int fd, void *buf, size_t size, uint64_t offset) {
        ssize_t n;

        do
                n = pread(fd, buf, size, (off_t) offset);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static ssize_t real_pwrite(int fd, const void *buf, size_t size, uint64_t offset) {
        ssize_t n;

        do
                n = pwrite(fd, buf, size, (off_t) offset);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

const KernelIo KERNEL_IO_REAL = {
        .pread = real_pread,
        .pwrite = real_pwrite,
};
