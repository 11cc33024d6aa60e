/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory against a fake kernel: what each kind of page frame counts as, and what a sample costs. And where
 * memory lies, from the texts that kernels write. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "fake/kernel.h"
#include "kernel/kpage.h"
#include "kernel/layout.h"
#include "kernel/pagemap.h"
#include "probe/paddr.h"

#define MIB (UINT64_C(1) << 20)

static Source *source;
static Space *space;

static void setup(void) {
        char *error = NULL;

        fake_kernel_init();
        ck_assert_msg(paddr_source_new(&fake.roots, &FAKE_IO, &source, &error) == 0, "%s", error);
        ck_assert_int_eq(paddr_attach(source, &(PaddrSpec) { .scope = PADDR_ALL }, &space), 0);
}

static void teardown(void) {
        ck_assert_uint_le(fake.max_bits, 1);
        source->ops->detach(source, space);
        source = source_free(source);
        fake_kernel_deinit();
}

static Sample sample_of(uint64_t pfn) {
        return (Sample) { .addr = (pfn << page_shift()) + 77, .trials = 99, .hits = 99 };
}

static void prepare(Sample *samples, size_t n) {
        ck_assert_int_eq(source->ops->prepare(source, space, samples, n), 0);
}

static void check(Sample *samples, size_t n) {
        ck_assert_int_eq(source->ops->check(source, space, samples, n), 0);
}

static Sample look_at(uint64_t pfn) {
        Sample sample = sample_of(pfn);

        prepare(&sample, 1);
        check(&sample, 1);
        return sample;
}

/* A map read anew begins a new epoch: no block is known any more. */
static void forget(void) {
        AddressMap *map;

        ck_assert_int_eq(source->ops->map(source, space, &map), 0);
        address_map_unref(map);
}

static void expect_apart(const Sample *sample, PageUse use) {
        ck_assert_uint_eq(sample->trials, 0);
        ck_assert_uint_eq(sample->hits, 0);
        ck_assert_int_eq(sample->use, use);
}

START_TEST(cold_page_costs_two_calls) {
        fake_map(7, 1000);
        fake_touch(7);

        Sample sample = look_at(1000);
        ck_assert_uint_eq(sample.trials, 1);
        ck_assert_uint_eq(sample.hits, 0);
        ck_assert_uint_eq(source->counters.cold, 1);
        ck_assert_uint_eq(source->counters.syscalls, 2);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 2);
        ck_assert_uint_eq(fake.n_pread + fake.n_pwrite, 2);
}
END_TEST

START_TEST(hot_page_costs_three_calls) {
        Sample sample = sample_of(1000);

        fake_map(7, 1000);
        prepare(&sample, 1);
        fake_touch(7);
        check(&sample, 1);
        ck_assert_uint_eq(sample.trials, 1);
        ck_assert_uint_eq(sample.hits, 1);
        ck_assert_uint_eq(source->counters.syscalls, 3);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 3);
}
END_TEST

/* Nothing but memory of programs is ever hot or cold. */
START_TEST(what_is_no_programs_is_apart) {
        static const struct {
                uint64_t flags;
                PageUse use;
                Untrackable reason;
        } kinds[] = {
                { KPAGE_BUDDY, USE_FREE, UNTRACKABLE_FREE },
                { KPAGE_SLAB, USE_KERNEL, UNTRACKABLE_KERNEL },
                { KPAGE_PGTABLE, USE_KERNEL, UNTRACKABLE_KERNEL },
                { KPAGE_RESERVED, USE_KERNEL, UNTRACKABLE_KERNEL },
                { 0, USE_KERNEL, UNTRACKABLE_KERNEL },
                { KPAGE_ZERO_PAGE, USE_KERNEL, UNTRACKABLE_ZERO_PAGE },
                { KPAGE_HUGE | KPAGE_COMPOUND_HEAD, USE_HUGETLB, UNTRACKABLE_HUGETLB },
                { KPAGE_HUGE | KPAGE_COMPOUND_TAIL, USE_HUGETLB, UNTRACKABLE_HUGETLB },
                { KPAGE_NOPAGE, USE_OFFLINE, UNTRACKABLE_BEYOND },
                { KPAGE_OFFLINE, USE_OFFLINE, UNTRACKABLE_BEYOND },
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                uint64_t pfn = 2000 + i, before = source->counters.untrackable[kinds[i].reason];

                fake.frames[pfn].extra = kinds[i].flags;
                Sample sample = look_at(pfn);
                expect_apart(&sample, kinds[i].use);
                ck_assert_uint_eq(source->counters.untrackable[kinds[i].reason], before + 1);
                ck_assert_uint_eq(source->counters.syscalls, (i + 1) * 3);
        }
        ck_assert_uint_eq(source->counters.hot + source->counters.cold, 0);
}
END_TEST

