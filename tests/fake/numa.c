/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NUMA nodes of the fake kernel. */
#include "fake/numa.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "kernel/pagemap.h"

FakeNuma fake_numa = { .n = 2 };

#define NODE_DIR "sys/devices/system/node"
#define TIER_DIR "sys/devices/virtual/memory_tiering"

static void path_of(char path[static 200], const char *name) {
        (void) snprintf(path, 200, "%s/%s", fake.path, name);
}

static void write_file(const char *name, const char *text) {
        char path[200];
        FILE *file;

        path_of(path, name);
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        (void) fputs(text, file);
        ck_assert_int_eq(fclose(file), 0);
}

static void make_directories(const char *name) {
        char path[200];

        path_of(path, name);
        for (char *p = path + strlen(fake.path) + 1; (p = strchr(p, '/')); *p++ = '/') {
                *p = '\0';
                (void) mkdir(path, 0700);
        }
        (void) mkdir(path, 0700);
}

/* ---- Nodes ---- */

unsigned fake_node_of(uint64_t pfn) {
        return (unsigned) (pfn / (FAKE_FRAMES / fake_numa.n));
}

uint32_t fake_node_start(unsigned node) {
        return node * (FAKE_FRAMES / fake_numa.n);
}

int fake_page_node(unsigned page) {
        uint64_t pfn = pagemap_pfn(fake.pages[page]);

        return pfn == 0 ? -1 : (int) fake_node_of(pfn);
}

static bool is_used(uint32_t pfn) {
        return pfn == 0 || fake.frames[pfn].lru || fake.frames[pfn].large || fake.frames[pfn].tail > 0;
}

uint64_t fake_node_free(unsigned node) {
        uint32_t start = fake_node_start(node), end = start + FAKE_FRAMES / fake_numa.n;
        uint64_t n = 0;

        for (uint32_t pfn = start; pfn < end; pfn++)
                n += !is_used(pfn);
        return n - MIN(n, fake_numa.held[node]);
}

static void write_memory(unsigned node) {
        uint64_t total = fake_numa.offline[node] ? 0 : FAKE_FRAMES / fake_numa.n;
        char name[100], text[200];

        (void) snprintf(name, sizeof(name), NODE_DIR "/node%u/meminfo", node);
        (void) snprintf(text, sizeof(text), "Node %u MemTotal: %" PRIu64 " kB\nNode %u MemFree: %" PRIu64 " kB\n", node,
                        total * 4, node, (total > 0 ? fake_node_free(node) : 0) * 4);
        write_file(name, text);
}

