/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trying out kernel interfaces on own memory. */
#include "probe/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macro.h"
#include "kernel/io.h"
#include "kernel/pagemap.h"

typedef struct OwnPage {
        volatile char *data;
        size_t size;
} OwnPage;

static int own_page_init(OwnPage *page) {
        size_t size = (size_t) 1 << page_shift();
        void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (data == MAP_FAILED)
                return -errno;

        *page = (OwnPage) { data, size };
        page->data[0] = 1;
        return 0;
}

static void own_page_deinit(OwnPage *page) {
        if (page->data)
                (void) munmap((void *) page->data, page->size);
}

static int read_entry(const RootFds *roots, const OwnPage *page, uint64_t *ret) {
        _cleanup_close_ int fd = openat(roots->proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
        Io io = { .kernel = &KERNEL_IO_REAL };
        int r;

        if (fd < 0)
                return -errno;

        r = pagemap_read(&io, fd, (uintptr_t) page->data, ret);
        return r == PAGEMAP_E_NOTHING ? -ENODATA : r;
}

int own_pfn_visible(const RootFds *roots, bool *ret) {
        _cleanup_(own_page_deinit) OwnPage page = {};
        uint64_t entry;
        int r;

        r = own_page_init(&page);
        if (r < 0)
                return r;
        r = read_entry(roots, &page, &entry);
        if (r < 0)
                return r;

        *ret = pagemap_pfn(entry) != 0;
        return 0;
}

static int clear_soft_dirty(const RootFds *roots) {
        _cleanup_close_ int fd = openat(roots->proc, "self/clear_refs", O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, "4", 1) != 1 ? -errno : 0;
}

int own_soft_dirty(const RootFds *roots, bool *ret) {
        _cleanup_(own_page_deinit) OwnPage page = {};
        uint64_t before, after;
        int r;

        r = own_page_init(&page);
        if (r < 0)
                return r;
        r = clear_soft_dirty(roots);
        if (r < 0)
                return r;
        r = read_entry(roots, &page, &before);
        if (r < 0)
                return r;
        page.data[0] = 2;
        r = read_entry(roots, &page, &after);
        if (r < 0)
                return r;

        *ret = !(before & PAGEMAP_SOFT_DIRTY) && (after & PAGEMAP_SOFT_DIRTY);
        return 0;
}

int own_process_madvise(void) {
        _cleanup_(own_page_deinit) OwnPage page = {};
        _cleanup_close_ int fd = -1;
        struct iovec range;
        int r;

        r = own_page_init(&page);
        if (r < 0)
                return r;
        fd = (int) syscall(SYS_pidfd_open, getpid(), 0U);
        if (fd < 0)
                return -errno;

        range = (struct iovec) { (void *) page.data, page.size };
        return syscall(SYS_process_madvise, fd, &range, 1UL, MADV_COLD, 0U) < 0 ? -errno : 0;
}

int own_move_pages(void) {
        _cleanup_(own_page_deinit) OwnPage page = {};
        int r, status = 0;
        void *address;

        r = own_page_init(&page);
        if (r < 0)
                return r;

        address = (void *) page.data;
        return syscall(SYS_move_pages, 0, 1UL, &address, NULL, &status, 0) < 0 ? -errno : 0;
}
