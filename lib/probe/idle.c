/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `idle`: marks one page per sample idle and looks whether it stayed so.
 *
 * A bit of the bitmap that reads 1 is certain: the page was trackable and nobody touched it. 0
 * means touched, or not trackable at all: then the flags of the page and its place in the address
 * space are read as well. So, in system calls:
 *
 *     cold         pagemap, mark, bit                                      3
 *     hot          pagemap, mark, bit, pagemap, flags                      5
 *     absent       pagemap, pagemap                                        2
 *
 * One call more takes a page in a block of physical memory that holds huge pages and was not looked
 * at lately (the flags are read first, to find the head; a hot one then has them already), and a
 * page that the kernel migrated after it was marked (its flags and its new bit).
 *
 * What remains uncertain, because the kernel does not tell, or not for three calls:
 * - a page that was not on an LRU list when it was marked but is at the check (freshly faulted
 *   in, or briefly isolated) counts as hot;
 * - a page whose translation stays in the TLB counts as cold;
 * - so does a page that was copied on write while others keep the old one, for this one interval;
 * - so does a page of a folio that was split less than an update interval ago, if its old head
 *   is. */
#include "probe/idle.h"

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/macro.h"
#include "probe/folio.h"
#include "probe/kpage.h"
#include "probe/pagemap.h"
#include "probe/process.h"

#define BITMAP_PATH "kernel/mm/page_idle/bitmap"

/* After a tail was met, so many samples in blocks not known yet have their folio looked up before
 * they are marked, instead of losing their verdict. Targets without huge pages never pay for it;
 * those with some lose at most one sample in as many. */
#define LOOKUP_CREDIT 64

typedef struct IdleSource {
        Source source;
        const RootFds *roots;
        HugetlbDevices hugetlb;
        Io io;
        int bitmap;
        int kpageflags;
        uint64_t last_epoch;
        FolioCache folios;
        uint64_t flags[FOLIO_BLOCK_FRAMES]; /* scratch */
} IdleSource;

struct Space {
        Process process; /* first: see process_space_new() */
        uint64_t epoch; /* what was learned about folios in another epoch has expired */
        uint32_t lookup_credit;
};

/* What prepare() notes for check() in Sample.state; Sample.token is the page's frame. */
typedef enum MarkKind {
        MARK_NONE, /* no verdict possible, for `reason` */
        MARK_ABSENT,
        MARK_SET,
        MARK_SAME, /* the page, or the folio, of the sample before */
} MarkKind;

typedef struct Mark {
        MarkKind kind;
        Untrackable reason;
        uint32_t offset;    /* of the page in its folio: the head is what was marked */
        uint32_t calls;     /* system calls spent by prepare() */
        bool flags_checked; /* prepare() has seen that the folio can be tracked */
        uint64_t pfn;
} Mark;

typedef enum VerdictKind {
        VERDICT_HOT,
        VERDICT_COLD,
        VERDICT_ABSENT,
        VERDICT_UNTRACKABLE,
} VerdictKind;

typedef struct Verdict {
        VerdictKind kind;
        Untrackable reason;
} Verdict;

static IdleSource *idle_source(Source *source) {
        return (IdleSource *) source;
}

static void mark_store(const Mark *mark, Sample *sample) {
        sample->token = mark->pfn;
        sample->state = (uint32_t) mark->kind | (uint32_t) mark->reason << 4 |
                        (uint32_t) mark->flags_checked << 8 | mark->calls << 9 | mark->offset << 16;
}

static Mark mark_load(const Sample *sample) {
        return (Mark) {
                .kind = sample->state & 0xf,
                .reason = (sample->state >> 4) & 0xf,
                .flags_checked = (sample->state >> 8) & 1,
                .calls = (sample->state >> 9) & 0x7f,
                .offset = sample->state >> 16,
                .pfn = sample->token,
        };
}

static uint64_t word_offset(uint64_t pfn) {
        return pfn / 64 * sizeof(uint64_t);
}

/* Gives a new epoch to the space: what its samples learned about folios is forgotten. */
static void expire_folios(IdleSource *source, Space *space) {
        space->epoch = ++source->last_epoch;
}

