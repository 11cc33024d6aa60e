/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `referenced`: clears the accessed bits of a whole address space once per sampling
 * interval (clear_refs) and reads per mapping how many bytes were accessed since (smaps).
 *
 * So a sample's verdict speaks for its whole mapping: trials is its size in pages, hits how many of
 * them were accessed. Sums and the working set are right, addresses are coarse. Both files cost
 * O(resident pages), and clearing accessed bits behind the back of reclaim makes it take hot pages
 * for cold: not to be done often. */
#include "probe/referenced.h"

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/macro.h"
#include "kernel/pagemap.h"
#include "kernel/process.h"

typedef struct ReferencedSource {
        Source source;
        const RootFds *roots;
        HugetlbDevices hugetlb;
        Io io;
} ReferencedSource;

struct Space {
        Process process; /* first: see process_space_new() */
};

static ReferencedSource *referenced_source(Source *source) {
        return (ReferencedSource *) source;
}

static int referenced_attach(Source *base, pid_t pid, Space **ret) {
        return process_space_new(referenced_source(base)->roots, pid, sizeof(Space), ret);
}

static void referenced_detach(Source *base, Space *space) {
        process_close(&space->process);
        free(space);
}

static int referenced_map(Source *base, Space *space, AddressMap **ret) {
        ReferencedSource *source = referenced_source(base);

        return process_map(&space->process, &source->io, &source->hugetlb, ret);
}

static int referenced_prepare(Source *base, Space *space, Sample *samples, size_t n) {
        ReferencedSource *source = referenced_source(base);
        uint64_t calls = source->io.calls;
        int r;

        if (n == 0)
                return 0;

        r = process_clear_refs(&space->process, &source->io, '1');
        base->counters.syscalls += source->io.calls - calls;
        return r;
}

/* No mapping there, or none that can be accessed: the verdict speaks for the one page. */
static void judge_absent(ReferencedCursor *cursor, Sample *sample) {
        sample->trials = 1;
        sample->hits = 0;
        cursor->counters->samples++;
        cursor->counters->absent++;
}

static void judge_mapping(ReferencedCursor *cursor, Sample *sample, const SmapsEntry *entry) {
        SourceCounters *counters = cursor->counters;
        unsigned shift = page_shift();

        counters->samples++;
        sample->trials = MAX((entry->end - entry->start) >> shift, UINT64_C(1));
        sample->hits = MIN(entry->referenced >> shift, sample->trials);
        if (entry->hugetlb || entry->io) {
                counters->untrackable[entry->hugetlb ? UNTRACKABLE_HUGETLB
                                                     : UNTRACKABLE_NOT_ON_LRU]++;
                sample->trials = sample->hits = 0;
        } else if (sample->hits > 0)
                counters->hot++;
        else if (entry->rss > 0)
                counters->cold++;
        else
                counters->absent++;
}

int referenced_judge(const SmapsEntry *entry, void *userdata) {
        ReferencedCursor *cursor = userdata;

        for (; cursor->next < cursor->n; cursor->next++) {
                Sample *sample = &cursor->samples[cursor->next];

                if (sample->addr >= entry->end)
                        break;
                if (sample->addr < entry->start || !entry->accessible)
                        judge_absent(cursor, sample);
                else
                        judge_mapping(cursor, sample, entry);
        }
        return 0;
}

void referenced_finish(ReferencedCursor *cursor) {
        for (; cursor->next < cursor->n; cursor->next++)
                judge_absent(cursor, &cursor->samples[cursor->next]);
}

/* Opens smaps, and makes sure that it is not that of a new program whose bits were never
 * cleared. */
static int open_smaps(Space *space, Io *io, int *ret) {
        _cleanup_close_ int fd = -1;
        int r;

        r = process_open_file(&space->process, "smaps", O_RDONLY, &fd);
        if (r != 0)
                return r;
        io->calls++;

        r = process_verify(&space->process, io);
        if (r != 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

static int judge_all(ReferencedSource *source, Space *space, ReferencedCursor *cursor) {
        _cleanup_close_ int fd = -1;
        int r;

        r = open_smaps(space, &source->io, &fd);
        if (r != 0)
                return r;

        r = smaps_read(fd, referenced_judge, cursor, &source->io.calls);
        if (r == -ESRCH)
                return OPS_E_GONE;
        if (r < 0)
                return r;

        referenced_finish(cursor);
        return 0;
}

static int referenced_check(Source *base, Space *space, Sample *samples, size_t n) {
        ReferencedSource *source = referenced_source(base);
        ReferencedCursor cursor = { .counters = &base->counters, .samples = samples, .n = n };
        uint64_t calls = source->io.calls;
        int r;

        if (n == 0)
                return 0;

        r = judge_all(source, space, &cursor);
        base->counters.syscalls += source->io.calls - calls;
        return r;
}

static SpaceSize referenced_size(Source *base, Space *space) {
        return process_size(&space->process);
}

static int referenced_share(Source *base, Space *space, uint64_t addr, PageShare *ret) {
        return process_share(&space->process, &referenced_source(base)->io, addr, ret);
}

static void referenced_free(Source *base) {
        free(referenced_source(base));
}

static const SourceOps referenced_ops = {
        .name = "referenced",
        .granularity = GRANULARITY_MAPPING,
        .sees_reads = true,
        .page_cost = false,
        .sample_min = 100 * NSEC_PER_MSEC,
        .attach = referenced_attach,
        .detach = referenced_detach,
        .map = referenced_map,
        .prepare = referenced_prepare,
        .check = referenced_check,
        .size = referenced_size,
        .share = referenced_share,
        .free = referenced_free,
};

int referenced_source_new(const RootFds *roots, Source **ret, char **ret_error) {
        ReferencedSource *source = calloc(1, sizeof(*source));

        if (!source)
                return error_setf(ret_error, -ENOMEM, "out of memory");

        source->source.ops = &referenced_ops;
        source->roots = roots;
        source->io.kernel = &KERNEL_IO_REAL;
        hugetlb_devices_read(roots, &source->hugetlb);

        *ret = &source->source;
        return 0;
}
