/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building the index of physical memory: first the frames, then the processes. */
#include <errno.h>
#include <fcntl.h>

#include "action/internal.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"

/* Frames, or entries of pagemap, that one system call reads. */
#define READ_MAX ((size_t) 4096)

/* Looking for pages takes no longer than this, whatever the quota. */
#define BUILD_TIME_MAX (2 * NSEC_PER_SEC)
/* With a quota of bytes, so many times as much is looked at: not all of it can be acted on. */
#define COVER_TIMES 16
#define COVER_BYTES_MIN (UINT64_C(32) << 20)

/* A search through all processes that found less than this share of what was missing was in vain; then so many plans,
 * at most, go without one. */
#define SEARCH_SHARE 8
#define SEARCH_PAUSE_MAX 64u

typedef struct Builder {
        Actor *actor;
        Reverse *reverse;
        const SchemeRun *scheme;
        nsec_t begin;
        nsec_t time_max;
        bool prejudged; /* all that filters ask for can be told from frames */
        uint64_t *flags;
        uint64_t *cgroups; /* inodes, by frame */
        uint64_t *inodes;  /* of cgroups that own wanted pages */
        size_t n_inodes, inodes_allocated;
        bool cgroups_known;
        PidList pids; /* that were scanned */
} Builder;

static bool time_is_over(const Builder *b) {
        return actor_busy(b->actor) - b->begin >= b->time_max || is_stopped(&b->actor->run);
}

/* ---- Which frames ---- */

static int compare_ranges(const void *a, const void *b) {
        uint64_t x = ((const ReverseRange *) a)->first, y = ((const ReverseRange *) b)->first;

        return (x > y) - (x < y);
}

/* Where two overlap, the first one has it. */
static void sort_ranges(Reverse *reverse) {
        qsort(reverse->ranges, reverse->n_ranges, sizeof(*reverse->ranges), compare_ranges);
        for (size_t i = 1; i < reverse->n_ranges; i++) {
                const ReverseRange *last = &reverse->ranges[i - 1];
                ReverseRange *range = &reverse->ranges[i];
                uint64_t end = range->first + range->n, first = CLAMP(last->first + last->n, range->first, end);

                range->states += first - range->first;
                range->n = end - first;
                range->first = first;
        }
}

/* Items from this one on, while there is room: frames, each with a state. */
static int cover(Builder *b, size_t item, uint64_t from) {
        const Plan *plan = b->actor->run.plan;
        uint64_t page = b->actor->page, left = REVERSE_BYTES_MAX / page, bytes = b->scheme->bytes_left;
        Reverse *reverse = b->reverse;
        size_t states = 0, n = plan->n_items - item;

        if (bytes < REVERSE_BYTES_MAX / COVER_TIMES)
                left = MAX(bytes * COVER_TIMES, COVER_BYTES_MIN) / page;
        reverse->ranges = calloc(n, sizeof(*reverse->ranges));
        if (!reverse->ranges)
                return -ENOMEM;

        reverse->scheme = plan->items[item].scheme;
        for (; item < plan->n_items && plan->items[item].scheme == reverse->scheme && left > 0; item++) {
                uint64_t first = (MAX(from, plan->items[item].start) + page - 1) / page;
                uint64_t end = plan->items[item].end / page, count = MIN(end - MIN(first, end), left);

                from = 0;
                if (count == 0)
                        continue;
                b->prejudged &= !plan->items[item].decided; /* of such a one no page-level filter is asked */
                reverse->ranges[reverse->n_ranges++] = (ReverseRange) { first, count, states };
                states += count;
                left -= count;
        }
        sort_ranges(reverse);
        reverse->states = malloc(MAX(states, (size_t) 1));
        if (!reverse->states)
                return -ENOMEM;
        memset(reverse->states, OUTCOME_UNREACHED, states);
        return 0;
}

/* ---- What they are ---- */

