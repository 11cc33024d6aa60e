/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fake kernel for the source `idle`. */
#include "fake/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"

FakeKernel fake;

#define PROC_PID "proc/4321"

static void check(bool ok, const char *what) {
        if (ok)
                return;
        perror(what);
        abort();
}

static char *path_of(char buf[static 160], const char *name) {
        (void) snprintf(buf, 160, "%s/%s", fake.path, name);
        return buf;
}

static void write_file(const char *name, const char *text) {
        _cleanup_close_ int fd = -1;
        char path[160];

        fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check(fd >= 0, name);
        check(write(fd, text, strlen(text)) == (ssize_t) strlen(text), name);
}

static const char *const directories[] = {
        "proc", PROC_PID, "sys", "sys/kernel", "sys/kernel/mm", "sys/kernel/mm/page_idle",
};

static const char *const files[] = {
        "proc/kpageflags",    PROC_PID "/pagemap", PROC_PID "/maps", PROC_PID "/stat",
        PROC_PID "/statm",    "sys/kernel/mm/page_idle/bitmap", "proc/kpagecgroup",
};

void fake_kernel_init(void) {
        char path[160];

        fake = (FakeKernel) { .n_frames = FAKE_FRAMES };
        (void) snprintf(fake.path, sizeof(fake.path), "/var/tmp/udamon-fake-XXXXXX");
        check(mkdtemp(fake.path) != NULL, "mkdtemp");

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                check(mkdir(path_of(path, directories[i]), 0700) == 0, directories[i]);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                write_file(files[i], "");
        write_file(PROC_PID "/stat",
                   "4321 (fake) S 1 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 777 8192 "
                   "100 18446744073709551615\n");
        write_file(PROC_PID "/statm", "4096 100 1 1 0 1 0\n");
        write_file(PROC_PID "/maps", "7f0000000000-7f0001000000 rw-p 00000000 00:00 0 \n");
        check(root_fds_open(&fake.roots, fake.path) == 0, "root_fds_open");
}

void fake_kernel_deinit(void) {
        char path[160];

        root_fds_close(&fake.roots);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                (void) unlink(path_of(path, files[i]));
        for (size_t i = ELEMENTSOF(directories); i-- > 0;)
                (void) rmdir(path_of(path, directories[i]));
        check(rmdir(fake.path) == 0, "rmdir");
}

uint64_t fake_addr(unsigned page) {
        return FAKE_BASE + ((uint64_t) page << page_shift());
}

static uint32_t frame_of(unsigned page) {
        check(pagemap_present(fake.pages[page]), "page is present");
        return (uint32_t) pagemap_pfn(fake.pages[page]);
}

static FakeFrame *head_of(uint32_t pfn) {
        return &fake.frames[pfn - fake.frames[pfn].tail];
}

void fake_map(unsigned page, uint32_t pfn) {
        check(page < FAKE_PAGES && pfn > 0 && pfn < FAKE_FRAMES, "fake_map");
        fake.pages[page] = PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE | pfn;
        head_of(pfn)->lru = true;
}

void fake_unmap(unsigned page) {
        fake.pages[page] = 0;
}

void fake_swap_out(unsigned page, uint64_t swap_offset) {
        fake.pages[page] = PAGEMAP_SWAPPED | (swap_offset & PAGEMAP_PFN_MASK);
}

void fake_folio(uint32_t pfn, unsigned order) {
        for (uint32_t i = 0; i < 1u << order; i++)
                fake.frames[pfn + i] = (FakeFrame) { .tail = i, .large = true, .lru = i == 0 };
}

void fake_split(uint32_t pfn, unsigned order) {
        FakeFrame head = fake.frames[pfn];

        for (uint32_t i = 0; i < 1u << order; i++)
                fake.frames[pfn + i] = (FakeFrame) {
                        .lru = true,
                        .idle = head.idle,
                        .accessed = head.accessed,
                };
}

void fake_touch(unsigned page) {
        head_of(frame_of(page))->accessed = true;
}

void fake_migrate(unsigned page, uint32_t pfn) {
        const FakeFrame *old = head_of(frame_of(page));
        FakeFrame *new = head_of(pfn);

        new->idle = old->idle;
        new->accessed = old->accessed;
        fake_map(page, pfn);
}

void fake_exec(void) {
        char path[160];

        /* The old file stays as long as it is open, but is no longer the process's. */
        check(unlink(path_of(path, PROC_PID "/pagemap")) == 0, "unlink");
        write_file(PROC_PID "/pagemap", "");
        memset(fake.pages, 0, sizeof(fake.pages));
}

void fake_exit(void) {
        char path[160];

        fake.gone = true;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (strncmp(files[i], PROC_PID, strlen(PROC_PID)) == 0)
                        check(unlink(path_of(path, files[i])) == 0, files[i]);
}

