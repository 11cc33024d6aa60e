/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Acting: what was selected is handed to the kernel. */
#include <errno.h>
#include <fcntl.h>

#include "action/internal.h"
#include "kernel/pagemap.h"

/* How often a call that asks to be repeated is. */
#define RETRIES 3

/* First touched, then active (include/linux/swap.h, folio_mark_accessed()). */
#define READ_ROUNDS 2

/* Of a file the kernel reads ahead this much per range, if nobody made it less (read_ahead_kb), and silently
 * leaves the rest (mm/readahead.c, force_page_cache_ra()). */
#define READAHEAD_SIZE (UINT64_C(128) << 10)

/* Which addresses no range goes across; 0: there are none. Each block is handed over by itself, so that what the
 * kernel says is about one. */
static uint64_t range_grid(const Actor *actor, const ActionTraits *traits) {
        if (traits->unit == UNIT_BLOCK)
                return block_size(actor);
        return traits->advice == MADVISE_WILLNEED && !actor->batch.piece->anon ? READAHEAD_SIZE : 0;
}

/* The selected pages as ranges. */
static void collect_ranges(Actor *actor, const ActionTraits *traits) {
        uint64_t grid = range_grid(actor, traits);
        Batch *b = &actor->batch;

        for (size_t i = 0, end; i < b->n; i = end) {
                end = i + 1;
                if (b->marks[i] != PAGE_SELECTED)
                        continue;

                while (end < b->n && b->marks[end] == PAGE_SELECTED &&
                       (grid == 0 || page_address(actor, b, end) % grid != 0))
                        end++;
                b->ranges[b->n_ranges++] = (struct iovec) {
                        .iov_base = (void *) (uintptr_t) page_address(actor, b, i),
                        .iov_len = (end - i) * actor->page,
                };
        }
}

/* The pages of a range were not accepted. */
static void mark_range(Actor *actor, const struct iovec *range, uint8_t mark) {
        Batch *b = &actor->batch;
        size_t first = ((uintptr_t) range->iov_base - b->start) / actor->page;

        memset(b->marks + first, mark, range->iov_len / actor->page);
}

void refuse_rest(Actor *actor, ItemRun *item, size_t i, Outcome outcome) {
        Batch *b = &actor->batch;

        for (; i < b->n_ranges; i++)
                mark_range(actor, &b->ranges[i], (uint8_t) outcome);
        item->ended = true;
        item->rest = outcome;
}

/* What an error number says about a range (the one at i), and perhaps about all that would follow. */
static void refuse(Actor *actor, ItemRun *item, size_t i, int error) {
        bool lru = item->scheme->traits->exclusive;
        const struct iovec *range = &actor->batch.ranges[i];

        switch (error) {
        case ESRCH:
                target_fail(item->target, OPS_E_GONE);
                refuse_rest(actor, item, i, OUTCOME_GONE);
                return;
        case EPERM:
        case EACCES:
                count_error(item->scheme->result, error);
                refuse_rest(actor, item, i, OUTCOME_DENIED);
                return;
        case ENOSYS:
                count_error(item->scheme->result, error);
                refuse_rest(actor, item, i, OUTCOME_FAILED);
                return;
        case ENOMEM:
                /* A hole: unmapped since the map was read. What is mapped was worked on. Only huge pages
                 * can run out of memory. */
                item->target->map_stale = true;
                if (item->scheme->traits->unit != UNIT_BLOCK) {
                        mark_range(actor, range, PAGE_UNSURE);
                        return;
                }
                break;
        case EINVAL:
                if (lru) {
                        /* Locked, hugetlb, device memory: the whole mapping; but is it still one? */
                        item->target->map_stale = true;
                        mark_range(actor, range, OUTCOME_UNEVICTABLE);
                        item->refused = actor->batch.piece->mapping;
                        return;
                }
                break;
        default:
                break;
        }
        count_error(item->scheme->result, error);
        mark_range(actor, range, OUTCOME_FAILED);
}

/* Steps over what was done of the ranges from *i on. A range that was done in part is split: what is left of
 * it stays at *i. */
static void advance(Batch *b, size_t *i, size_t bytes) {
        while (*i < b->n_ranges && bytes >= b->ranges[*i].iov_len)
                bytes -= b->ranges[(*i)++].iov_len;
        if (*i < b->n_ranges) {
                b->ranges[*i].iov_base = (char *) b->ranges[*i].iov_base + bytes;
                b->ranges[*i].iov_len -= bytes;
        }
}

/* One range after the other is done, or refused: the kernel stops at the first that it cannot do, and names
 * the reason only when that is the first of the call. */