/* Whether filters can be answered without an address: then pages that they hold back need not be searched for. */
static bool can_prejudge(const SchemeConfig *config) {
        bool any = false;

        for (size_t i = 0; i < config->n_filters; i++) {
                FilterType type = config->filters[i].type;

                if (filter_is_core(type))
                        continue;
                if (type != FILTER_MEMCG && type != FILTER_ANON && type != FILTER_FILE)
                        return false;
                any = true;
        }
        return any;
}

static bool is_held_back(const Builder *b, uint64_t flags, uint64_t inode) {
        const SchemeConfig *config = &b->scheme->plan->spec->config;
        PageFacts facts = {
                .present = true,
                .file = !(flags & KPAGE_ANON),
                .flags_known = true,
                .flags = flags,
                .memcg = inode,
                .node = -1,
        };

        return b->prejudged &&
               filters_judge_page(config->filters, config->n_filters, b->scheme->memcgs, &facts) == FILTER_REJECT;
}

/* What can be done about a frame: an Outcome, or PAGE_SELECTED. */
static uint8_t state_of(const Builder *b, uint64_t head, uint64_t page, uint64_t inode) {
        uint64_t flags = head | page;

        switch (kpage_use(head, page)) {
        case USE_PROGRAM:
                break;
        case USE_HUGETLB:
                return OUTCOME_UNEVICTABLE;
        default:
                return OUTCOME_NOTHING;
        }
        if (is_held_back(b, flags, inode))
                return OUTCOME_FILTERED;
        if (!(flags & KPAGE_MMAP))
                return OUTCOME_NO_MAPPING;
        return flags & KPAGE_UNEVICTABLE ? OUTCOME_UNEVICTABLE : PAGE_SELECTED;
}

static int add_inode(Builder *b, uint64_t inode) {
        uint64_t *inodes;

        if (inode == 0 || (b->n_inodes > 0 && b->inodes[b->n_inodes - 1] == inode))
                return 0;
        for (size_t i = 0; i < b->n_inodes; i++)
                if (b->inodes[i] == inode) {
                        /* the next page is likely to be of the same one */
                        b->inodes[i] = b->inodes[b->n_inodes - 1];
                        b->inodes[b->n_inodes - 1] = inode;
                        return 0;
                }
        if (b->n_inodes == b->inodes_allocated) {
                inodes = reallocarray(b->inodes, b->inodes_allocated * 2 + 16, sizeof(*inodes));
                if (!inodes)
                        return -ENOMEM;
                b->inodes = inodes;
                b->inodes_allocated = b->inodes_allocated * 2 + 16;
        }
        b->inodes[b->n_inodes++] = inode;
        return 0;
}

/* Reads flags and cgroups of n frames. False: they cannot be known. */
static bool read_frames(Builder *b, uint64_t pfn, size_t n) {
        Actor *actor = b->actor;
        int flags = lazy_fd(&actor->kpageflags, actor->roots->proc, "kpageflags", O_RDONLY);
        int cgroups = lazy_fd(&actor->kpagecgroup, actor->roots->proc, "kpagecgroup", O_RDONLY);
        ssize_t size = (ssize_t) (n * sizeof(*b->cgroups));

        if (flags < 0 || kpage_read(&actor->io, flags, pfn, b->flags, n) < 0)
                return false;
        if (cgroups < 0 || io_pread(&actor->io, cgroups, b->cgroups, (size_t) size, pfn * sizeof(uint64_t)) != size) {
                memset(b->cgroups, 0, (size_t) size);
                b->cgroups_known = false;
        }
        return true;
}

