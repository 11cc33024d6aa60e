/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fake kernel, acted on. */
#include "fake/act.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "fake/numa.h"
#include "kernel/maps.h"
#include "kernel/pagemap.h"

FakeAct fake_act;

enum { WILLNEED = 3, COLD = 20, PAGEOUT = 21, COLLAPSE = 25 };

static const char *const directories[] = {
        "sys/kernel/debug", "sys/fs", "sys/fs/cgroup", "sys/fs/cgroup/db",
};

static char *path_of(char buf[static 160], const char *name) {
        (void) snprintf(buf, 160, "%s/%s", fake.path, name);
        return buf;
}

static void write_file(const char *name, const char *text) {
        _cleanup_close_ int fd = -1;
        char path[160];

        fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
}

static void write_meminfo(void) {
        char text[200];

        (void) snprintf(text, sizeof(text),
                        "MemTotal: 1000000 kB\nMemFree: 500000 kB\nSwapTotal: 1000000 kB\n"
                        "SwapFree: %" PRIu64 " kB\n", fake_act.swap_free * 4);
        write_file("proc/meminfo", text);
}

static size_t format_maps(char *text, size_t size) {
        size_t n = 0;

        text[0] = '\0';
        for (size_t i = 0; i < fake_act.n_vmas; i++) {
                const FakeVma *vma = &fake_act.vmas[i];

                if (vma->hidden)
                        continue;
                n += (size_t) snprintf(text + n, size - n, "%" PRIx64 "-%" PRIx64 " rw-%c 00000000 00:00 %d %s\n",
                                       fake_addr(vma->first), fake_addr(vma->end), vma->shared ? 's' : 'p',
                                       vma->name[0] == '/', vma->name);
        }
        return n;
}

void fake_vmas(const FakeVma *vmas, size_t n) {
        char text[4096];

        ck_assert_uint_le(n, FAKE_VMAS);
        memmove(fake_act.vmas, vmas, n * sizeof(*vmas));
        fake_act.n_vmas = n;
        (void) format_maps(text, sizeof(text));
        write_file("proc/4321/maps", text);
}

AddressMap *fake_address_map(void) {
        AddressMap *map = NULL;
        char text[4096];

        ck_assert_int_eq(maps_parse(text, format_maps(text, sizeof(text)), NULL, &map), 0);
        return map;
}

static void reset(void) {
        fake_act = (FakeAct) { .swap_free = 1 << 20, .next_block = FAKE_FRAMES - 4 * FAKE_BLOCK };
        fake_act.now = NSEC_PER_SEC;
        fake_act.per_look = 100;
}

void fake_act_reset(void) {
        uint64_t swap_free = fake_act.swap_free;

        memset(fake.pages, 0, sizeof(fake.pages));
        memset(fake.frames, 0, sizeof(fake.frames));
        reset();
        if (swap_free == 0)
                write_meminfo();
        fake_numa_reset();
}

void fake_act_init(void) {
        char path[160];

        reset();
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                ck_assert_int_eq(mkdir(path_of(path, directories[i]), 0700), 0);
        write_file("sys/kernel/debug/split_huge_pages", "");
        write_meminfo();
        fake_vmas(&(FakeVma) { .end = FAKE_PAGES, .name = "" }, 1);

        fake_numa_init(2);

        root_fds_close(&fake.roots);
        ck_assert_int_eq(root_fds_open(&fake.roots, fake.path), 0);
}

void fake_remove(const char *name) {
        char path[160];

        (void) unlink(path_of(path, name));
}

void fake_act_deinit(void) {
        char path[160];

        fake_numa_deinit();
        fake_remove("proc/meminfo");
        fake_remove("sys/kernel/debug/split_huge_pages");
        for (size_t i = ELEMENTSOF(directories); i-- > 0;)
                (void) rmdir(path_of(path, directories[i]));
}

uint64_t fake_cgroup_inode(void) {
        struct stat st;
        char path[160];

        ck_assert_int_eq(stat(path_of(path, "sys/fs/cgroup/db"), &st), 0);
        return st.st_ino;
}

void fake_map_range(unsigned first, unsigned end, uint32_t pfn) {
        for (; first < end; first++)
                fake_map(first, pfn++);
}

