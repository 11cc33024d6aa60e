/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading /proc/kpageflags. */
#include "kernel/kpage.h"

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

/* Whoever has one of these is not the kernel, although it is on no list at the moment. */
#define KPAGE_CONTENT (KPAGE_UPTODATE | KPAGE_WRITEBACK | KPAGE_ANON | KPAGE_SWAPCACHE | KPAGE_SWAPBACKED)

PageUse kpage_use(uint64_t head, uint64_t page) {
        uint64_t flags = head | page;

        if (page & (KPAGE_NOPAGE | KPAGE_OFFLINE))
                return USE_OFFLINE;
        if (page & KPAGE_BUDDY)
                return USE_FREE;
        if (flags & KPAGE_HUGE)
                return USE_HUGETLB;
        if (page & (KPAGE_ZERO_PAGE | KPAGE_RESERVED | KPAGE_PGTABLE) || flags & KPAGE_SLAB)
                return USE_KERNEL;
        return flags & (KPAGE_LRU | KPAGE_CONTENT) ? USE_PROGRAM : USE_KERNEL;
}