static void write_node(unsigned node) {
        char name[100], text[200];
        size_t n = 0;

        (void) snprintf(name, sizeof(name), NODE_DIR "/node%u", node);
        make_directories(name);
        write_memory(node);
        for (unsigned i = 0; i < fake_numa.n; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%u ", 10 + 10 * (i > node ? i - node : node - i));
        (void) snprintf(text + n - 1, sizeof(text) - n, "\n");
        (void) snprintf(name, sizeof(name), NODE_DIR "/node%u/distance", node);
        write_file(name, text);
}

static void write_status(void) {
        char text[200];
        size_t n;

        n = (size_t) snprintf(text, sizeof(text), "Name:\tfake\nMems_allowed_list:\t");
        for (unsigned i = 0; i < FAKE_NODES; i++)
                if (fake_numa.mems >> i & 1)
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%u,", i);
        (void) snprintf(text + n - 1, sizeof(text) - n, "\n");
        write_file("proc/4321/status", text);
}

void fake_numa_write(void) {
        char text[32];

        for (unsigned i = 0; i < fake_numa.n; i++)
                write_node(i);
        (void) snprintf(text, sizeof(text), "0-%u\n", fake_numa.n - 1);
        write_file(NODE_DIR "/online", text);
        write_file(NODE_DIR "/has_cpu", "0\n");
        write_status();
}

void fake_numa_tier(unsigned rank, const char *nodes) {
        char name[100];

        (void) snprintf(name, sizeof(name), TIER_DIR "/memory_tier%u", rank);
        make_directories(name);
        (void) snprintf(name, sizeof(name), TIER_DIR "/memory_tier%u/nodelist", rank);
        write_file(name, nodes);
}

void fake_numa_deinit(void) {
        char command[300];

        (void) snprintf(command, sizeof(command), "rm -rf %s/sys/devices %s/proc/4321/status", fake.path, fake.path);
        ck_assert_int_eq(system(command), 0);
}

void fake_numa_reset(void) {
        unsigned n = fake_numa.n;
        bool stale = fake_numa.calls > 0;

        fake_numa = (FakeNuma) { .n = n, .mems = (1u << n) - 1 };
        for (unsigned i = 0; i < FAKE_NODES; i++)
                fake_numa.fits[i] = UINT_MAX;
        if (stale)
                fake_numa_write();
}

void fake_numa_init(unsigned n) {
        fake_numa_deinit();
        make_directories(NODE_DIR);
        fake_numa.n = n;
        fake_numa_reset();
        fake_numa_write();
}

/* ---- move_pages() ---- */

static unsigned page_of(const void *address) {
        unsigned page = (unsigned) (((uintptr_t) address - FAKE_BASE) / 4096);

        ck_assert_uint_eq((uintptr_t) address % 4096, 0);
        ck_assert_uint_lt(page, FAKE_PAGES);
        return page;
}

static bool is_mapped(unsigned page) {
        for (size_t i = 0; i < fake_act.n_vmas; i++)
                if (page >= fake_act.vmas[i].first && page < fake_act.vmas[i].end)
                        return true;
        return false;
}

int fake_numa_nodes(pid_t pid, size_t n, void **pages, int *status) {
        ck_assert_int_eq(pid, FAKE_PID);
        fake_act.queries++;
        if (fake.gone)
                return -ESRCH;
        for (size_t i = 0; i < n; i++) {
                unsigned page = page_of(pages[i]);

                status[i] = fake_page_node(page) < 0 ? (is_mapped(page) ? -ENOENT : -EFAULT) : fake_page_node(page);
        }
        return 0;
}

/* Pages of the folio that begins with this frame. */
static unsigned folio_pages(uint32_t head) {
        unsigned n = 1;

        while (head + n < FAKE_FRAMES && fake.frames[head + n].tail == n)
                n++;
        return n;
}

/* Free frames of a node, aligned as a folio wants it; 0: none. Looks on where it found the last ones, and from the start
 * when that leads nowhere. */
static uint32_t allocate(unsigned node, unsigned n) {
        static uint32_t last[FAKE_NODES];
        uint32_t start = fake_node_start(node), end = start + FAKE_FRAMES / fake_numa.n;

        if (fake_numa.left[node] < n || fake_numa.fits[node] < n)
                return 0;
        if (last[node] < start || last[node] >= end)
                last[node] = start;
        for (uint32_t pfn = (last[node] + n - 1) / n * n, turns = 0; turns < 2; pfn += n) {
                unsigned i = 0;

                if (pfn + n > end) {
                        turns++;
                        pfn = (MAX(start, n) + n - 1) / n * n;
                }
                while (i < n && !is_used(pfn + i))
                        i++;
                if (i == n)
                        return last[node] = pfn;
        }
        return 0;
}

static void move_folio(unsigned page, unsigned node, uint32_t to) {
        uint32_t pfn = (uint32_t) pagemap_pfn(fake.pages[page]), head = pfn - fake.frames[pfn].tail;
        unsigned n = folio_pages(head), order = 0, from = fake_node_of(head);
        FakeFrame frame = fake.frames[head];

        while (1u << order < n)
                order++;
        for (unsigned i = 0; i < n; i++)
                fake.frames[head + i] = (FakeFrame) {};
        if (n > 1)
                fake_folio(to, order);
        fake.frames[to].lru = true;
        fake.frames[to].idle = frame.idle;
        fake.frames[to].accessed = frame.accessed;
        fake.frames[to].memcg = frame.memcg;
        fake.frames[to].extra = frame.extra;
        /* mapped once, in one piece */
        for (unsigned i = page - MIN(page, pfn - head); i < FAKE_PAGES && i < page + n; i++) {
                uint64_t old = pagemap_pfn(fake.pages[i]);

                if (old >= head && old < head + n)
                        fake.pages[i] = (fake.pages[i] & ~PAGEMAP_PFN_MASK) | (to + (old - head));
        }
        if (fake_numa.fits[node] != UINT_MAX)
                fake_numa.fits[node] -= n;
        fake_numa.left[from] += n;
        fake_numa.left[node] -= n;
        fake_numa.moved[from][node] += n;
        fake_act.acted[page]++;
}

/* What was taken off the lists, in order of its pages. */
typedef struct Collected {
        unsigned pages[1024];
        size_t n;
        size_t start; /* index of the first of these in the call */
} Collected;

/* migrate_pages(): how many stayed, or -ENOMEM. */
static int move_collected(Collected *c, unsigned node) {
        int stayed = 0;

        for (size_t i = 0; i < c->n; i++) {
                unsigned page = c->pages[i];
                uint32_t pfn = (uint32_t) pagemap_pfn(fake.pages[page]), to;

                fake_act.now += fake_act.per_page;
                if (fake_numa.stuck[page]) {
                        stayed++;
                        continue;
                }
                to = allocate(node, folio_pages(pfn - fake.frames[pfn].tail));
                if (to == 0) {
                        c->n = 0;
                        return -ENOMEM;
                }
                move_folio(page, node, to);
        }
        c->n = 0;
        return stayed;
}

/* 0, or what the call returns. */
static int flush(Collected *c, unsigned node, int *status, size_t i, size_t n_all) {
        size_t n = c->n;
        int r;

        if (n == 0)
                return 0;
        r = move_collected(c, node);
        if (r != 0)
                return r > 0 ? r + (int) (n_all - i) : r;
        for (size_t k = c->start; k < i; k++)
                status[k] = (int) node;
        return 0;
}

/* 1: taken off its list; 0: there already; or why not. */
static int collect(unsigned page, unsigned node, bool shared) {
        uint64_t pfn = pagemap_pfn(fake.pages[page]);

        if (fake_numa.status[page] < 0)
                return fake_numa.status[page];
        if (!is_mapped(page))
                return -EFAULT;
        if (pfn == 0)
                return -ENOENT;
        fake_numa.tails += fake.frames[pfn].tail > 0;
        if (fake_node_of(pfn) == node) {
                fake_numa.useless++;
                return 0;
        }
        if (!(fake.pages[page] & PAGEMAP_EXCLUSIVE) && !shared)
                return -EACCES;
        return 1;
}

static int move_all(size_t n, void **pages, const int *nodes, int *status, bool shared) {
        Collected c = {};
        int r;

        for (size_t i = 0; i < n; i++) {
                unsigned node = (unsigned) nodes[i], page = page_of(pages[i]);

                fake_act.handed[page]++;
                fake_numa.mixed += nodes[i] != nodes[0];
                if (node >= fake_numa.n || fake_numa.offline[node])
                        return flush(&c, (unsigned) nodes[0], status, i, n) ?: -ENODEV;
                if (!(fake_numa.mems >> node & 1))
                        return flush(&c, (unsigned) nodes[0], status, i, n) ?: -EACCES;
                if (c.n == 0)
                        c.start = i;

                r = collect(page, node, shared);
                if (r > 0) {
                        c.pages[c.n++] = page;
                        continue;
                }
                status[i] = r < 0 ? r : nodes[i];
                r = flush(&c, node, status, i, n);
                if (r != 0)
                        return r > 0 ? r - 1 : r;
        }
        return flush(&c, (unsigned) nodes[0], status, n, n);
}

int fake_numa_move(pid_t pid, size_t n, void **pages, const int *nodes, int *status, bool shared) {
        int r;

        ck_assert_int_eq(pid, FAKE_PID);
        ck_assert_uint_le(n, 1024);
        ck_assert_uint_gt(n, 0);
        fake_act.longest = MAX(fake_act.longest, n);
        fake_numa.calls++;
        r = fake_act_begin();
        if (r < 0)
                return r;
        if (shared && fake_numa.no_nice)
                return -EPERM;
        for (unsigned i = 0; i < fake_numa.n; i++)
                fake_numa.left[i] = fake_node_free(i);
        r = move_all(n, pages, nodes, status, shared);
        for (unsigned i = 0; i < fake_numa.n; i++)
                write_memory(i);
        return r;
}