void fake_map_folio(unsigned first, uint32_t pfn, unsigned order) {
        fake_folio(pfn, order);
        fake_map_range(first, first + (1u << order), pfn);
}

void fake_of_file(unsigned first, unsigned end) {
        for (; first < end; first++)
                fake.pages[first] |= PAGEMAP_FILE;
}

void fake_of_others(unsigned first, unsigned end) {
        for (; first < end; first++)
                fake.pages[first] &= ~PAGEMAP_EXCLUSIVE;
}

/* ---- Calls ---- */

static const FakeVma *vma_of(unsigned page) {
        for (size_t i = 0; i < fake_act.n_vmas; i++)
                if (page >= fake_act.vmas[i].first && page < fake_act.vmas[i].end)
                        return &fake_act.vmas[i];
        return NULL;
}

int fake_act_begin(void) {
        fake_act.calls++;
        fake_act.now += fake_act.per_call + fake_act.per_wait;
        fake_act.waited += fake_act.per_wait;
        if (fake_act.hook && fake_act.calls == fake_act.hook_at)
                fake_act.hook();
        if (fake.gone)
                return -ESRCH;
        if (fake_act.error_after > 0) {
                fake_act.error_after--;
                return 0;
        }
        if (fake_act.error_count > 0) {
                fake_act.error_count--;
                return fake_act.error;
        }
        return 0;
}

/* Whether the boundary before this page lies inside of a folio that is mapped on both sides of it. */
static bool is_inside(unsigned page) {
        uint64_t pfn = page > 0 && page < FAKE_PAGES ? pagemap_pfn(fake.pages[page]) : 0;

        return pfn != 0 && fake.frames[pfn].tail > 0 && pagemap_pfn(fake.pages[page - 1]) == pfn - 1;
}

/* Splits the folio of a page, the first of it in [first, end), unless all of it lies there. That is a cut if
 * there is more of it mapped beyond. */
static void avoid_partial(unsigned page, unsigned first, unsigned end) {
        uint32_t pfn = (uint32_t) pagemap_pfn(fake.pages[page]), head = pfn - fake.frames[pfn].tail;
        unsigned order = 0, n = 1, last = page + 1;

        if (!fake.frames[pfn].large)
                return;
        while (head + n < FAKE_FRAMES && fake.frames[head + n].tail == n)
                n++;
        while (1u << order < n)
                order++;
        while (last < end && is_inside(last))
                last++;
        if (last - page == n)
                return;

        fake_act.cuts += (page == first && is_inside(page)) || is_inside(last);
        fake_split(head, order);
}

static void page_out(unsigned page) {
        if (fake_act.no_pageout)
                return;
        if (fake.pages[page] & PAGEMAP_FILE)
                fake_unmap(page);
        else if (fake_act.swap_free > 0) {
                fake_swap_out(page, page + 1);
                fake_act.swap_free--;
                if (fake_act.swap_free == 0)
                        write_meminfo();
        } else
                return;
        fake_act.acted[page]++;
}

static void advise_page(unsigned page, unsigned first, unsigned end, int advice, uint32_t *head) {
        uint64_t entry = fake.pages[page];
        uint32_t pfn = (uint32_t) pagemap_pfn(entry);

        fake_act.handed[page]++;
        fake_act.now += fake_act.per_page;
        if (advice == WILLNEED) {
                fake_act.acted[page] += !pagemap_present(entry);
                return;
        }
        if (!pagemap_present(entry) || !(entry & PAGEMAP_EXCLUSIVE))
                return;
        if (pfn - fake.frames[pfn].tail != *head)
                avoid_partial(page, first, end);
        *head = pfn - fake.frames[pfn].tail;
        if (advice == PAGEOUT)
                page_out(page);
        else
                fake_act.acted[page]++;
}

static void collapse(unsigned first, unsigned end) {
        for (unsigned page = first; page < end; page++)
                fake_act.handed[page]++;
        for (first = (first + FAKE_BLOCK - 1) / FAKE_BLOCK * FAKE_BLOCK; first + FAKE_BLOCK <= end;
             first += FAKE_BLOCK) {
                ck_assert_uint_le(fake_act.next_block + FAKE_BLOCK, FAKE_FRAMES);
                fake_map_folio(first, fake_act.next_block, 9);
                fake_act.next_block += FAKE_BLOCK;
                fake_act.acted[first]++;
        }
}