/* Of a program, but on no list just now: nothing is known of it, and nothing claimed. */
START_TEST(in_a_batch_is_untrackable) {
        fake.frames[3000].extra = KPAGE_ANON | KPAGE_SWAPBACKED | KPAGE_UPTODATE | KPAGE_MMAP;

        Sample sample = look_at(3000);
        expect_apart(&sample, USE_PROGRAM);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_NOT_ON_LRU], 1);
}
END_TEST

/* What lies in a frame may change between mark and check. */
START_TEST(a_frame_changes_hands) {
        Sample samples[2] = { sample_of(1000), sample_of(1500) };

        fake_map(7, 1000);
        fake.frames[1500].extra = KPAGE_BUDDY;
        prepare(samples, 2);
        fake.frames[1000] = (FakeFrame) { .extra = KPAGE_BUDDY }; /* freed */
        fake.frames[1500] = (FakeFrame) { .lru = true };          /* allocated, and so accessed */
        check(samples, 2);
        expect_apart(&samples[0], USE_FREE);
        ck_assert_uint_eq(samples[1].trials, 1);
        ck_assert_uint_eq(samples[1].hits, 1);
}
END_TEST

START_TEST(huge_pages_are_marked_at_their_head) {
        Sample sample;

        fake_folio(1024, 9);
        sample = look_at(1024 + 300);
        expect_apart(&sample, USE_PROGRAM); /* the first tail in a while has no verdict, but teaches where heads are */
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_TAIL], 1);

        sample = look_at(1024 + 301);
        ck_assert_uint_eq(sample.trials, 1);
        ck_assert_uint_eq(sample.hits, 0);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 2);

        sample = sample_of(1024 + 17);
        prepare(&sample, 1);
        fake.frames[1024].accessed = true;
        check(&sample, 1);
        ck_assert_uint_eq(sample.hits, 1);
}
END_TEST

/* Where huge pages were met lately, flags are read first: what is no program's is not marked then. */
START_TEST(looked_up_first) {
        Sample sample;

        fake_folio(1024, 9);
        (void) look_at(1024 + 300);
        fake.frames[4000].extra = KPAGE_BUDDY;
        sample = look_at(4000);
        expect_apart(&sample, USE_FREE);
        ck_assert_uint_eq(fake.frames[4000].writes, 0);

        fake.frames[4100].extra = KPAGE_HUGE | KPAGE_COMPOUND_HEAD;
        fake.frames[4100].large = true;
        forget();
        sample = look_at(4100);
        expect_apart(&sample, USE_HUGETLB);
        ck_assert_uint_eq(fake.frames[4100].writes, 0);
}
END_TEST

START_TEST(beyond_the_last_frame) {
        Sample sample;

        fake.n_frames = 4096 + 10; /* ends within a word */
        sample = look_at(4096 + 3);
        expect_apart(&sample, USE_OFFLINE);
        sample = look_at(100000);
        expect_apart(&sample, USE_OFFLINE);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_BEYOND], 2);
}
END_TEST

START_TEST(no_process_has_it) {
        Space *other;

        ck_assert_int_eq(source->ops->attach(source, 1, &other), -EINVAL);
}
END_TEST

/* ---- Where memory lies ---- */

static const char *const iomem =
        "00000000-00000fff : Reserved\n"
        "00001000-0009fbff : System RAM\n"
        "000a0000-000bffff : PCI Bus 0000:00\n"
        "00100000-3ffdefff : System RAM\n"
        "  01000000-01ffffff : Kernel code\n"
        "100000000-1ffffffff : CXL Window 0\n"
        "  100000000-1ffffffff : region0\n"
        "    100000000-13fffffff : System RAM (kmem)\n";

static void expect_range(const Layout *layout, size_t i, uint64_t start, uint64_t end, uint32_t node) {
        ck_assert_uint_lt(i, layout->n);
        ck_assert_uint_eq(layout->ranges[i].start, start);
        ck_assert_uint_eq(layout->ranges[i].end, end);
        ck_assert_uint_eq(layout->ranges[i].node, node);
}

START_TEST(from_iomem) {
        _cleanup_(layout_deinit) Layout layout = {};

        ck_assert_int_eq(layout_parse_iomem(iomem, &layout), 0);
        ck_assert_uint_eq(layout.n, 3);
        expect_range(&layout, 0, 0x1000, 0x9f000, 0); /* whole pages */
        expect_range(&layout, 1, 0x100000, 0x3ffdf000, 0);
        expect_range(&layout, 2, 0x100000000, 0x140000000, 0);
}
END_TEST

