/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marking page frames idle. */
#include "probe/marker.h"

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/macro.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"

#define BITMAP_PATH "kernel/mm/page_idle/bitmap"

/* After a tail was met, so many samples in blocks not known yet have their folio looked up before
 * they are marked, instead of losing their verdict. Targets without huge pages never pay for it;
 * those with some lose at most one sample in as many. */
#define LOOKUP_CREDIT 64

/* ---- Samples ---- */

static void mark_store(const Mark *mark, Sample *sample) {
        assert(mark->calls <= 0xf);
        sample->token = mark->pfn;
        sample->state = (uint32_t) mark->kind | (uint32_t) mark->reason << 4 |
                        (uint32_t) mark->flags_checked << 8 | (uint32_t) mark->use << 9 | mark->calls << 12 |
                        mark->offset << 16;
}

static Mark mark_load(const Sample *sample) {
        return (Mark) {
                .kind = sample->state & 0xf,
                .reason = (sample->state >> 4) & 0xf,
                .flags_checked = (sample->state >> 8) & 1,
                .use = (sample->state >> 9) & 0x7,
                .calls = (sample->state >> 12) & 0xf,
                .offset = sample->state >> 16,
                .pfn = sample->token,
        };
}

int marker_prepare(Source *source, Space *space, const Io *io, MarkPageFn mark_page, Sample *samples, size_t n) {
        unsigned shift = page_shift();
        Mark before = {}; /* the last one that is not MARK_SAME */
        int r;

        for (size_t i = 0; i < n; i++) {
                uint64_t calls = io->calls;
                Mark mark = {};

                if (i > 0 && samples[i].addr >> shift == samples[i - 1].addr >> shift) {
                        mark_store(&(Mark) { .kind = MARK_SAME }, &samples[i]);
                        continue;
                }

                r = mark_page(source, space, samples[i].addr, &before, &mark);
                source->counters.syscalls += io->calls - calls;
                if (r != 0)
                        return r;

                mark.calls = (uint32_t) (io->calls - calls);
                mark_store(&mark, &samples[i]);
                if (mark.kind != MARK_SAME)
                        before = mark;
        }

        return 0;
}

static void credit(SourceCounters *counters, Sample *sample, const Verdict *verdict,
                   uint32_t calls) {
        sample->trials = verdict->kind != VERDICT_UNTRACKABLE;
        sample->hits = verdict->kind == VERDICT_HOT;
        sample->use = verdict->use;

        counters->samples++;
        switch (verdict->kind) {
        case VERDICT_HOT:
                counters->hot++;
                counters->syscalls_max_hot = MAX(counters->syscalls_max_hot, calls);
                break;
        case VERDICT_COLD:
                counters->cold++;
                counters->syscalls_max_cold = MAX(counters->syscalls_max_cold, calls);
                break;
        case VERDICT_ABSENT:
                counters->absent++;
                break;
        case VERDICT_UNTRACKABLE:
                counters->untrackable[verdict->reason]++;
                break;
        }
}

int marker_check(Source *source, Space *space, const Io *io, CheckPageFn check_page, Sample *samples, size_t n) {
        Verdict verdict = verdict_untrackable(UNTRACKABLE_OTHER);
        int r;

        for (size_t i = 0; i < n; i++) {
                uint64_t calls = io->calls;
                Mark mark = mark_load(&samples[i]);

                /* The same page or folio as the sample before has the same verdict. */
                if (mark.kind != MARK_SAME) {
                        r = check_page(source, space, samples[i].addr, &mark, &verdict);
                        source->counters.syscalls += io->calls - calls;
                        if (r != 0)
                                return r;
                }
                credit(&source->counters, &samples[i], &verdict,
                       mark.calls + (uint32_t) (io->calls - calls));
        }

        return 0;
}

/* ---- Folios ---- */

void marker_expire(Marker *marker, FolioMemory *memory) {
        memory->epoch = ++marker->last_epoch;
}

