/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two system calls that sampling is made of, counted, and replaceable by a simulated kernel. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Both return the number of bytes moved, or -errno. Interrupted calls are restarted. */
typedef struct KernelIo {
        ssize_t (*pread)(int fd, void *buf, size_t size, uint64_t offset);
        ssize_t (*pwrite)(int fd, const void *buf, size_t size, uint64_t offset);
} KernelIo;

extern const KernelIo KERNEL_IO_REAL;

typedef struct Io {
        const KernelIo *kernel;
        uint64_t calls; /* system calls made so far */
} Io;

static inline ssize_t io_pread(Io *io, int fd, void *buf, size_t size, uint64_t offset) {
        io->calls++;
        return io->kernel->pread(fd, buf, size, offset);
}

static inline ssize_t io_pwrite(Io *io, int fd, const void *buf, size_t size, uint64_t offset) {
        io->calls++;
        return io->kernel->pwrite(fd, buf, size, offset);
}