static void advise(Actor *actor, ItemRun *item) {
        const ActionTraits *traits = item->scheme->traits;
        Batch *b = &actor->batch;
        unsigned retries = 0;
        size_t i = 0;

        while (i < b->n_ranges && !item->ended) {
                ssize_t r = actor->act->madvise(item->target->process.ref.fd, b->ranges + i,
                                                MIN(b->n_ranges - i, CALL_MAX), traits->advice);

                item->scheme->result->calls++;
                if (r > 0) {
                        /* Pages, not bytes: whatever it says, no range may become ragged. */
                        size_t bytes = (size_t) r / actor->page * actor->page;

                        advance(b, &i, bytes);
                        retries = bytes > 0 ? 0 : retries + 1;
                        if (retries <= RETRIES)
                                continue;
                        r = -EIO;
                }
                if ((r == -EINTR || r == -EAGAIN) && retries < RETRIES) {
                        retries++;
                        continue;
                }
                refuse(actor, item, i++, r == 0 ? EIO : (int) -r);
                retries = 0;
        }
}

static void split(Actor *actor, ItemRun *item) {
        int fd = lazy_fd(&actor->split, actor->roots->sys, "kernel/debug/split_huge_pages", O_WRONLY);
        Batch *b = &actor->batch;
        int r;

        if (fd < 0) {
                count_error(item->scheme->result, -fd);
                refuse_rest(actor, item, 0, OUTCOME_FAILED);
                return;
        }

        for (size_t i = 0; i < b->n_ranges && !item->ended; i++) {
                uint64_t start = (uintptr_t) b->ranges[i].iov_base;

                r = actor->act->split(fd, item->target->process.ref.pid, start, start + b->ranges[i].iov_len);
                item->scheme->result->calls++;
                if (r < 0)
                        refuse(actor, item, i, -r);
        }
}

/* One byte of each of n pages; `index` says which pages of the batch. */
static void read_pages(Actor *actor, ItemRun *item, const struct iovec *pages, const size_t *index, size_t n) {
        char bytes[CALL_MAX];
        unsigned retries = 0;
        size_t i = 0;

        while (i < n && !item->ended) {
                struct iovec local = { .iov_base = bytes, .iov_len = n - i };
                ssize_t r;

                r = actor->act->vm_readv(item->target->process.ref.pid, &local, 1, pages + i, n - i);
                item->scheme->result->calls++;
                if (r > 0) {
                        i += MIN((size_t) r, n - i);
                        retries = 0;
                } else if ((r == -EINTR || r == -EAGAIN) && retries < RETRIES)
                        retries++;
                else if (r == -ESRCH || r == -EPERM || r == -EACCES || r == -ENOSYS)
                        refuse(actor, item, 0, (int) -r);
                else {
                        /* Unmapped, or not to be read. */
                        count_error(item->scheme->result, r == 0 ? EIO : (int) -r);
                        actor->batch.marks[index[i++]] = OUTCOME_FAILED;
                        retries = 0;
                }
        }
}

static void touch(Actor *actor, ItemRun *item) {
        struct iovec pages[CALL_MAX];
        size_t index[CALL_MAX], n = 0;
        Batch *b = &actor->batch;

        for (size_t i = 0; i < b->n && !item->ended; i++) {
                if (b->marks[i] == PAGE_SELECTED) {
                        pages[n] = (struct iovec) { (void *) (uintptr_t) page_address(actor, b, i), 1 };
                        index[n++] = i;
                }
                if (n == CALL_MAX || i + 1 == b->n) {
                        read_pages(actor, item, pages, index, n);
                        n = 0;
                }
        }
}

static bool is_alive(Actor *actor, ItemRun *item) {
        if (pidref_alive(&item->target->process.ref, actor->roots))
                return true;
        target_fail(item->target, OPS_E_GONE);
        return false;
}

void act(Actor *actor, ItemRun *item) {
        const ActionTraits *traits = item->scheme->traits;
        Batch *b = &actor->batch;

        collect_ranges(actor, traits);
        b->acted = true;

        /* Looking took its time. What is named by a number only must also still be the same process. */
        if (!target_verify(actor, item->target) || (traits->means != MEANS_ADVICE && !is_alive(actor, item))) {
                refuse_rest(actor, item, 0, item->target->failure);
                return;
        }

        if (traits->means == MEANS_ADVICE)
                advise(actor, item);
        else if (traits->means == MEANS_MOVE)
                migrate(actor, item);
        else if (traits->means == MEANS_SPLIT)
                split(actor, item);
        else if (traits->means == MEANS_READ)
                for (unsigned round = 0; round < READ_ROUNDS; round++)
                        touch(actor, item);
}
