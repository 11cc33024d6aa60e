/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as any of the /proc and /sys files that are read: refused, or sound. The first byte chooses the
 * parser, so that one corpus serves them all. */
#include "base/macro.h"
#include "base/pidref.h"
#include "kernel/cgroup.h"
#include "kernel/layout.h"
#include "kernel/maps.h"
#include "kernel/node.h"
#include "kernel/pressure.h"
#include "kernel/process.h"
#include "kernel/smaps.h"
#include "kernel/system.h"
#include "kernel/tiers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_map(const AddressMap *map) {
        for (size_t i = 0; i < map->n_mappings; i++) {
                const Mapping *m = &map->mappings[i];

                assert(m->start < m->end);
                assert(i == 0 || map->mappings[i - 1].end <= m->start);
                assert(m->name < map->names_size);
        }
}

static void fuzz_maps(const char *text, size_t size) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        HugetlbDevices devices = {};

        (void) hugetlb_devices_parse(text, size, &devices);
        if (maps_parse(text, size, &devices, &map) == 0)
                check_map(map);
}

static void fuzz_layout(const char *text) {
        _cleanup_(layout_deinit) Layout iomem = {}, zones = {};
        const Layout *both[] = { &iomem, &zones };

        (void) layout_parse_iomem(text, &iomem);
        (void) layout_parse_zoneinfo(text, &zones);
        for (size_t k = 0; k < ELEMENTSOF(both); k++)
                for (size_t i = 0; i < both[k]->n; i++) {
                        assert(both[k]->ranges[i].start < both[k]->ranges[i].end);
                        assert(i == 0 || both[k]->ranges[i - 1].end <= both[k]->ranges[i].start);
                }
}

static int on_smaps(const SmapsEntry *entry, void *userdata) {
        (void) userdata;
        assert(entry->start < entry->end);
        return 0;
}

static void fuzz_cgroups(const char *text) {
        _cleanup_free_ char *path = NULL;
        PidList pids = {};

        if (proc_cgroup_parse(text, &path) == 0)
                assert(path && *path == '/');
        (void) cgroup_procs_parse(text, &pids);
        for (size_t i = 0; i < pids.n; i++)
                assert(pids.pids[i] > 0);
        pid_list_deinit(&pids);
}

static void fuzz_small(const char *text, unsigned which) {
        ProcStat stat;
        SpaceSize space;
        MemInfo meminfo;
        VmStat vmstat;
        Pressure pressure;
        NodeMemory node;
        Swaps swaps;
        ThpMode thp;
        NodeSet nodes;
        uint64_t number;
        uint32_t distances[8];

        switch (which % 10) {
        case 0:
                if (proc_stat_parse(text, &stat) == 0)
                        assert(memchr(stat.comm, 0, sizeof(stat.comm)));
                break;
        case 1:
                (void) statm_parse(text, &space);
                break;
        case 2:
                (void) meminfo_parse(text, &meminfo);
                break;
        case 3:
                (void) vmstat_parse(text, &vmstat);
                fuzz_cgroups(text);
                break;
        case 4:
                (void) pressure_parse(text, &pressure);
                (void) memory_numa_stat_parse(text, 0, &number);
                if (node_memory_parse(text, 0, &node) == 0)
                        assert(node.free <= node.total);
                break;
        case 5:
                (void) swaps_parse(text, &swaps);
                break;
        case 6:
                (void) thp_mode_parse(text, &thp);
                (void) distances_parse(text, distances, ELEMENTSOF(distances));
                break;
        case 7:
                (void) node_set_parse(text, &nodes);
                break;
        case 8:
                (void) lru_gen_parse(text, &number);
                (void) number_parse(text, &number);
                break;
        case 9:
                (void) cap_effective_parse(text, &number);
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;

        if (size == 0)
                return 0;

        /* an own allocation of just the size: a read beyond it is seen */
        text = malloc(size);
        assert(text);
        memcpy(text, data + 1, size - 1);
        text[size - 1] = 0;

        switch (data[0]) {
        case 'm':
                fuzz_maps(text, size - 1);
                break;
        case 'l':
                fuzz_layout(text);
                break;
        case 's':
                (void) smaps_parse(text, size - 1, on_smaps, NULL);
                break;
        default:
                fuzz_small(text, data[0]);
        }
        return 0;
}