static bool is_file(int fd, const char *name) {
        struct stat a, b;
        char path[160];

        check(fstat(fd, &a) == 0, "fstat");
        return stat(path_of(path, name), &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static ssize_t read_pagemap(uint64_t *entries, size_t n, uint64_t first) {
        uint64_t base = FAKE_BASE >> page_shift(), end = FAKE_END >> page_shift();
        size_t done;

        if (fake.gone)
                return 0;

        for (done = 0; done < n && first + done < end; done++) {
                uint64_t page = first + done - base;

                entries[done] = first + done >= base && page < FAKE_PAGES ? fake.pages[page] : 0;
                if (fake.hide_frames)
                        entries[done] &= ~PAGEMAP_PFN_MASK;
        }
        return (ssize_t) (done * sizeof(*entries));
}

static uint64_t flags_of(uint32_t pfn) {
        const FakeFrame *frame = &fake.frames[pfn], *head = head_of(pfn);

        return frame->extra | (head->lru ? KPAGE_LRU : 0) | (head->idle ? KPAGE_IDLE : 0) |
               (frame->tail ? KPAGE_COMPOUND_TAIL : 0) |
               (frame->large && !frame->tail ? KPAGE_COMPOUND_HEAD : 0);
}

static ssize_t read_flags(uint64_t *flags, size_t n, uint64_t first) {
        size_t done;

        for (done = 0; done < n && first + done < FAKE_FRAMES; done++)
                flags[done] = flags_of((uint32_t) (first + done));
        return (ssize_t) (done * sizeof(*flags));
}

static ssize_t read_cgroups(uint64_t *inodes, size_t n, uint64_t first) {
        size_t done;

        for (done = 0; done < n && first + done < FAKE_FRAMES; done++)
                inodes[done] = head_of((uint32_t) (first + done))->memcg;
        return (ssize_t) (done * sizeof(*inodes));
}

static bool can_be_marked(const FakeFrame *frame) {
        return frame->lru && frame->tail == 0 && !(frame->extra & (KPAGE_HUGE | KPAGE_ZERO_PAGE));
}

/* The last word, if the frames end within it, counts as not read and not written: so do all words
 * before it in the same call, but nobody reads more than one. */
static ssize_t read_bitmap(uint64_t *words, size_t n, uint64_t first) {
        check(n == 1, "one word per read");
        if ((first + 1) * 64 > fake.n_frames)
                return 0;

        *words = 0;
        for (unsigned bit = 0; bit < 64; bit++) {
                FakeFrame *frame = &fake.frames[first * 64 + bit];

                if (!can_be_marked(frame) || !frame->idle)
                        continue;
                frame->walks++;
                if (frame->accessed)
                        frame->accessed = frame->idle = false;
                else
                        *words |= UINT64_C(1) << bit;
        }
        return sizeof(*words);
}

static void mark(FakeFrame *frame) {
        frame->writes++;
        if (!can_be_marked(frame))
                return;
        if (!frame->locked)
                frame->accessed = false;
        frame->idle = true;
}

static ssize_t write_bitmap(const uint64_t *words, size_t n, uint64_t first) {
        check(n == 1, "one word per write");
        if (first * 64 >= fake.n_frames)
                return -ENXIO;

        fake.max_bits = MAX(fake.max_bits, (unsigned) __builtin_popcountll(*words));
        for (unsigned bit = 0; bit < 64 && first * 64 + bit < fake.n_frames; bit++)
                if ((*words >> bit) & 1)
                        mark(&fake.frames[first * 64 + bit]);
        return (first + 1) * 64 > fake.n_frames ? 0 : (ssize_t) sizeof(*words);
}

static ssize_t fake_pread(int fd, void *buf, size_t size, uint64_t offset) {
        size_t n = size / sizeof(uint64_t);
        uint64_t first = offset / sizeof(uint64_t);

        fake.n_pread++;
        check(size % sizeof(uint64_t) == 0 && offset % sizeof(uint64_t) == 0, "aligned");
        if (is_file(fd, PROC_PID "/pagemap"))
                return read_pagemap(buf, n, first);
        if (is_file(fd, "proc/kpageflags"))
                return read_flags(buf, n, first);
        if (is_file(fd, "proc/kpagecgroup"))
                return read_cgroups(buf, n, first);
        if (is_file(fd, "sys/kernel/mm/page_idle/bitmap"))
                return read_bitmap(buf, n, first);
        return 0; /* the pagemap of an address space that exec has left */
}

static ssize_t fake_pwrite(int fd, const void *buf, size_t size, uint64_t offset) {
        fake.n_pwrite++;
        check(size % sizeof(uint64_t) == 0 && offset % sizeof(uint64_t) == 0, "aligned");
        check(is_file(fd, "sys/kernel/mm/page_idle/bitmap"), "only the bitmap is written");
        return write_bitmap(buf, size / sizeof(uint64_t), offset / sizeof(uint64_t));
}

const KernelIo FAKE_IO = {
        .pread = fake_pread,
        .pwrite = fake_pwrite,
};
