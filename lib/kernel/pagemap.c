/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading /proc/PID/pagemap. */
#include "kernel/pagemap.h"

#include <unistd.h>

unsigned page_shift(void) {
        return (unsigned) __builtin_ctzl((unsigned long) sysconf(_SC_PAGESIZE));
}

int pagemap_read_range(Io *io, int fd, uint64_t addr, uint64_t *entries, size_t n, size_t *ret_n) {
        uint64_t offset = (addr >> page_shift()) * sizeof(*entries);
        ssize_t size;

        size = io_pread(io, fd, entries, n * sizeof(*entries), offset);
        if (size < 0)
                return (int) size;
        if ((size_t) size < sizeof(*entries))
                return PAGEMAP_E_NOTHING;

        *ret_n = (size_t) size / sizeof(*entries);
        return 0;
}

int pagemap_read(Io *io, int fd, uint64_t addr, uint64_t *ret) {
        size_t n;

        return pagemap_read_range(io, fd, addr, ret, 1, &n);
}
