/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about the whole machine. */
#include "kernel/system.h"

#include <errno.h>

#include "base/macro.h"
#include "kernel/scan.h"

#define FILE_MAX ((size_t) 1 << 20)

/* A counter or size by name: its line is the key, blanks, a number. Repeated keys are added up. */
typedef struct Field {
        const char *key;
        uint64_t *value;
} Field;

static int parse_line(const char *line, const Field *fields, size_t n, size_t *found) {
        for (size_t i = 0; i < n; i++) {
                const char *p = line;
                uint64_t value;

                if (!scan_word(&p, fields[i].key))
                        continue;
                scan_blanks(&p);
                if (!scan_decimal(&p, &value))
                        return -EBADMSG;
                *fields[i].value += value;
                (*found)++;
                return 0;
        }
        return 0;
}

/* Fails unless at least one of the fields is there. */
static int parse_fields(const char *text, const Field *fields, size_t n) {
        size_t found = 0;
        int r;

        for (const char *line = text; line; line = scan_next_line(line)) {
                r = parse_line(line, fields, n, &found);
                if (r < 0)
                        return r;
        }
        return found > 0 ? 0 : -EBADMSG;
}

int meminfo_parse(const char *text, MemInfo *ret) {
        MemInfo info = {};
        const Field fields[] = {
                { "MemTotal:", &info.total },
                { "MemFree:", &info.free },
                { "MemAvailable:", &info.available },
                { "AnonPages:", &info.anon },
                { "Active:", &info.active },
                { "Inactive:", &info.inactive },
                { "SwapTotal:", &info.swap_total },
                { "SwapFree:", &info.swap_free },
        };
        int r;

        r = parse_fields(text, fields, ELEMENTSOF(fields));
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (__builtin_mul_overflow(*fields[i].value, UINT64_C(1024), fields[i].value))
                        return -EBADMSG;
        *ret = info;
        return 0;
}

int vmstat_parse(const char *text, VmStat *ret) {
        VmStat stat = {};
        const Field fields[] = {
                { "pgscan_kswapd ", &stat.pages_scanned },
                { "pgscan_direct ", &stat.pages_scanned },
                { "pgsteal_kswapd ", &stat.pages_reclaimed },
                { "pgsteal_direct ", &stat.pages_reclaimed },
                { "pswpin ", &stat.swapped_in },
                { "pswpout ", &stat.swapped_out },
                { "pgmajfault ", &stat.major_faults },
                { "workingset_refault_anon ", &stat.refaults },
                { "workingset_refault_file ", &stat.refaults },
                { "pgmigrate_success ", &stat.migrated },
                { "numa_hint_faults ", &stat.numa_hint_faults },
        };
        int r;

        r = parse_fields(text, fields, ELEMENTSOF(fields));
        if (r < 0)
                return r;

        *ret = stat;
        return 0;
}

/* "/dev/zram0   partition   1048572   0   100": the name has its blanks escaped. */
static int parse_swap(const char *p, Swaps *swaps) {
        uint64_t size, used;

        p += strcspn(p, " \t\n");
        scan_blanks(&p);
        p += strcspn(p, " \t\n");
        scan_blanks(&p);
        if (!scan_decimal(&p, &size))
                return -EBADMSG;
        scan_blanks(&p);
        if (!scan_decimal(&p, &used) || size > UINT64_MAX / 1024 || used > UINT64_MAX / 1024)
                return -EBADMSG;

        swaps->n++;
        swaps->size += size * 1024;
        swaps->used += used * 1024;
        return 0;
}

int swaps_parse(const char *text, Swaps *ret) {
        const char *line = text;
        Swaps swaps = {};
        int r;

        if (!scan_word(&line, "Filename"))
                return -EBADMSG;

        while ((line = scan_next_line(line))) {
                r = parse_swap(line, &swaps);
                if (r < 0)
                        return r;
        }
        *ret = swaps;
        return 0;
}