START_TEST(odd_iomem) {
        static const char *const wrong[] = {
                "x", "00001000-0009fbff System RAM\n", "2000-1000 : System RAM\n", "0-ffffffffffffffff : System RAM\n",
                "1000- : System RAM\n", "10000000000000000-20000000000000000 : System RAM\n",
        };
        _cleanup_(layout_deinit) Layout layout = {};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                ck_assert_int_eq(layout_parse_iomem(wrong[i], &layout), -EBADMSG);

        /* without CAP_SYS_ADMIN */
        ck_assert_int_eq(layout_parse_iomem("00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n", &layout), 0);
        ck_assert_uint_eq(layout.n, 0);
        ck_assert_int_eq(layout_parse_iomem("", &layout), 0);
        ck_assert_uint_eq(layout.n, 0);
}
END_TEST

static const char *const zoneinfo =
        "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 5\n  pages free     3840\n        min      66\n"
        "        spanned  4095\n        present  3998\n        managed  3840\n        protection: (0, 1, 2)\n"
        "  start_pfn:           1\n"
        "Node 0, zone    DMA32\n        spanned  126976\n  start_pfn:           4096\n"
        "Node 0, zone   Normal\n        spanned  0\n  start_pfn:           0\n"
        "Node 1, zone    DMA32\n        spanned  131072\n  start_pfn:           131072\n";

START_TEST(from_zoneinfo) {
        _cleanup_(layout_deinit) Layout layout = {};
        uint64_t page = UINT64_C(1) << page_shift();

        ck_assert_int_eq(layout_parse_zoneinfo(zoneinfo, &layout), 0);
        ck_assert_uint_eq(layout.n, 2);
        expect_range(&layout, 0, page, 131072 * page, 0);
        expect_range(&layout, 1, 131072 * page, 262144 * page, 1);
        ck_assert_int_eq(layout_parse_zoneinfo("Node x\n", &layout), -EBADMSG);
        ck_assert_int_eq(layout_parse_zoneinfo("Node 0\n spanned 18446744073709551615\n start_pfn: 5\n", &layout),
                         -EBADMSG);
}
END_TEST

/* ---- A whole machine ---- */

static char tree[64];
static RootFds roots;

