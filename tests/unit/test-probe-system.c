/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about the machine, and what follows for the sources. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "kernel/cgroup.h"
#include "kernel/node.h"
#include "kernel/pressure.h"
#include "kernel/system.h"
#include "kernel/tiers.h"
#include "probe/caps.h"

START_TEST(distances) {
        uint32_t values[3] = {};

        ck_assert_int_eq(distances_parse("10 21 31\n", values, 3), 3);
        ck_assert_uint_eq(values[2], 31);
        ck_assert_int_eq(distances_parse("10", values, 3), 1);
        ck_assert_int_eq(distances_parse("\n", values, 3), 0);
        ck_assert_int_eq(distances_parse("10 21 31 41\n", values, 3), -EBADMSG);
        ck_assert_int_eq(distances_parse("10 x\n", values, 3), -EBADMSG);
        ck_assert_int_eq(distances_parse("-1\n", values, 3), -EBADMSG);
        ck_assert_int_eq(distances_parse("4294967296\n", values, 3), -EBADMSG);
}
END_TEST

START_TEST(memory) {
        MemInfo info;

        ck_assert_int_eq(meminfo_parse("MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:   500 kB\n"
                                       "SwapTotal:        7 kB\nSwapFree:         6 kB\nAnonPages: 5 kB\n"
                                       "Active:  3 kB\nInactive: 2 kB\nActive(anon): 1 kB\nInactive(file): 2 kB\n",
                                       &info), 0);
        ck_assert_uint_eq(info.total, 1000 * 1024);
        ck_assert_uint_eq(info.free, 10 * 1024);
        ck_assert_uint_eq(info.available, 500 * 1024);
        ck_assert_uint_eq(info.swap_total, 7 * 1024);
        ck_assert_uint_eq(info.swap_free, 6 * 1024);
        ck_assert_uint_eq(info.anon, 5 * 1024);
        ck_assert_uint_eq(info.active, 3 * 1024);
        ck_assert_uint_eq(info.inactive, 2 * 1024);
        ck_assert_int_eq(meminfo_parse("", &info), -EBADMSG);
        ck_assert_int_eq(meminfo_parse("MemTotal: x kB\n", &info), -EBADMSG);
        ck_assert_int_eq(meminfo_parse("MemTotal: 18446744073709551615 kB\n", &info), -EBADMSG);
}
END_TEST

START_TEST(counters) {
        VmStat stat;

        ck_assert_int_eq(vmstat_parse("pgscan_kswapd 5\npgscan_direct 7\npgscan_direct_throttle 100\n"
                                      "pswpin 1\nworkingset_refault_anon 2\nworkingset_refault_file 3\n",
                                      &stat), 0);
        ck_assert_uint_eq(stat.pages_scanned, 12);
        ck_assert_uint_eq(stat.swapped_in, 1);
        ck_assert_uint_eq(stat.refaults, 5);
        ck_assert_uint_eq(stat.migrated, 0);
        ck_assert_int_eq(vmstat_parse("nothing 1\n", &stat), -EBADMSG);
}
END_TEST

