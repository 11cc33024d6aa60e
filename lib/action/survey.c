/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at the pages of a batch. */
#include <errno.h>
#include <fcntl.h>

#include "action/internal.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"

int lazy_fd(LazyFd *lazy, int root, const char *path, int flags) {
        if (!lazy->tried) {
                lazy->tried = true;
                lazy->fd = root < 0 ? -ENOENT : openat(root, path, flags | O_CLOEXEC);
                if (lazy->fd < 0 && root >= 0)
                        lazy->fd = -errno;
        }
        return lazy->fd;
}

bool read_entries(Actor *actor, TargetRun *target, uint64_t addr, uint64_t *entries, size_t n) {
        size_t done = 0, got;
        int r;

        while (done < n) {
                r = pagemap_read_range(&actor->io, target->process.pagemap, addr + done * actor->page,
                                       entries + done, n - done, &got);
                if (r == 0) {
                        done += got;
                        continue;
                }

                if (r == PAGEMAP_E_NOTHING)
                        r = process_recover(&target->process, &actor->io);
                if (r != 0) {
                        target_fail(target, r);
                        return false;
                }
                memset(entries + done, 0, (n - done) * sizeof(*entries));
                done = n;
        }
        return true;
}

bool page_flags(Actor *actor, size_t i, uint64_t *ret) {
        int fd = lazy_fd(&actor->kpageflags, actor->roots->proc, "kpageflags", O_RDONLY);
        Batch *b = &actor->batch;
        uint64_t pfn = pagemap_pfn(b->entries[i]);
        size_t n = 1;

        if (b->has_flags[i]) {
                *ret = b->flags[i];
                return true;
        }
        if (fd < 0 || !b->flags_read || pfn == 0)
                return false;

        /* Those behind it that follow it in physical memory, too, come along. */
        while (i + n <= b->n_read && pagemap_pfn(b->entries[i + n]) == pfn + n && !b->has_flags[i + n])
                n++;
        if (kpage_read(&actor->io, fd, pfn, b->flags + i, n) < 0) {
                b->flags_read = false;
                return false;
        }
        memset(b->has_flags + i, 1, n);
        *ret = b->flags[i];
        return true;
}

/* What can be told without flags: whether the block looks as a huge page would. Rather one block too many
 * than a huge page that is split. */
static bool looks_huge(Actor *actor, TargetRun *target, uint64_t addr) {
        uint64_t block = addr / block_size(actor) * block_size(actor), first;
        Batch *b = &actor->batch;

        if (addr == block)
                return false;
        if (b->block == block)
                return b->block_huge;

        b->block = block;
        b->block_huge = true;
        if (!read_entries(actor, target, block, actor->scratch, actor->block))
                return true;

        first = pagemap_pfn(actor->scratch[0]);
        for (size_t i = 0; i < actor->block && b->block_huge; i++) {
                uint64_t pfn = pagemap_pfn(actor->scratch[i]);

                b->block_huge = pagemap_present(actor->scratch[i]) &&
                                (first == 0 ? pfn == 0 : pfn == first + i && first % actor->block == 0);
        }
        return b->block_huge;
}

bool is_joined(Actor *actor, TargetRun *target, size_t i) {
        Batch *b = &actor->batch;
        const uint64_t *e = b->entries + i;
        uint64_t flags;

        if (!pagemap_present(e[-1]) || !pagemap_present(e[0]))
                return false;
        /* A tail that follows its neighbour in physical memory, too, is of the neighbour's folio. */
        if (pagemap_pfn(e[0]) != 0 && pagemap_pfn(e[0]) != pagemap_pfn(e[-1]) + 1)
                return false;
        if (page_flags(actor, i, &flags))
                return flags & KPAGE_COMPOUND_TAIL;
        return looks_huge(actor, target, page_address(actor, b, i));
}

bool block_is_huge(Actor *actor, const uint64_t *entries, size_t i) {
        int fd = lazy_fd(&actor->kpageflags, actor->roots->proc, "kpageflags", O_RDONLY);
        uint64_t first = pagemap_pfn(entries[i]);

        if (first == 0 || first % actor->block != 0)
                return false;
        for (size_t k = 1; k < actor->block; k++)
                if (pagemap_pfn(entries[i + k]) != first + k)
                        return false;

        if (fd < 0 || kpage_read(&actor->io, fd, first, actor->scratch, actor->block) < 0)
                return true;
        for (size_t k = 1; k < actor->block; k++)
                if (!(actor->scratch[k] & KPAGE_COMPOUND_TAIL))
                        return false;
        return actor->scratch[0] & KPAGE_COMPOUND_HEAD;
}

/* How many pages: `size` bytes; whole blocks where those are the unit. */
static size_t batch_length(const Actor *actor, Unit unit, const Piece *piece, uint64_t start, uint64_t size) {
        size_t all = (piece->end - start) / actor->page, n = size / actor->page;
        uint64_t end;

        n = MIN(CLAMP(n, (size_t) 1, BATCH_PAGES), all);
        if (unit != UNIT_BLOCK)
                return n;

        end = (start + n * actor->page + block_size(actor) - 1) / block_size(actor) * block_size(actor);
        return MIN((end - start) / actor->page, all);
}

/* Looks at up to a block more. */
static bool read_on(Actor *actor, TargetRun *target) {
        Batch *b = &actor->batch;
        size_t all = (b->piece->end - b->start) / actor->page, more = MIN(all - b->n_read, actor->block);

        if (!read_entries(actor, target, page_address(actor, b, b->n_read), b->entries + b->n_read, more + 1))
                return false;
        memset(b->has_flags + b->n_read, 0, more + 1);
        b->n_read += more;
        return true;
}

/* Moves the end of the batch out of a huge page: behind it, or before it where it is larger than that. */
static void avoid_cut(Actor *actor, TargetRun *target) {
        Batch *b = &actor->batch;
        size_t end = b->n;

        if (!is_joined(actor, target, end) || !read_on(actor, target))
                return;
        while (end < b->n_read && is_joined(actor, target, end))
                end++;
        if (end == b->n_read && page_address(actor, b, end) < b->piece->end && is_joined(actor, target, end)) {
                end = b->n;
                while (end > 0 && is_joined(actor, target, end))
                        end--;
        }
        if (end > 0)
                b->n = end;
}

bool survey(Actor *actor, TargetRun *target, const SchemeRun *scheme, const Piece *piece, uint64_t start,
            uint64_t size) {
        Unit unit = scheme->traits->unit;
        Batch *b = &actor->batch;
        size_t before = start >= actor->page;

        b->piece = piece;
        b->start = start;
        b->n = batch_length(actor, unit, piece, start, size);
        b->n_read = b->n;
        b->n_ranges = 0;
        b->selected = 0;
        memset(b->parts, 0, sizeof(b->parts));
        b->cut = b->swap_cut = b->acted = false;
        b->flags_read = true;
        b->block = 1;

        b->entries[-1] = 0;
        if (!read_entries(actor, target, start - before * actor->page, b->entries - before, b->n_read + 1 + before))
                return false;
        memset(b->has_flags - 1, 0, b->n_read + 2);

        if (unit == UNIT_FOLIO)
                avoid_cut(actor, target);
        return !target->failed;
}