static void put(const char *name, const char *text) {
        char path[256];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/%s", tree, name);
        for (char *slash = strchr(path + strlen(tree) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                (void) mkdir(path, 0700);
                *slash = '/';
        }
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

/* A node's directory has a link for each of its blocks; that there is one is all that counts. */
static void put_block(unsigned node, unsigned block, const char *state) {
        char name[128];

        (void) snprintf(name, sizeof(name), "sys/devices/system/node/node%u/memory%u", node, block);
        put(name, "");
        (void) snprintf(name, sizeof(name), "sys/devices/system/memory/memory%u/state", block);
        put(name, state);
}

static void setup_tree(void) {
        (void) snprintf(tree, sizeof(tree), "/var/tmp/udamon-layout-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(tree));
        put("proc/version", "");
        put("sys/devices/system/node/online", "0-1\n");
        ck_assert_int_eq(root_fds_open(&roots, tree), 0);
}

static void teardown_tree(void) {
        char command[96];

        root_fds_close(&roots);
        (void) snprintf(command, sizeof(command), "rm -rf %s", tree);
        ck_assert_int_eq(system(command), 0);
}

static void put_blocks(void) {
        put("sys/devices/system/memory/block_size_bytes", "8000000\n");
        put_block(0, 0, "online\n");
        put_block(0, 1, "online\n");
        put_block(1, 2, "online\n");
        put_block(1, 3, "offline\n");
        put("sys/devices/system/node/node1/memory_failure", "");
}

START_TEST(nothing_tells) {
        Layout layout;

        ck_assert_int_eq(layout_read(&roots, &layout), -ENODATA);
}
END_TEST

START_TEST(iomem_by_node) {
        _cleanup_(layout_deinit) Layout layout = {};
        _cleanup_free_ uint32_t *nodes = NULL;
        size_t n;

        put("proc/iomem", "00001000-0009fbff : System RAM\n00100000-17ffffff : System RAM\n");
        put_blocks();
        ck_assert_int_eq(layout_read(&roots, &layout), 0);
        ck_assert_int_eq(layout.origin, LAYOUT_IOMEM);
        ck_assert_uint_eq(layout.n, 3);
        expect_range(&layout, 0, 0x1000, 0x9f000, 0);
        expect_range(&layout, 1, 0x100000, 0x10000000, 0);
        expect_range(&layout, 2, 0x10000000, 0x18000000, 1);
        ck_assert_int_eq(layout_nodes(&layout, &nodes, &n), 0);
        ck_assert_uint_eq(n, 2);
        ck_assert_uint_eq(nodes[0], 0);
        ck_assert_uint_eq(nodes[1], 1);
}
END_TEST

START_TEST(blocks_where_iomem_is_zeros) {
        _cleanup_(layout_deinit) Layout layout = {};

        put("proc/iomem", "00000000-00000000 : System RAM\n");
        put("proc/zoneinfo", zoneinfo);
        put_blocks();
        ck_assert_int_eq(layout_read(&roots, &layout), 0);
        ck_assert_int_eq(layout.origin, LAYOUT_BLOCKS);
        ck_assert_uint_eq(layout.n, 2); /* block 3 is offline */
        expect_range(&layout, 0, 0, 256 * MIB, 0);
        expect_range(&layout, 1, 256 * MIB, 384 * MIB, 1);
}
END_TEST

START_TEST(zones_where_there_are_no_blocks) {
        _cleanup_(layout_deinit) Layout layout = {};

        put("proc/zoneinfo", zoneinfo);
        ck_assert_int_eq(layout_read(&roots, &layout), 0);
        ck_assert_int_eq(layout.origin, LAYOUT_ZONEINFO);
        ck_assert_uint_eq(layout.n, 2);
}
END_TEST

/* Memory that comes and goes is seen when the map is read again. */
START_TEST(hotplug) {
        Source *other = NULL;
        AddressMap *map;
        Space *node;

        put("proc/kpageflags", "");
        put("sys/kernel/mm/page_idle/bitmap", "");
        put_blocks();
        ck_assert_int_eq(paddr_source_new(&roots, &FAKE_IO, &other, NULL), 0);
        ck_assert_int_eq(paddr_attach(other, &(PaddrSpec) { .scope = PADDR_NODE, .node = 1 }, &node), 0);

        ck_assert_int_eq(other->ops->map(other, node, &map), 0);
        ck_assert_uint_eq(map->bytes, 128 * MIB);
        address_map_unref(map);

        put_block(1, 3, "online\n");
        ck_assert_int_eq(other->ops->map(other, node, &map), 0);
        ck_assert_uint_eq(map->bytes, 256 * MIB);
        ck_assert_uint_eq(map->mappings[0].start, 256 * MIB);
        address_map_unref(map);

        put_block(1, 2, "offline\n");
        put_block(1, 3, "offline\n");
        ck_assert_int_eq(other->ops->map(other, node, &map), 0);
        ck_assert_uint_eq(map->bytes, 0);
        address_map_unref(map);

        put("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 1000 kB\nNode 1 MemFree: 400 kB\n");
        ck_assert_uint_eq(other->ops->size(other, node).mapped, 1000 * 1024);
        ck_assert_uint_eq(other->ops->size(other, node).resident, 600 * 1024);
        other->ops->detach(other, node);
        source_free(other);
}
END_TEST

START_TEST(ranges_are_taken_as_they_are) {
        const Range ranges[] = { { 0x1000, 0x5000 }, { 0x100000000, 0x200000000 } };
        AddressMap *map;
        Space *other;

        ck_assert_int_eq(paddr_attach(source, &(PaddrSpec) { PADDR_RANGES, 0, ranges, 2 }, &other), 0);
        ck_assert_int_eq(source->ops->map(source, other, &map), 0);
        ck_assert_uint_eq(map->n_mappings, 2);
        ck_assert_uint_eq(map->mappings[1].end, 0x200000000);
        ck_assert_uint_eq(source->ops->size(source, other).mapped, 0);
        address_map_unref(map);
        source->ops->detach(source, other);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("probe-paddr");
        TCase *frames = tcase_create("frames"), *texts = tcase_create("texts"), *machine = tcase_create("machine");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(frames, setup, teardown);
        tcase_add_test(frames, cold_page_costs_two_calls);
        tcase_add_test(frames, hot_page_costs_three_calls);
        tcase_add_test(frames, what_is_no_programs_is_apart);
        tcase_add_test(frames, in_a_batch_is_untrackable);
        tcase_add_test(frames, a_frame_changes_hands);
        tcase_add_test(frames, huge_pages_are_marked_at_their_head);
        tcase_add_test(frames, looked_up_first);
        tcase_add_test(frames, beyond_the_last_frame);
        tcase_add_test(frames, no_process_has_it);
        tcase_add_test(frames, ranges_are_taken_as_they_are);
        suite_add_tcase(suite, frames);

        tcase_add_test(texts, from_iomem);
        tcase_add_test(texts, odd_iomem);
        tcase_add_test(texts, from_zoneinfo);
        suite_add_tcase(suite, texts);

        tcase_add_checked_fixture(machine, setup_tree, teardown_tree);
        tcase_add_test(machine, nothing_tells);
        tcase_add_test(machine, iomem_by_node);
        tcase_add_test(machine, blocks_where_iomem_is_zeros);
        tcase_add_test(machine, zones_where_there_are_no_blocks);
        tcase_add_test(machine, hotplug);
        suite_add_tcase(suite, machine);

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