/* One element: 0, or why it failed. */
static int advise_range(unsigned first, unsigned end, int advice) {
        const FakeVma *vma = NULL;
        uint32_t head = 0; /* of the folio of the page before, as it was */
        bool hole = false;

        for (unsigned page = first; page < end; page++) {
                const FakeVma *here = vma_of(page);

                fake_act.crossed += vma && here && here != vma && !here->hidden && !vma->hidden;
                vma = here; /* what lies beyond a hole was one mapping with this when the map was read */
                hole |= !here;
                if (here && here->locked && (advice == COLD || advice == PAGEOUT))
                        return -EINVAL;
                if (here && advice != COLLAPSE)
                        advise_page(page, first, end, advice, &head);
        }
        if (advice == COLLAPSE && !hole)
                collapse(first, end);
        return hole ? -ENOMEM : 0;
}

static void note_ranges(const struct iovec *ranges, size_t n) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < n; i++) {
                bytes += ranges[i].iov_len;
                fake_act.widest = MAX(fake_act.widest, ranges[i].iov_len);
                fake_act.ragged += (uintptr_t) ranges[i].iov_base % 4096 != 0 || ranges[i].iov_len % 4096 != 0 ||
                                   ranges[i].iov_len == 0;
        }
        fake_act.longest = MAX(fake_act.longest, n);
        fake_act.largest = MAX(fake_act.largest, bytes);
}

static ssize_t act_madvise(int pidfd, const struct iovec *ranges, size_t n, int advice) {
        ssize_t done = 0;
        int r;

        note_ranges(ranges, n);
        r = fake_act_begin();
        if (r < 0)
                return r;

        for (size_t i = 0; i < MIN(n, (size_t) 1024) && (fake_act.partial == 0 || i < fake_act.partial); i++) {
                unsigned first = (unsigned) (((uintptr_t) ranges[i].iov_base - FAKE_BASE) / 4096);
                uint64_t bytes = ranges[i].iov_len;

                ck_assert_uint_lt(first, FAKE_PAGES);
                if (fake_act.partial_bytes > 0)
                        bytes = MIN(bytes, fake_act.partial_bytes);
                r = advise_range(first, first + (unsigned) (bytes / 4096), advice);
                if (r < 0)
                        return done > 0 ? done : r;
                done += (ssize_t) bytes;
                if (bytes < ranges[i].iov_len)
                        break;
        }
        return done;
}

static ssize_t act_vm_readv(pid_t pid, const struct iovec *local, size_t n_local, const struct iovec *remote,
                            size_t n_remote) {
        ssize_t done = 0;
        int r;

        ck_assert_int_eq(pid, FAKE_PID);
        ck_assert_uint_eq(n_local, 1);
        ck_assert_uint_ge(local->iov_len, n_remote);
        ck_assert_uint_le(n_remote, 1024);
        r = fake_act_begin();
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_remote && (fake_act.partial == 0 || i < fake_act.partial); i++) {
                unsigned page = (unsigned) (((uintptr_t) remote[i].iov_base - FAKE_BASE) / 4096);

                ck_assert_uint_eq(remote[i].iov_len, 1);
                if (page >= FAKE_PAGES || !vma_of(page))
                        return done > 0 ? done : -EFAULT;
                fake_act.faults += !pagemap_present(fake.pages[page]);
                fake_act.reads[page]++;
                ((char *) local->iov_base)[done++] = 'x';
        }
        return done;
}

static int act_split(int fd, pid_t pid, uint64_t start, uint64_t end) {
        int r;

        ck_assert_int_eq(pid, FAKE_PID);
        ck_assert_int_ge(fd, 0);
        r = fake_act_begin();
        if (r < 0)
                return r;

        for (uint64_t addr = start; addr < end; addr += 4096) {
                unsigned page = (unsigned) ((addr - FAKE_BASE) / 4096);
                uint32_t pfn = (uint32_t) pagemap_pfn(fake.pages[page]);

                fake_act.handed[page]++;
                if (pfn != 0 && fake.frames[pfn].large && fake.frames[pfn].tail == 0)
                        fake_split(pfn, 9);
        }
        return 0;
}