/* Learns the block of pfn; its flags are in marker->flags then. */
static int learn_block(Marker *marker, FolioMemory *memory, uint64_t pfn) {
        int r;

        r = kpage_read(&marker->io, marker->kpageflags, pfn & ~(FOLIO_BLOCK_FRAMES - 1),
                       marker->flags, FOLIO_BLOCK_FRAMES);
        if (r < 0)
                return r;

        folio_cache_learn(&marker->folios, memory->epoch, pfn, marker->flags);
        return 0;
}

/* Whether the page at marker->flags[first + offset] can be tracked by marking the head of its folio, which is at
 * [first]. */
static bool look_at(Marker *marker, size_t first, size_t offset, Untrackable *ret_reason) {
        uint64_t head = marker->flags[first], page = marker->flags[first + offset];

        marker->head_flags = head;
        marker->page_flags = page;
        if (page & KPAGE_HUGE)
                *ret_reason = UNTRACKABLE_HUGETLB;
        else if (page & KPAGE_ZERO_PAGE)
                *ret_reason = UNTRACKABLE_ZERO_PAGE;
        else if (page & (KPAGE_NOPAGE | KPAGE_OFFLINE))
                *ret_reason = UNTRACKABLE_BEYOND;
        else if (head & KPAGE_COMPOUND_TAIL)
                *ret_reason = UNTRACKABLE_TAIL;
        else if (head & KPAGE_LRU)
                return true;
        else
                *ret_reason = UNTRACKABLE_NOT_ON_LRU;
        return false;
}

/* Whether flags[1 … offset] are tails of flags[0]. */
static bool is_folio(const uint64_t *flags, size_t offset) {
        for (size_t i = 1; i <= offset; i++)
                if (!(flags[i] & KPAGE_COMPOUND_TAIL))
                        return false;
        return true;
}

/* Looks up the folio of a page in a block that is not known, if it is likely to be a huge one. */
static int look_up_folio(Marker *marker, FolioMemory *memory, Mark *mark, uint64_t *ret_head) {
        int r;

        if (memory->lookup_credit == 0) {
                *ret_head = mark->pfn;
                return FOLIO_KNOWN;
        }

        r = learn_block(marker, memory, mark->pfn);
        if (r < 0)
                return r;

        if (marker->flags[mark->pfn % FOLIO_BLOCK_FRAMES] & KPAGE_COMPOUND_TAIL)
                memory->lookup_credit = LOOKUP_CREDIT;
        else
                memory->lookup_credit--;
        mark->flags_checked = true;
        return (int) folio_cache_find(&marker->folios, memory->epoch, mark->pfn, ret_head);
}

/* Decides which page to mark for mark->pfn. */
static int find_head(Marker *marker, FolioMemory *memory, Mark *mark) {
        uint64_t head;
        int r;

        r = (int) folio_cache_find(&marker->folios, memory->epoch, mark->pfn, &head);
        if (r == FOLIO_UNKNOWN)
                r = look_up_folio(marker, memory, mark, &head);
        if (r < 0)
                return r;

        mark->kind = MARK_SET;
        if (r == FOLIO_HEADLESS)
                head = mark->pfn; /* itself a tail: not to be marked */
        mark->offset = (uint32_t) (mark->pfn - head);
        if (mark->flags_checked) {
                if (!look_at(marker, head % FOLIO_BLOCK_FRAMES, mark->offset, &mark->reason))
                        mark->kind = MARK_NONE;
        } else if (r == FOLIO_HEADLESS) {
                mark->kind = MARK_NONE;
                mark->reason = UNTRACKABLE_TAIL;
        }
        return 0;
}

static uint64_t word_offset(uint64_t pfn) {
        return pfn / 64 * sizeof(uint64_t);
}

/* Marks the page idle. A word with no other bit set: bits are OR-ed, so whatever other users of the
 * bitmap have marked stays theirs, and nothing else is marked for them. */
