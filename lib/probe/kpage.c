/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading /proc/kpageflags. */
#include "probe/kpage.h"

#include <errno.h>
#include <fcntl.h>

int kpage_open(const RootFds *roots) {
        int fd = openat(roots->proc, "kpageflags", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int kpage_read(Io *io, int fd, uint64_t pfn, uint64_t *flags, size_t n) {
        ssize_t size;

        size = io_pread(io, fd, flags, n * sizeof(*flags), pfn * sizeof(*flags));
        if (size < 0)
                return (int) size;

        for (size_t i = (size_t) size / sizeof(*flags); i < n; i++)
                flags[i] = KPAGE_NOPAGE;
        return 0;
}