const char *thp_mode_name(ThpMode mode) {
        static const char *const names[] = {
                [THP_NEVER] = "never",
                [THP_MADVISE] = "madvise",
                [THP_ALWAYS] = "always",
        };

        return names[mode];
}

int thp_mode_parse(const char *text, ThpMode *ret) {
        const char *open = strchr(text, '[');

        for (ThpMode mode = THP_NEVER; open && mode <= THP_ALWAYS; mode++) {
                const char *p = open + 1;

                if (scan_word(&p, thp_mode_name(mode)) && *p == ']') {
                        *ret = mode;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int add_nodes(NodeSet *set, uint64_t first, uint64_t last) {
        if (first > last || last >= NODES_MAX)
                return -EBADMSG;

        for (uint64_t i = first; i <= last; i++) {
                uint64_t bit = UINT64_C(1) << (i % 64);

                set->n += !(set->bits[i / 64] & bit);
                set->bits[i / 64] |= bit;
        }
        return 0;
}

int node_set_parse(const char *text, NodeSet *ret) {
        const char *p = text;
        NodeSet set = {};
        uint64_t first, last;
        int r;

        do {
                if (!scan_decimal(&p, &first))
                        return -EBADMSG;
                last = first;
                if (scan_char(&p, '-') && !scan_decimal(&p, &last))
                        return -EBADMSG;
                r = add_nodes(&set, first, last);
                if (r < 0)
                        return r;
        } while (scan_char(&p, ','));
        if (*p != '\n' && *p != '\0')
                return -EBADMSG;

        *ret = set;
        return 0;
}

int lru_gen_parse(const char *text, uint64_t *ret) {
        const char *p = text;
        uint64_t value;

        if (!scan_word(&p, "0x") || !scan_hex(&p, &value) || (*p != '\n' && *p != '\0'))
                return -EBADMSG;

        *ret = value;
        return 0;
}

int number_parse(const char *text, uint64_t *ret) {
        const char *p = text;
        uint64_t value;

        if (!scan_decimal(&p, &value) || (*p != '\n' && *p != '\0'))
                return -EBADMSG;

        *ret = value;
        return 0;
}

int cap_effective_parse(const char *text, uint64_t *ret) {
        for (const char *p = text; p; p = scan_next_line(p)) {
                uint64_t value;

                if (!scan_word(&p, "CapEff:"))
                        continue;
                scan_blanks(&p);
                if (!scan_hex(&p, &value))
                        return -EBADMSG;
                *ret = value;
                return 0;
        }
        return -EBADMSG;
}

/* Defines NAME_read(), which reads PATH below a root and hands the text to PARSE. */
#define DEFINE_READ(name, type, root, path, parse)                                                 \
        int name##_read(const RootFds *roots, type *ret) {                                         \
                _cleanup_(buffer_deinit) Buffer buffer = {};                                       \
                int r;                                                                             \
                                                                                                   \
                r = read_whole_at(roots->root, path, FILE_MAX, &buffer);                           \
                return r < 0 ? r : parse(buffer.data, ret);                                        \
        }

DEFINE_READ(meminfo, MemInfo, proc, "meminfo", meminfo_parse)
DEFINE_READ(vmstat, VmStat, proc, "vmstat", vmstat_parse)
DEFINE_READ(swaps, Swaps, proc, "swaps", swaps_parse)
DEFINE_READ(thp_mode, ThpMode, sys, "kernel/mm/transparent_hugepage/enabled", thp_mode_parse)
DEFINE_READ(nodes_online, NodeSet, sys, "devices/system/node/online", node_set_parse)
DEFINE_READ(lru_gen, uint64_t, sys, "kernel/mm/lru_gen/enabled", lru_gen_parse)
DEFINE_READ(numa_balancing, uint64_t, proc, "sys/kernel/numa_balancing", number_parse)
DEFINE_READ(ksm_run, uint64_t, sys, "kernel/mm/ksm/run", number_parse)
DEFINE_READ(cap_effective, uint64_t, proc, "self/status", cap_effective_parse)