static int set_bit(Marker *marker, uint64_t pfn, Mark *mark) {
        uint64_t word = UINT64_C(1) << (pfn % 64);
        ssize_t n;

        n = io_pwrite(&marker->io, marker->bitmap, &word, sizeof(word), word_offset(pfn));
        if (n < 0 && n != -ENXIO)
                return (int) n;

        /* The last word, if memory ends within it, is neither written (0) nor read. */
        if (n != sizeof(word)) {
                mark->kind = MARK_NONE;
                mark->reason = UNTRACKABLE_BEYOND;
        }
        return 0;
}

int marker_set(Marker *marker, FolioMemory *memory, const Mark *before, Mark *mark) {
        int r;

        r = find_head(marker, memory, mark);
        if (r != 0 || mark->kind != MARK_SET)
                return r;

        if (before->kind == MARK_SET && before->pfn - before->offset == mark->pfn - mark->offset) {
                mark->kind = MARK_SAME;
                return 0;
        }
        return set_bit(marker, mark->pfn - mark->offset, mark);
}

int marker_read_bit(Marker *marker, uint64_t pfn) {
        uint64_t word;
        ssize_t n;

        n = io_pread(&marker->io, marker->bitmap, &word, sizeof(word), word_offset(pfn));
        if (n < 0)
                return (int) n;
        if (n != sizeof(word))
                return -ENXIO;
        return (int) ((word >> (pfn % 64)) & 1);
}

int marker_examine(Marker *marker, FolioMemory *memory, const Mark *mark, uint64_t pfn, bool *ret_trackable,
                   Untrackable *ret_reason) {
        uint64_t head;
        int r;

        r = kpage_read(&marker->io, marker->kpageflags, pfn - mark->offset, marker->flags, mark->offset + 1);
        if (r < 0)
                return r;

        *ret_trackable = look_at(marker, 0, mark->offset, ret_reason);
        /* What the memory said is no folio any more: it was split, or freed and used anew. */
        if (*ret_trackable && !is_folio(marker->flags, mark->offset)) {
                *ret_trackable = false;
                *ret_reason = UNTRACKABLE_TAIL;
        }
        if (*ret_trackable || *ret_reason != UNTRACKABLE_TAIL)
                return 0;

        /* The next sample in this block shall know better; unless one just before has learned
         * it. */
        memory->lookup_credit = LOOKUP_CREDIT;
        if (mark->offset == 0 &&
            folio_cache_find(&marker->folios, memory->epoch, pfn, &head) == FOLIO_KNOWN &&
            head != pfn)
                return 0;
        return learn_block(marker, memory, pfn);
}

/* ---- Life ---- */

static int open_bitmap(const RootFds *roots, int *ret, char **ret_error) {
        int fd = openat(roots->sys, BITMAP_PATH, O_RDWR | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT)
                return error_setf(ret_error, -ENOENT,
                                  "this kernel has no /sys/" BITMAP_PATH
                                  " (built without CONFIG_IDLE_PAGE_TRACKING)");
        if (fd < 0)
                return error_setf(ret_error, -errno, "cannot open /sys/" BITMAP_PATH ": %s",
                                  error_text(errno));

        *ret = fd;
        return 0;
}

int marker_open(Marker *marker, const RootFds *roots, const KernelIo *io, char **ret_error) {
        _cleanup_close_ int bitmap = -1, kpageflags = -1;
        int r;

        r = open_bitmap(roots, &bitmap, ret_error);
        if (r < 0)
                return r;
        kpageflags = kpage_open(roots);
        if (kpageflags < 0)
                return error_setf(ret_error, kpageflags, "cannot open /proc/kpageflags: %s",
                                  error_text(kpageflags));

        marker->io.kernel = io;
        marker->bitmap = TAKE_FD(bitmap);
        marker->kpageflags = TAKE_FD(kpageflags);
        return 0;
}

void marker_close(Marker *marker) {
        closep(&marker->bitmap);
        closep(&marker->kpageflags);
}