/* Learns the block of pfn; its flags are in source->flags then. */
static int learn_block(IdleSource *source, Space *space, uint64_t pfn) {
        int r;

        r = kpage_read(&source->io, source->kpageflags, pfn & ~(FOLIO_BLOCK_FRAMES - 1),
                       source->flags, FOLIO_BLOCK_FRAMES);
        if (r < 0)
                return r;

        folio_cache_learn(&source->folios, space->epoch, pfn, source->flags);
        return 0;
}

/* Whether the page at flags[offset] can be tracked by marking the head of its folio, flags[0]. */
static bool trackable(const uint64_t *flags, size_t offset, Untrackable *ret_reason) {
        uint64_t head = flags[0], page = flags[offset];

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
static int look_up_folio(IdleSource *source, Space *space, Mark *mark, uint64_t *ret_head) {
        int r;

        if (space->lookup_credit == 0) {
                *ret_head = mark->pfn;
                return FOLIO_KNOWN;
        }

        r = learn_block(source, space, mark->pfn);
        if (r < 0)
                return r;

        if (source->flags[mark->pfn % FOLIO_BLOCK_FRAMES] & KPAGE_COMPOUND_TAIL)
                space->lookup_credit = LOOKUP_CREDIT;
        else
                space->lookup_credit--;
        mark->flags_checked = true;
        return (int) folio_cache_find(&source->folios, space->epoch, mark->pfn, ret_head);
}

/* Decides which page to mark for mark->pfn. */
static int find_head(IdleSource *source, Space *space, Mark *mark) {
        uint64_t head;
        int r;

        r = (int) folio_cache_find(&source->folios, space->epoch, mark->pfn, &head);
        if (r == FOLIO_UNKNOWN)
                r = look_up_folio(source, space, mark, &head);
        if (r < 0)
                return r;

        mark->kind = MARK_SET;
        if (r == FOLIO_HEADLESS) {
                mark->kind = MARK_NONE;
                mark->reason = UNTRACKABLE_TAIL;
                return 0;
        }

        mark->offset = (uint32_t) (mark->pfn - head);
        if (mark->flags_checked &&
            !trackable(&source->flags[head % FOLIO_BLOCK_FRAMES], mark->offset, &mark->reason))
                mark->kind = MARK_NONE;
        return 0;
}

/* Marks the page idle. A word with no other bit set: bits are OR-ed, so whatever other users of the
 * bitmap have marked stays theirs, and nothing else is marked for them. */
static int set_bit(IdleSource *source, uint64_t pfn, Mark *mark) {
        uint64_t word = UINT64_C(1) << (pfn % 64);
        ssize_t n;

        n = io_pwrite(&source->io, source->bitmap, &word, sizeof(word), word_offset(pfn));
        if (n < 0 && n != -ENXIO)
                return (int) n;

        /* The last word, if memory ends within it, is neither written (0) nor read. */
        if (n != sizeof(word)) {
                mark->kind = MARK_NONE;
                mark->reason = UNTRACKABLE_BEYOND;
        }
        return 0;
}

static int prepare_one(IdleSource *source, Space *space, uint64_t addr, const Mark *before,
                       Mark *mark) {
        uint64_t entry;
        int r;

        r = process_pagemap(&space->process, &source->io, addr, &entry);
        if (r != 0)
                return r;

        mark->kind = pagemap_present(entry) ? MARK_NONE : MARK_ABSENT;
        mark->reason = UNTRACKABLE_PFN_HIDDEN;
        mark->pfn = pagemap_pfn(entry);
        if (mark->pfn == 0)
                return 0;

        r = find_head(source, space, mark);
        if (r != 0 || mark->kind != MARK_SET)
                return r;

        if (before->kind == MARK_SET && before->pfn - before->offset == mark->pfn - mark->offset) {
                mark->kind = MARK_SAME;
                return 0;
        }
        return set_bit(source, mark->pfn - mark->offset, mark);
}

static int idle_prepare(Source *base, Space *space, Sample *samples, size_t n) {
        IdleSource *source = idle_source(base);
        unsigned shift = page_shift();
        Mark before = {}; /* the last one that is not MARK_SAME */
        int r;

        for (size_t i = 0; i < n; i++) {
                uint64_t calls = source->io.calls;
                Mark mark = {};

                if (i > 0 && samples[i].addr >> shift == samples[i - 1].addr >> shift) {
                        mark_store(&(Mark) { .kind = MARK_SAME }, &samples[i]);
                        continue;
                }

                r = prepare_one(source, space, samples[i].addr, &before, &mark);
                base->counters.syscalls += source->io.calls - calls;
                if (r != 0)
                        return r;

                mark.calls = (uint32_t) (source->io.calls - calls);
                mark_store(&mark, &samples[i]);
                if (mark.kind != MARK_SAME)
                        before = mark;
        }

        return 0;
}

static Verdict untrackable(Untrackable reason) {
        return (Verdict) { VERDICT_UNTRACKABLE, reason };
}

/* Reads the bit of a page: 1, 0, or -ENXIO where the bitmap has none. */
static int read_bit(IdleSource *source, uint64_t pfn) {
        uint64_t word;
        ssize_t n;

        n = io_pread(&source->io, source->bitmap, &word, sizeof(word), word_offset(pfn));
        if (n < 0)
                return (int) n;
        if (n != sizeof(word))
                return -ENXIO;
        return (int) ((word >> (pfn % 64)) & 1);
}

/* Reads the flags from head to page into source->flags. */
static int read_folio(IdleSource *source, Space *space, const Mark *mark, uint64_t pfn,
                      bool *ret_trackable, Untrackable *ret_reason) {
        uint64_t head = pfn - mark->offset;
        int r;

        r = kpage_read(&source->io, source->kpageflags, head, source->flags, mark->offset + 1);
        if (r < 0)
                return r;

        *ret_trackable = trackable(source->flags, mark->offset, ret_reason);
        /* What the memory said is no folio any more: it was split, or freed and used anew. */
        if (*ret_trackable && !is_folio(source->flags, mark->offset)) {
                *ret_trackable = false;
                *ret_reason = UNTRACKABLE_TAIL;
        }
        if (*ret_trackable || *ret_reason != UNTRACKABLE_TAIL)
                return 0;

        /* The next sample in this block shall know better; unless one just before has learned
         * it. */
        space->lookup_credit = LOOKUP_CREDIT;
        if (mark->offset == 0 &&
            folio_cache_find(&source->folios, space->epoch, pfn, &head) == FOLIO_KNOWN &&
            head != pfn)
                return 0;
        return learn_block(source, space, pfn);
}

/* The page at this address is another one than was marked. Migration carries the mark along; every
 * other way to get there (copy on write, swap, a fault) goes through an access. */
static int check_moved(IdleSource *source, uint64_t head, Verdict *ret) {
        int r;

        if (!(source->flags[0] & KPAGE_IDLE)) {
                ret->kind = VERDICT_HOT;
                return 0;
        }

        r = read_bit(source, head);
        if (r < 0 && r != -ENXIO)
                return r;

        if (r < 0)
                *ret = untrackable(UNTRACKABLE_BEYOND);
        else
                ret->kind = r ? VERDICT_COLD : VERDICT_HOT;
        return 0;
}

/* The bit was 0: accessed, moved, vanished, or never trackable. */
static int check_unmarked(IdleSource *source, Space *space, uint64_t addr, const Mark *mark,
                          Verdict *ret) {
        bool same, is_trackable = true;
        Untrackable reason;
        uint64_t entry, pfn;
        int r;

        r = process_pagemap(&space->process, &source->io, addr, &entry);
        if (r != 0)
                return r;
        if (!pagemap_present(entry)) {
                ret->kind = VERDICT_ABSENT;
                return 0;
        }

        pfn = pagemap_pfn(entry);
        same = pfn == mark->pfn;
        if (pfn <= mark->offset) {
                *ret = untrackable(pfn == 0 ? UNTRACKABLE_PFN_HIDDEN : UNTRACKABLE_TAIL);
                return 0;
        }

        if (!same || !mark->flags_checked) {
                r = read_folio(source, space, mark, pfn, &is_trackable, &reason);
                if (r < 0)
                        return r;
        }
        if (!is_trackable) {
                *ret = untrackable(reason);
                return 0;
        }
        if (!same)
                return check_moved(source, pfn - mark->offset, ret);

        ret->kind = VERDICT_HOT;
        return 0;
}

/* There was no page: if there is one now, somebody touched it. */
static int check_absent(IdleSource *source, Space *space, uint64_t addr, Verdict *ret) {
        uint64_t entry;
        int r;

        r = process_pagemap(&space->process, &source->io, addr, &entry);
        if (r != 0)
                return r;

        ret->kind = pagemap_present(entry) ? VERDICT_HOT : VERDICT_ABSENT;
        return 0;
}

static int check_one(IdleSource *source, Space *space, uint64_t addr, const Mark *mark,
                     Verdict *ret) {
        int r;

        if (mark->kind == MARK_ABSENT)
                return check_absent(source, space, addr, ret);
        if (mark->kind != MARK_SET) {
                *ret = untrackable(mark->reason);
                return 0;
        }

        r = read_bit(source, mark->pfn - mark->offset);
        if (r == 0)
                return check_unmarked(source, space, addr, mark, ret);
        if (r == -ENXIO)
                *ret = untrackable(UNTRACKABLE_BEYOND);
        else if (r < 0)
                return r;
        else
                ret->kind = VERDICT_COLD;
        return 0;
}

static void credit(SourceCounters *counters, Sample *sample, const Verdict *verdict,
                   uint32_t calls) {
        sample->trials = verdict->kind != VERDICT_UNTRACKABLE;
        sample->hits = verdict->kind == VERDICT_HOT;

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

static int idle_check(Source *base, Space *space, Sample *samples, size_t n) {
        IdleSource *source = idle_source(base);
        Verdict verdict = untrackable(UNTRACKABLE_OTHER);
        int r;

        for (size_t i = 0; i < n; i++) {
                uint64_t calls = source->io.calls;
                Mark mark = mark_load(&samples[i]);

                /* The same page or folio as the sample before has the same verdict. */
                if (mark.kind != MARK_SAME) {
                        r = check_one(source, space, samples[i].addr, &mark, &verdict);
                        base->counters.syscalls += source->io.calls - calls;
                        if (r != 0)
                                return r;
                }
                credit(&base->counters, &samples[i], &verdict,
                       mark.calls + (uint32_t) (source->io.calls - calls));
        }

        return 0;
}

static int idle_attach(Source *base, pid_t pid, Space **ret) {
        IdleSource *source = idle_source(base);
        int r;

        r = process_space_new(source->roots, pid, sizeof(Space), ret);
        if (r == 0)
                expire_folios(source, *ret);
        return r;
}

static void idle_detach(Source *base, Space *space) {
        process_close(&space->process);
        free(space);
}

static int idle_map(Source *base, Space *space, AddressMap **ret) {
        IdleSource *source = idle_source(base);

        expire_folios(source, space);
        return process_map(&space->process, &source->io, &source->hugetlb, ret);
}

static SpaceSize idle_size(Source *base, Space *space) {
        return process_size(&space->process);
}

static void idle_free(Source *base) {
        IdleSource *source = idle_source(base);

        closep(&source->bitmap);
        closep(&source->kpageflags);
        free(source);
}

static const SourceOps idle_ops = {
        .name = "idle",
        .granularity = GRANULARITY_PAGE,
        .sees_reads = true,
        .page_cost = true,
        .sample_min = NSEC_PER_MSEC,
        .attach = idle_attach,
        .detach = idle_detach,
        .map = idle_map,
        .prepare = idle_prepare,
        .check = idle_check,
        .size = idle_size,
        .free = idle_free,
};

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

int idle_source_new(const RootFds *roots, const KernelIo *io, Source **ret, char **ret_error) {
        _cleanup_close_ int bitmap = -1, kpageflags = -1;
        IdleSource *source;
        int r;

        r = open_bitmap(roots, &bitmap, ret_error);
        if (r < 0)
                return r;
        kpageflags = kpage_open(roots);
        if (kpageflags < 0)
                return error_setf(ret_error, kpageflags, "cannot open /proc/kpageflags: %s",
                                  error_text(kpageflags));

        source = calloc(1, sizeof(*source));
        if (!source)
                return error_setf(ret_error, -ENOMEM, "out of memory");

        source->source.ops = &idle_ops;
        source->roots = roots;
        source->io.kernel = io;
        source->bitmap = TAKE_FD(bitmap);
        source->kpageflags = TAKE_FD(kpageflags);
        hugetlb_devices_read(roots, &source->hugetlb);

        *ret = &source->source;
        return 0;
}