START_TEST(pressures) {
        Pressure p;

        ck_assert_int_eq(pressure_parse("some avg10=1.50 avg60=0.07 avg300=100.00 total=12345\n"
                                        "full avg10=0.00 avg60=0.00 avg300=0.25 total=99\n", &p), 0);
        ck_assert(p.some.avg10 == 1.5);
        ck_assert(p.some.avg60 > 0.069 && p.some.avg60 < 0.071);
        ck_assert(p.some.avg300 == 100);
        ck_assert_uint_eq(p.some.total, 12345);
        ck_assert(p.full.avg300 == 0.25);
        ck_assert_uint_eq(p.full.total, 99);
        ck_assert(p.has_full);
        ck_assert_int_eq(pressure_parse("some avg10=1.50 avg60=0.07 avg300=1.00 total=1\n", &p), 0);
        ck_assert(!p.has_full);
        ck_assert_uint_eq(p.full.total, 0);
        ck_assert_int_eq(pressure_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709551615", &p), 0);
        ck_assert_uint_eq(p.some.total, UINT64_MAX);
}
END_TEST

#define SOME "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"

START_TEST(bad_pressures) {
        static const char *const texts[] = {
                "",
                "\n",
                "some avg10=1.50\n",
                "some avg10=1.5e3 avg60=0.07 avg300=1.00 total=1\n",
                "some avg10=1.500 avg60=0.07 avg300=1.00 total=1\n",
                "some avg10=-1.50 avg60=0.07 avg300=1.00 total=1\n",
                "some avg10=1.00 avg60=2.00 avg300=3.00 total=\n",
                "some avg10=1.00 avg60=2.00 avg300=3.00 total=4 \n",
                "some avg10=1.00 avg60=2.00 avg300=3.00 total=18446744073709551616\n",
                "full avg10=1.00 avg60=2.00 avg300=3.00 total=4\n" SOME,
                SOME "full avg10=0.00\n",
                SOME "rest\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Pressure p = { .some.total = 5 };

                ck_assert_msg(pressure_parse(texts[i], &p) == -EBADMSG, "%s", texts[i]);
                ck_assert_uint_eq(p.some.total, 5);
        }
}
END_TEST

START_TEST(node_memory) {
        static const char *const bad[] = {
                "",
                "\n",
                "MemTotal: 1 kB\nMemFree: 1 kB\n",
                "Node 0 MemTotal: 1 kB\nNode 0 MemFree: 1 kB\n",
                "Node 3 MemTotal: 1 kB\n",
                "Node 3 MemFree: 1 kB\n",
                "Node 3 MemTotal: 1 kB\nNode 3 MemFree: 2 kB\n",
                "Node 3 MemTotal: 1 MB\nNode 3 MemFree: 1 kB\n",
                "Node 3 MemTotal: x kB\nNode 3 MemFree: 1 kB\n",
                "Node 3 MemTotal: 18446744073709551615 kB\nNode 3 MemFree: 1 kB\n",
                "Node 3 MemTotal: 1 kB\nNode 3 MemFree: 1 kB\nrubbish\n",
        };
        NodeMemory node;

        ck_assert_int_eq(node_memory_parse("Node 3 MemTotal:       11888844 kB\nNode 3 MemFree:        11003424 kB\n"
                                           "Node 3 MemUsed:          885420 kB\nNode 3 HugePages_Free:      0\n",
                                           3, &node), 0);
        ck_assert_uint_eq(node.total, UINT64_C(11888844) * 1024);
        ck_assert_uint_eq(node.free, UINT64_C(11003424) * 1024);
        ck_assert_int_eq(node_memory_parse("Node 3 MemTotal: 0 kB\nNode 3 MemFree: 0 kB\n", 3, &node), 0);
        ck_assert_uint_eq(node.total, 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(node_memory_parse(bad[i], 3, &node) == -EBADMSG, "%s", bad[i]);
}
END_TEST

#define LRU(n) "inactive_anon " n "\nactive_anon " n "\ninactive_file " n "\nactive_file " n "\n"

START_TEST(numa_stats) {
        static const char *const bad[] = {
                "",
                "anon N0=1\nfile N0=1\n",
                "inactive_anon N0=1\nactive_anon N0=1\ninactive_file N0=1\n",
                LRU("N0=1") "active_file N0=1\n",
                LRU("N0=x"),
                LRU("0=1"),
                LRU("N0=1 "),
                LRU("N0=1x"),
                LRU("N0=18446744073709551615"),
                LRU("N0=18446744073709551616"),
        };
        uint64_t sum = 7;

        ck_assert_int_eq(memory_numa_stat_parse("anon N0=5 N12=6\n" LRU("N0=1 N12=100") "unevictable N0=9 N12=9\n", 0, &sum), 0);
        ck_assert_uint_eq(sum, 4);
        ck_assert_int_eq(memory_numa_stat_parse(LRU("N0=1 N12=100"), 12, &sum), 0);
        ck_assert_uint_eq(sum, 400);
        ck_assert_int_eq(memory_numa_stat_parse(LRU("N0=1 N12=100"), 1, &sum), -ENOENT);
        ck_assert_int_eq(memory_numa_stat_parse(LRU("N0=0"), 0, &sum), 0);
        ck_assert_uint_eq(sum, 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(memory_numa_stat_parse(bad[i], 0, &sum) == -EBADMSG, "%s", bad[i]);
        ck_assert_uint_eq(sum, 0);
}
END_TEST

START_TEST(swap_devices) {
        static const char header[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        char text[512];
        Swaps swaps;

        ck_assert_int_eq(swaps_parse(header, &swaps), 0);
        ck_assert_uint_eq(swaps.n, 0);
        (void) snprintf(text, sizeof(text), "%s%s", header,
                        "/dev/zram0                              partition\t1000\t\t10\t\t100\n"
                        "/swap\\040file                          file\t\t2000\t\t0\t\t-2\n");
        ck_assert_int_eq(swaps_parse(text, &swaps), 0);
        ck_assert_uint_eq(swaps.n, 2);
        ck_assert_uint_eq(swaps.size, 3000 * 1024);
        ck_assert_uint_eq(swaps.used, 10 * 1024);
        ck_assert_int_eq(swaps_parse("", &swaps), -EBADMSG);
        (void) snprintf(text, sizeof(text), "%s/dev/zram0 partition\n", header);
        ck_assert_int_eq(swaps_parse(text, &swaps), -EBADMSG);
}
END_TEST

START_TEST(small_files) {
        ThpMode mode;
        NodeSet nodes;
        uint64_t n;

        ck_assert_int_eq(thp_mode_parse("always [madvise] never\n", &mode), 0);
        ck_assert_int_eq(mode, THP_MADVISE);
        ck_assert_int_eq(thp_mode_parse("[always] madvise never\n", &mode), 0);
        ck_assert_int_eq(mode, THP_ALWAYS);
        ck_assert_int_eq(thp_mode_parse("always madvise never\n", &mode), -EBADMSG);

        ck_assert_int_eq(node_set_parse("0\n", &nodes), 0);
        ck_assert_uint_eq(nodes.n, 1);
        ck_assert_int_eq(node_set_parse("0-2,5,64\n", &nodes), 0);
        ck_assert_uint_eq(nodes.n, 5);
        ck_assert_uint_eq(nodes.bits[0], 0x27);
        ck_assert_uint_eq(nodes.bits[1], 1);
        ck_assert_int_eq(node_set_parse("0-\n", &nodes), -EBADMSG);
        ck_assert_int_eq(node_set_parse("2-1\n", &nodes), -EBADMSG);
        ck_assert_int_eq(node_set_parse("0,99999\n", &nodes), -EBADMSG);
        ck_assert_int_eq(node_set_parse("0 1\n", &nodes), -EBADMSG);

        ck_assert_int_eq(lru_gen_parse("0x0007\n", &n), 0);
        ck_assert_uint_eq(n, 7);
        ck_assert_int_eq(lru_gen_parse("7\n", &n), -EBADMSG);
        ck_assert_int_eq(number_parse("2\n", &n), 0);
        ck_assert_uint_eq(n, 2);
        ck_assert_int_eq(number_parse("-1\n", &n), -EBADMSG);
        ck_assert_int_eq(cap_effective_parse("Name:\tx\nCapEff:\t000001fffeffffff\n", &n), 0);
        ck_assert_uint_eq(n, UINT64_C(0x1fffeffffff));
        ck_assert_int_eq(cap_effective_parse("Name:\tx\n", &n), -EBADMSG);
}
END_TEST

/* ---- Capabilities ---- */

static Capabilities *probe(const RootFds *roots) {
        Capabilities *caps = NULL;

        ck_assert_int_eq(capabilities_probe(roots, &caps), 0);
        ck_assert_uint_gt(strlen(caps->kernel), 0);
        for (size_t i = 0; i < caps->n_items; i++) {
                ck_assert_ptr_nonnull(caps->items[i].detail);
                ck_assert_ptr_nonnull(caps->items[i].cost);
                ck_assert(caps->items[i].state == CAPABILITY_OK || *caps->items[i].cost);
        }
        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++)
                ck_assert_ptr_nonnull(caps->sources[kind].reason);
        return caps;
}

static const Capability *item(const Capabilities *caps, const char *name) {
        for (size_t i = 0; i < caps->n_items; i++)
                if (streq(caps->items[i].name, name))
                        return &caps->items[i];
        ck_abort_msg("no item %s", name);
}

static bool warns(const Capabilities *caps, SourceKind kind, const char *word) {
        bool found = false;
        char **texts;

        ck_assert_int_eq(capabilities_warnings(caps, kind, &texts), 0);
        for (size_t i = 0; texts[i]; i++) {
                found = found || strstr(texts[i], word);
                free(texts[i]);
        }
        free(texts);
        return found;
}

START_TEST(this_machine) {
        RootFds roots;
        Capabilities *caps;

        ck_assert_int_eq(root_fds_open(&roots, ""), 0);
        caps = probe(&roots);
        for (size_t i = 0; i < caps->n_items; i++)
                printf("  %-16s %-8s %s%s%s\n", caps->items[i].name,
                       capability_state_name(caps->items[i].state), caps->items[i].detail,
                       *caps->items[i].cost ? "; " : "", caps->items[i].cost);
        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++)
                printf("  %-16s %-8s %s\n", source_kind_name((SourceKind) kind),
                       caps->sources[kind].usable ? "usable" : "missing", caps->sources[kind].reason);
        ck_assert_int_ne(caps->best, SOURCE_SIM);
        ck_assert(caps->sources[caps->best].usable || caps->best == SOURCE_REFERENCED);
        capabilities_free(caps);
        root_fds_close(&roots);
}
END_TEST

typedef struct File {
        const char *path;
        const char *text;
} File;

static char tree[64];

static void add_file(const File *file) {
        char path[256];

        for (const char *p = strchr(file->path, '/'); p; p = strchr(p + 1, '/')) {
                (void) snprintf(path, sizeof(path), "%s/%.*s", tree, (int) (p - file->path), file->path);
                (void) mkdir(path, 0700);
        }
        (void) snprintf(path, sizeof(path), "%s/%s", tree, file->path);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, file->text, strlen(file->text)), (ssize_t) strlen(file->text));
        ck_assert_int_eq(close(fd), 0);
}