static nsec_t act_now(void) {
        fake_act.now += fake_act.per_look;
        return fake_act.now;
}

static nsec_t act_cpu(void) {
        return fake_act.now - fake_act.waited;
}

const ActionIo FAKE_ACT_IO = {
        .madvise = act_madvise,
        .vm_readv = act_vm_readv,
        .split = act_split,
        .nodes = fake_numa_nodes,
        .move = fake_numa_move,
        .now = act_now,
        .cpu = act_cpu,
};

/* ---- Plans ---- */

void fake_plan_init(FakePlan *plan, Action action, size_t n_items) {
        *plan = (FakePlan) { .spec.n_ref = 2 };
        plan->spec.config = (SchemeConfig) { .action = action, .enabled = true, .filters = plan->filters };
        if (action_migrates(action)) {
                plan->destinations[0] = (Destination) { .node = 1, .weight = 1 };
                plan->spec.config.destinations = plan->destinations;
                plan->spec.config.n_destinations = 1;
        }

        plan->plan = plan_new(1, 1, n_items, 1);
        ck_assert_ptr_nonnull(plan->plan);
        plan->plan->sequence = 7;
        plan->plan->n_items = 0;
        plan->plan->n_audits = 0;
        plan->plan->targets[0] = (PlanTarget) { .pid = FAKE_PID, .start_time = 777, .map = fake_address_map() };
        plan->plan->schemes[0] = (PlanScheme) {
                .spec = &plan->spec,
                .bytes_max = UINT64_MAX,
                .time_max = NSEC_INFINITY,
                .swap_max = UINT64_C(1) << 40,
                .deadline = NSEC_INFINITY,
        };
}

void fake_plan_deinit(FakePlan *plan) {
        plan->result = plan_result_free(plan->result);
        plan->plan = plan_free(plan->plan);
}

void fake_plan_item(FakePlan *plan, unsigned first, unsigned end) {
        plan->plan->items[plan->plan->n_items++] = (PlanItem) { .start = fake_addr(first), .end = fake_addr(end) };
}

void fake_plan_filter(FakePlan *plan, FilterConfig filter) {
        plan->filters[plan->spec.config.n_filters++] = filter;
}

void fake_plan_run(FakePlan *plan, Actor *actor) {
        plan->result = plan_result_free(plan->result);
        plan->result = plan_result_new(plan->plan);
        ck_assert_ptr_nonnull(plan->result);
        actor_run(actor, plan->plan, &plan->stop, plan->result);
        fake_plan_check(plan);
}

void fake_plan_check(const FakePlan *plan) {
        uint64_t tried = 0, anon = 0;

        ck_assert_uint_eq(plan->result->sequence, 7);
        ck_assert_int_eq(plan->result->error, 0);
        for (size_t i = 0; i < plan->plan->n_items; i++) {
                const PlanItem *item = &plan->plan->items[i];
                const ItemResult *result = &plan->result->items[i];
                uint64_t sum = result->tried;

                for (size_t k = 0; k < _OUTCOME_MAX; k++)
                        sum += result->others[k];
                ck_assert_uint_eq(sum, item->end - item->start);
                ck_assert_uint_le(result->applied, result->tried);
                ck_assert_uint_le(result->anon, result->tried);
                ck_assert_uint_ge(result->stopped_at, item->start);
                ck_assert_uint_le(result->stopped_at, item->end);
                ck_assert_uint_le(result->left, result->stopped_at - item->start);
                tried += result->tried;
                anon += result->anon;
        }
        ck_assert_uint_le(tried, plan->plan->schemes[0].bytes_max);
        if (plan->spec.config.action == ACTION_PAGEOUT)
                ck_assert_uint_le(anon, plan->plan->schemes[0].swap_max);

        ck_assert_uint_eq(fake_act.crossed, 0);
        ck_assert_uint_eq(fake_act.ragged, 0);
        ck_assert_uint_le(fake_act.longest, 1024);
        ck_assert_uint_eq(fake_act.faults, 0);
        if (plan->plan->schemes[0].dry_run)
                ck_assert_uint_eq(fake_act.calls, 0);
}