/* n frames from pfn on; read from the beginning of their block on, for the heads of huge pages. */
static int survey_frames(Builder *b, uint64_t pfn, size_t n, uint8_t *states) {
        uint64_t first = pfn / b->actor->block * b->actor->block, head = 0;
        size_t skip = pfn - first;

        if (!read_frames(b, first, skip + n)) {
                memset(states, OUTCOME_UNKNOWN, n);
                return 0;
        }
        for (size_t i = 0; i < skip + n; i++) {
                int r;

                if (!(b->flags[i] & KPAGE_COMPOUND_TAIL))
                        head = b->flags[i];
                if (i < skip)
                        continue;
                states[i - skip] = state_of(b, head, b->flags[i], b->cgroups[i]);
                if (states[i - skip] != PAGE_SELECTED)
                        continue;
                b->reverse->n_wanted++;
                r = add_inode(b, b->cgroups[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int survey_all(Builder *b) {
        for (size_t i = 0; i < b->reverse->n_ranges; i++) {
                const ReverseRange *range = &b->reverse->ranges[i];
                size_t n;
                int r;

                for (uint64_t at = 0; at < range->n && !time_is_over(b); at += n) {
                        n = MIN((size_t) (range->n - at), READ_MAX);
                        r = survey_frames(b, range->first + at, n, &b->reverse->states[range->states + at]);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* ---- Whose they are ---- */

static int add_run(Reverse *reverse, const Actor *actor, uint64_t pfn, uint64_t addr, uint32_t owner) {
        ReverseRun *last = reverse->n_runs > 0 ? &reverse->runs[reverse->n_runs - 1] : NULL, *runs;

        if (last && last->owner == owner && last->pfn + last->n == pfn && last->addr + last->n * actor->page == addr &&
            pfn % actor->block != 0) {
                last->n++;
                return 0;
        }
        if (reverse->n_runs == reverse->runs_allocated) {
                runs = reallocarray(reverse->runs, reverse->runs_allocated * 2 + 256, sizeof(*runs));
                if (!runs)
                        return -ENOMEM;
                reverse->runs = runs;
                reverse->runs_allocated = reverse->runs_allocated * 2 + 256;
        }
        reverse->runs[reverse->n_runs++] = (ReverseRun) { pfn, addr, 1, owner };
        return 0;
}

static int add_owner(Reverse *reverse, const PidRef *ref) {
        ReverseOwner *owners;

        if (reverse->n_owners == reverse->owners_allocated) {
                owners = reallocarray(reverse->owners, reverse->owners_allocated * 2 + 16, sizeof(*owners));
                if (!owners)
                        return -ENOMEM;
                reverse->owners = owners;
                reverse->owners_allocated = reverse->owners_allocated * 2 + 16;
        }
        reverse->owners[reverse->n_owners++] = (ReverseOwner) { ref->pid, ref->start_time };
        return 0;
}

/* Takes what is wanted of n entries of pagemap. */
static int take_entries(Builder *b, const uint64_t *entries, size_t n, uint64_t addr) {
        Reverse *reverse = b->reverse;

        for (size_t i = 0; i < n; i++) {
                uint64_t pfn = pagemap_pfn(entries[i]);
                uint8_t *state = pfn > 0 ? reverse_state(reverse, pfn) : NULL;
                int r;

                if (!state || *state != PAGE_SELECTED)
                        continue;
                r = add_run(reverse, b->actor, pfn, addr + i * b->actor->page, (uint32_t) reverse->n_owners - 1);
                if (r < 0)
                        return r;
                *state = PAGE_FOUND;
                reverse->n_wanted--;
        }
        return 0;
}

static int scan_mapping(Builder *b, const Process *process, const Mapping *mapping) {
        size_t n, got;
        int r;

        if (mapping->flags & MAPPING_HUGETLB)
                return 0;
        for (uint64_t addr = mapping->start; addr < mapping->end; addr += got * b->actor->page) {
                if (b->reverse->n_wanted == 0 || time_is_over(b))
                        return 0;
                n = MIN((size_t) ((mapping->end - addr) / b->actor->page), READ_MAX);
                r = pagemap_read_range(&b->actor->io, process->pagemap, addr, b->flags, n, &got);
                if (r != 0 || got == 0)
                        return 0; /* it has ended, or become another program: whatever was there is not any more */
                r = take_entries(b, b->flags, got, addr);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int scan_opened(Builder *b, Process *process) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        int r;

        if (process_size(process).resident == 0 || process_map(process, &b->actor->io, &b->actor->hugetlb, &map) != 0)
                return 0;
        r = add_owner(b->reverse, &process->ref);
        for (size_t i = 0; i < map->n_mappings && r == 0; i++)
                r = scan_mapping(b, process, &map->mappings[i]);
        return r;
}

/* A process that cannot be looked at owns nothing that could be acted on. */
static int scan_process(Builder *b, pid_t pid) {
        Process process = PROCESS_NONE;
        int r;

        r = process_open(&process, b->actor->roots, pid);
        if (r != 0)
                return r == -ENOMEM ? r : 0;
        r = scan_opened(b, &process);
        process_close(&process);
        return r;
}

static int compare_pids(const void *a, const void *b) {
        return *(const pid_t *) a - *(const pid_t *) b;
}

static bool was_scanned(const PidList *scanned, pid_t pid) {
        return scanned->n > 0 && bsearch(&pid, scanned->pids, scanned->n, sizeof(pid), compare_pids);
}

static int scan_all(Builder *b, const PidList *pids, const PidList *scanned) {
        int r = 0;

        for (size_t i = 0; i < pids->n && r == 0 && b->reverse->n_wanted > 0 && !time_is_over(b); i++)
                if (!was_scanned(scanned, pids->pids[i]))
                        r = scan_process(b, pids->pids[i]);
        return r;
}

/* Memory stays charged to the cgroup in which it was touched first, wherever its process goes. */
static int search_others(Builder *b) {
        _cleanup_(pid_list_deinit) PidList all = {};
        size_t before = b->reverse->n_wanted;
        Actor *actor = b->actor;
        int r;

        if (before == 0 || (b->cgroups_known && actor->search_pause > 0 && actor->search_pause-- > 0))
                return 0;
        r = owners_all(actor->roots, &all);
        if (r == 0)
                r = scan_all(b, &all, &b->pids);
        if (r < 0)
                return r;

        if (before - b->reverse->n_wanted >= before / SEARCH_SHARE + 1)
                actor->search_failures = 0;
        else
                actor->search_pause = MIN(1u << MIN(actor->search_failures++, 16u), SEARCH_PAUSE_MAX);
        return 0;
}

static int find_owners(Builder *b) {
        int r;

        r = owners_of_cgroups(b->actor->roots, b->inodes, b->n_inodes, &b->pids);
        if (r == 0)
                r = scan_all(b, &b->pids, &(PidList) {});
        if (r < 0)
                return r;
        if (b->pids.n > 0)
                qsort(b->pids.pids, b->pids.n, sizeof(*b->pids.pids), compare_pids);
        return search_others(b);
}

static int compare_runs(const void *a, const void *b) {
        uint64_t x = ((const ReverseRun *) a)->pfn, y = ((const ReverseRun *) b)->pfn;

        return (x > y) - (x < y);
}

static int build(Builder *b, size_t item, uint64_t from) {
        int r;

        r = cover(b, item, from);
        if (r == 0)
                r = survey_all(b);
        if (r == 0)
                r = find_owners(b);
        if (r < 0)
                return r;
        if (b->reverse->n_runs > 0)
                qsort(b->reverse->runs, b->reverse->n_runs, sizeof(*b->reverse->runs), compare_runs);
        return 0;
}

int reverse_build(Actor *actor, const SchemeRun *scheme, size_t item, uint64_t from) {
        nsec_t left = scheme->plan->time_max - MIN(scheme->time, scheme->plan->time_max);
        Builder b = {
                .actor = actor,
                .reverse = &actor->reverse,
                .scheme = scheme,
                .begin = actor_busy(actor),
                .time_max = MIN(left, (nsec_t) BUILD_TIME_MAX),
                .prejudged = can_prejudge(&scheme->plan->spec->config),
                .cgroups_known = true,
        };
        int r = -ENOMEM;

        reverse_clear(&actor->reverse);
        b.flags = calloc(READ_MAX + actor->block, sizeof(*b.flags));
        b.cgroups = calloc(READ_MAX + actor->block, sizeof(*b.cgroups));
        if (b.flags && b.cgroups)
                r = build(&b, item, from);
        free(b.flags);
        free(b.cgroups);
        free(b.inodes);
        pid_list_deinit(&b.pids);
        return r;
}