static void remove_tree(void) {
        char command[128];

        (void) snprintf(command, sizeof(command), "rm -r %s", tree);
        ck_assert_int_eq(system(command), 0);
}

START_TEST(other_machines) {
        static const File poor[] = { { "proc/version", "" }, { "sys/kernel/notes", "" } };
        static const File busy[] = {
                { "proc/self/clear_refs", "" },
                { "proc/self/smaps", "" },
                { "proc/sys/kernel/numa_balancing", "1\n" },
                { "sys/kernel/mm/lru_gen/enabled", "0x0007\n" },
                { "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n" },
                { "sys/kernel/mm/ksm/run", "1\n" },
                { "sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds", "0\n" },
                { "sys/devices/system/node/online", "0-1\n" },
        };
        Capabilities *caps;
        RootFds roots;

        (void) snprintf(tree, sizeof(tree), "/var/tmp/probe-system-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(tree));
        for (size_t i = 0; i < ELEMENTSOF(poor); i++)
                add_file(&poor[i]);
        ck_assert_int_eq(root_fds_open(&roots, tree), 0);
        caps = probe(&roots);
        ck_assert(!caps->sources[SOURCE_IDLE].usable);
        ck_assert(!caps->sources[SOURCE_SOFTDIRTY].usable);
        ck_assert(!caps->sources[SOURCE_REFERENCED].usable);
        ck_assert(caps->sources[SOURCE_SIM].usable);
        ck_assert_int_eq(caps->best, SOURCE_REFERENCED);
        ck_assert_ptr_nonnull(strstr(caps->sources[SOURCE_IDLE].reason, "CONFIG_IDLE_PAGE_TRACKING"));
        ck_assert(!warns(caps, SOURCE_IDLE, "multi-generational"));
        capabilities_free(caps);

        for (size_t i = 0; i < ELEMENTSOF(busy); i++)
                add_file(&busy[i]);
        caps = probe(&roots);
        ck_assert(caps->sources[SOURCE_REFERENCED].usable);
        ck_assert_int_eq(item(caps, "mglru")->state, CAPABILITY_LIMITED);
        ck_assert_int_eq(item(caps, "numa_balancing")->state, CAPABILITY_LIMITED);
        ck_assert_int_eq(item(caps, "numa_nodes")->state, CAPABILITY_OK);
        ck_assert_int_eq(item(caps, "swap")->state, CAPABILITY_MISSING);
        ck_assert_ptr_nonnull(strstr(item(caps, "damon")->detail, "has DAMON"));
        ck_assert(warns(caps, SOURCE_IDLE, "multi-generational"));
        ck_assert(warns(caps, SOURCE_IDLE, "NUMA balancing"));
        ck_assert(warns(caps, SOURCE_IDLE, "KSM"));
        ck_assert(warns(caps, SOURCE_IDLE, "huge page"));
        ck_assert(warns(caps, SOURCE_IDLE, "TLB"));
        ck_assert(!warns(caps, SOURCE_SOFTDIRTY, "multi-generational"));
        ck_assert(warns(caps, SOURCE_SOFTDIRTY, "only writes"));
        ck_assert(warns(caps, SOURCE_REFERENCED, "whole mappings"));
        ck_assert(warns(caps, SOURCE_SIM, "simulated"));
        capabilities_free(caps);
        root_fds_close(&roots);
        remove_tree();
}
END_TEST

/* Where things are, not only what they say. */
START_TEST(small_readers) {
        uint64_t inode = 0, bytes = 0;
        NodeMemory node;
        RootFds roots;
        char path[128];
        struct stat st;
        Tiers tiers;

        (void) snprintf(tree, sizeof(tree), "/var/tmp/probe-system-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(tree));
        add_file(&(File) { "proc/version", "" });
        add_file(&(File) { "sys/devices/system/node/online", "0,2-3\n" });
        add_file(&(File) { "sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 4 kB\nNode 2 MemFree: 1 kB\n" });
        add_file(&(File) { "sys/fs/cgroup/a.slice/b/memory.numa_stat", LRU("N2=10") });
        ck_assert_int_eq(root_fds_open(&roots, tree), 0);

        ck_assert_int_eq(node_memory_read(&roots, 2, &node), 0);
        ck_assert_uint_eq(node.total, 4096);
        ck_assert_int_eq(node_memory_read(&roots, 1, &node), -ENOENT);

        /* nodes 0 and 3 say nothing of themselves: no memory, and no distances */
        ck_assert_int_eq(tiers_read(&roots, &tiers), 0);
        ck_assert_uint_eq(tiers.n, 3);
        ck_assert_int_eq(tiers.n_tiers, 1);
        ck_assert_ptr_null(tiers_find(&tiers, 1));
        ck_assert_ptr_null(tiers_find(&tiers, UINT32_MAX));
        ck_assert_uint_eq(tiers_find(&tiers, 2)->total, 4096);
        ck_assert_int_eq(tiers_find(&tiers, 2)->tier, 0);
        ck_assert_int_eq(tiers_find(&tiers, 3)->tier, -1);
        ck_assert_uint_eq(tiers_find(&tiers, 3)->distance[0], 0);
        tiers_deinit(&tiers);

        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/a.slice/b", tree);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(cgroup_inode(&roots, "/a.slice/b", &inode), 0);
        ck_assert_uint_eq(inode, st.st_ino);
        inode = 0;
        ck_assert_int_eq(cgroup_inode(&roots, "a.slice//b/", &inode), 0);
        ck_assert_uint_eq(inode, st.st_ino);
        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup", tree);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(cgroup_inode(&roots, "/", &inode), 0);
        ck_assert_uint_eq(inode, st.st_ino);
        ck_assert_int_eq(cgroup_inode(&roots, "/a.slice/c", &inode), -ENOENT);
        ck_assert_int_eq(cgroup_inode(&roots, "/a.slice/../a.slice", &inode), -EINVAL);
        ck_assert_int_eq(cgroup_inode(&roots, "..", &inode), -EINVAL);
        ck_assert_int_eq(cgroup_inode(&roots, "/..a/...", &inode), -ENOENT); /* odd names, but names */
        ck_assert_int_eq(cgroup_inode(&roots, "/a.slice/b/memory.numa_stat", &inode), -ENOTDIR);
        ck_assert_uint_eq(inode, st.st_ino);

        ck_assert_int_eq(cgroup_node_memory_read(&roots, "/a.slice/b", 2, &bytes), 0);
        ck_assert_uint_eq(bytes, 40);
        ck_assert_int_eq(cgroup_node_memory_read(&roots, "/a.slice/b", 0, &bytes), -ENOENT);
        ck_assert_int_eq(cgroup_node_memory_read(&roots, "/a.slice", 2, &bytes), -ENOENT);
        root_fds_close(&roots);
        remove_tree();
}
END_TEST

START_TEST(names) {
        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++)
                ck_assert_int_eq(source_kind_from_name(source_kind_name((SourceKind) kind)), kind);
        ck_assert_int_eq(source_kind_from_name("auto"), -EINVAL);
        ck_assert_int_eq(source_kind_from_name(""), -EINVAL);
        ck_assert_str_eq(capability_state_name(CAPABILITY_LIMITED), "limited");
}
END_TEST

START_TEST(every_kind_has_a_source) {
        RootFds roots;

        ck_assert_int_eq(root_fds_open(&roots, ""), 0);
        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++) {
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_free_ char *error = NULL;
                int r = source_new((SourceKind) kind, &roots, NULL, &source, &error);

                ck_assert(r == 0 ? !error : r < 0 && error);
                if (source)
                        ck_assert_str_eq(source->ops->name, source_kind_name((SourceKind) kind));
        }
        root_fds_close(&roots);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("probe-system");
        TCase *tcase = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(tcase, distances);
        tcase_add_test(tcase, memory);
        tcase_add_test(tcase, counters);
        tcase_add_test(tcase, pressures);
        tcase_add_test(tcase, bad_pressures);
        tcase_add_test(tcase, node_memory);
        tcase_add_test(tcase, numa_stats);
        tcase_add_test(tcase, swap_devices);
        tcase_add_test(tcase, small_files);
        tcase_add_test(tcase, this_machine);
        tcase_add_test(tcase, other_machines);
        tcase_add_test(tcase, small_readers);
        tcase_add_test(tcase, names);
        tcase_add_test(tcase, every_kind_has_a_source);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
