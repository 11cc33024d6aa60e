/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel and these privileges allow: the list of probes, and what follows for the
 * sources.
 *
 * The texts are for the administrator who reads `udamonctl check`: what was found, and what it
 * costs. */
#include "probe/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/format.h"
#include "base/macro.h"
#include "kernel/kpage.h"
#include "kernel/layout.h"
#include "kernel/pagemap.h"
#include "kernel/pressure.h"
#include "kernel/system.h"
#include "probe/own.h"

typedef struct Probe {
        const char *name;
        int (*run)(const RootFds *roots, Capability *capability);
} Probe;

const char *capability_state_name(CapabilityState state) {
        static const char *const names[] = {
                [CAPABILITY_OK] = "ok",
                [CAPABILITY_LIMITED] = "limited",
                [CAPABILITY_MISSING] = "missing",
        };

        return names[state];
}

/* Fills in a capability. 0 or -ENOMEM. */
static int _printf_(4, 5) found(Capability *capability, CapabilityState state, const char *cost,
                                const char *format, ...) {
        _cleanup_free_ char *detail = NULL, *copy = strdup(cost);
        va_list ap;

        va_start(ap, format);
        detail = text_vformat(format, ap);
        va_end(ap);
        if (!detail || !copy)
                return -ENOMEM;

        capability->state = state;
        capability->detail = TAKE_PTR(detail);
        capability->cost = TAKE_PTR(copy);
        return 0;
}

static int probe_page_idle(const RootFds *roots, Capability *capability) {
        static const char cost[] =
                "no page-exact sampling of reads and writes: the source idle is missing";
        _cleanup_close_ int fd =
                openat(roots->sys, "kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);
        uint64_t word;

        if (fd < 0 && errno == ENOENT)
                return found(capability, CAPABILITY_MISSING, cost,
                             "no /sys/kernel/mm/page_idle: the kernel is built without "
                             "CONFIG_IDLE_PAGE_TRACKING");
        if (fd < 0)
                return found(capability, CAPABILITY_MISSING, cost,
                             "/sys/kernel/mm/page_idle/bitmap cannot be opened for writing: %s",
                             error_text(errno));
        if (pread_full(fd, &word, sizeof(word), 0) != sizeof(word))
                return found(capability, CAPABILITY_MISSING, cost,
                             "/sys/kernel/mm/page_idle/bitmap cannot be read");
        return found(capability, CAPABILITY_OK, "", "idle page tracking can be read and written");
}

static int probe_pagemap_pfn(const RootFds *roots, Capability *capability) {
        static const char cost[] = "the source idle cannot find the pages of an address";
        bool visible;
        int r;

        r = own_pfn_visible(roots, &visible);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(capability, CAPABILITY_MISSING, cost,
                             "/proc/self/pagemap cannot be read: %s", error_text(r));
        if (!visible)
                return found(capability, CAPABILITY_MISSING, cost,
                             "pagemap hides page frame numbers: CAP_SYS_ADMIN in the initial user "
                             "namespace is missing");
        return found(capability, CAPABILITY_OK, "", "pagemap shows page frame numbers");
}

static int probe_kpageflags(const RootFds *roots, Capability *capability) {
        _cleanup_close_ int fd = kpage_open(roots);

        if (fd < 0)
                return found(capability, CAPABILITY_MISSING,
                             "the source idle cannot tell accessed pages from those it cannot track",
                             "/proc/kpageflags cannot be opened: %s", error_text(fd));
        return found(capability, CAPABILITY_OK, "", "page flags can be read");
}

static int probe_soft_dirty(const RootFds *roots, Capability *capability) {
        static const char cost[] =
                "no page-exact sampling of writes: the source softdirty is missing";
        bool works;
        int r;

        r = own_soft_dirty(roots, &works);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(capability, CAPABILITY_MISSING, cost, "cannot be tried out: %s",
                             error_text(r));
        if (!works)
                return found(capability, CAPABILITY_MISSING, cost,
                             "a cleared bit does not come back with a write: the kernel is built "
                             "without CONFIG_MEM_SOFT_DIRTY");
        return found(capability, CAPABILITY_OK, "", "cleared bits come back with a write");
}

static int probe_clear_refs(const RootFds *roots, Capability *capability) {
        static const char cost[] = "the sources softdirty and referenced are missing";
        _cleanup_close_ int smaps = openat(roots->proc, "self/smaps", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int clear = openat(roots->proc, "self/clear_refs", O_WRONLY | O_CLOEXEC);

        if (clear < 0 && errno != ENOENT)
                return found(capability, CAPABILITY_MISSING, cost,
                             "/proc/PID/clear_refs cannot be opened: %s", error_text(errno));
        if (clear < 0 || smaps < 0)
                return found(capability, CAPABILITY_MISSING, cost,
                             "no /proc/PID/clear_refs or smaps: the kernel is built without "
                             "CONFIG_PROC_PAGE_MONITOR");
        return found(capability, CAPABILITY_OK, "", "/proc/PID/clear_refs and smaps are there");
}

static int probe_ptrace(const RootFds *roots, Capability *capability) {
        uint64_t caps = 0;
        int r;

        r = cap_effective_read(roots, &caps);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !(caps >> CAP_SYS_PTRACE & 1))
                return found(capability, CAPABILITY_LIMITED,
                             "only processes of the same user can be watched, and none that is "
                             "protected from debugging",
                             "CAP_SYS_PTRACE is not in effect");
        return found(capability, CAPABILITY_OK, "", "processes of all users can be looked at");
}

static int probe_process_madvise(const RootFds *roots, Capability *capability) {
        uint64_t caps = 0;
        int r;

        r = own_process_madvise();
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(capability, CAPABILITY_MISSING,
                             "the actions pageout, cold, willneed and collapse cannot be carried out",
                             "process_madvise(2) fails: %s", error_text(r));
        if (cap_effective_read(roots, &caps) < 0 || !(caps >> CAP_SYS_NICE & 1))
                return found(capability, CAPABILITY_LIMITED,
                             "no action can be carried out on other processes",
                             "process_madvise(2) works, but CAP_SYS_NICE is not in effect");
        return found(capability, CAPABILITY_OK, "", "process_madvise(2) works");
}

static int probe_move_pages(const RootFds *roots, Capability *capability) {
        int r;

        r = own_move_pages();
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(capability, CAPABILITY_MISSING,
                             "the actions migrate_hot and migrate_cold cannot be carried out",
                             "move_pages(2) fails: %s", error_text(r));
        return found(capability, CAPABILITY_OK, "", "move_pages(2) works");
}

static int probe_swap(const RootFds *roots, Capability *capability) {
        char size[FORMAT_MAX], used[FORMAT_MAX];
        Swaps swaps = {};
        int r;

        r = swaps_read(roots, &swaps);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || swaps.n == 0)
                return found(capability, CAPABILITY_MISSING,
                             "pageout frees file pages only: anonymous memory has nowhere to go",
                             "no swap is active");
        return found(capability, CAPABILITY_OK, "", "%s of swap, %s used",
                     format_size(size, swaps.size), format_size(used, swaps.used));
}

static int probe_numa_nodes(const RootFds *roots, Capability *capability) {
        NodeSet nodes;
        int r;

        r = nodes_online_read(roots, &nodes);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || nodes.n < 2)
                return found(capability, CAPABILITY_LIMITED,
                             "migration between nodes has nowhere to go", "one NUMA node");
        return found(capability, CAPABILITY_OK, "", "%zu NUMA nodes", nodes.n);
}

/* Which files say where memory lies, and that page frames can be marked, is all that it takes. */
static int probe_physical(const RootFds *roots, Capability *capability) {
        static const char cost[] = "physical memory (ops: paddr, udamonctl idle --system) cannot be watched";
        _cleanup_(layout_deinit) Layout layout = {};
        _cleanup_close_ int flags = kpage_open(roots);
        _cleanup_free_ uint32_t *nodes = NULL;
        char size[FORMAT_MAX];
        uint64_t bytes = 0;
        size_t n;
        int r;

        if (flags < 0 || faccessat(roots->sys, "kernel/mm/page_idle/bitmap", R_OK | W_OK, AT_EACCESS) < 0)
                return found(capability, CAPABILITY_MISSING, cost,
                             "page frames cannot be marked idle and looked at (see page_idle and kpageflags)");
        r = layout_read(roots, &layout);
        if (r == -ENODATA)
                return found(capability, CAPABILITY_MISSING, cost, "nothing says where memory lies");
        if (r == 0)
                r = layout_nodes(&layout, &nodes, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < layout.n; i++)
                bytes += layout.ranges[i].end - layout.ranges[i].start;
        return found(capability, layout.origin == LAYOUT_IOMEM ? CAPABILITY_OK : CAPABILITY_LIMITED,
                     layout.origin == LAYOUT_IOMEM
                             ? ""
                             : "holes are watched, too, and counted as offline; /proc/iomem, which has none, needs "
                               "CAP_SYS_ADMIN",
                     "%s of memory on %zu node%s, by %s", format_size(size, bytes), n, n == 1 ? "" : "s",
                     layout_origin_name(layout.origin));
}

static int probe_mglru(const RootFds *roots, Capability *capability) {
        uint64_t enabled = 0;
        int r;

        r = lru_gen_read(roots, &enabled);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !(enabled & 1))
                return found(capability, CAPABILITY_OK, "", "the multi-generational LRU is off");
        return found(capability, CAPABILITY_LIMITED,
                     "while memory is reclaimed its aging clears accessed bits, so that pages in "
                     "use may look idle; echo n >/sys/kernel/mm/lru_gen/enabled switches it off",
                     "the multi-generational LRU is on (%#llx)", (unsigned long long) enabled);
}

static int probe_numa_balancing(const RootFds *roots, Capability *capability) {
        uint64_t mode = 0;
        int r;

        r = numa_balancing_read(roots, &mode);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || mode == 0)
                return found(capability, CAPABILITY_OK, "", "automatic NUMA balancing is off");
        return found(capability, CAPABILITY_LIMITED,
                     "it unmaps and migrates pages to see who uses them, which disturbs sampling and "
                     "undoes migrations; sysctl kernel.numa_balancing=0 switches it off",
                     "automatic NUMA balancing is on (mode %llu)", (unsigned long long) mode);
}

static int probe_thp(const RootFds *roots, Capability *capability) {
        ThpMode mode;
        int r;

        r = thp_mode_read(roots, &mode);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(capability, CAPABILITY_LIMITED,
                             "the action collapse cannot be carried out",
                             "the kernel has no transparent huge pages");
        if (mode == THP_NEVER)
                return found(capability, CAPABILITY_OK, "", "transparent huge pages: never");
        return found(capability, CAPABILITY_LIMITED,
                     "a huge page has one accessed bit: one hot part makes all of it look hot",
                     "transparent huge pages: %s", thp_mode_name(mode));
}

static int probe_ksm(const RootFds *roots, Capability *capability) {
        uint64_t run = 0;
        int r;

        r = ksm_run_read(roots, &run);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || run != 1)
                return found(capability, CAPABILITY_OK, "", "merging of equal pages (KSM) is off");
        return found(capability, CAPABILITY_LIMITED,
                     "an access by any process makes a merged page look hot in all of them, and its "
                     "scanner touches pages",
                     "merging of equal pages (KSM) is on");
}

static int probe_psi(const RootFds *roots, Capability *capability) {
        Pressure pressure;
        int r;

        r = pressure_read(roots, PRESSURE_MEMORY, NULL, &pressure);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(capability, CAPABILITY_MISSING,
                             "quota goals on memory pressure cannot be used",
                             "no /proc/pressure/memory: %s (built without CONFIG_PSI, or psi=1 is "
                             "missing on the kernel command line)",
                             error_text(r));
        return found(capability, CAPABILITY_OK, "", "pressure stall information is there");
}

/* Only looked at, never touched. */
static int probe_damon(const RootFds *roots, Capability *capability) {
        if (faccessat(roots->sys, "kernel/mm/damon/admin", F_OK, 0) < 0)
                return found(capability, CAPABILITY_OK, "", "the kernel has no DAMON");
        return found(capability, CAPABILITY_OK,
                     "if it is used on the same memory, the two clear each other's evidence of access",
                     "the kernel has DAMON; udamon does not use it");
}

static const Probe probes[] = {
        { "page_idle", probe_page_idle },
        { "pagemap_pfn", probe_pagemap_pfn },
        { "kpageflags", probe_kpageflags },
        { "soft_dirty", probe_soft_dirty },
        { "clear_refs", probe_clear_refs },
        { "ptrace", probe_ptrace },
        { "process_madvise", probe_process_madvise },
        { "move_pages", probe_move_pages },
        { "swap", probe_swap },
        { "numa_nodes", probe_numa_nodes },
        { "physical", probe_physical },
        { "mglru", probe_mglru },
        { "numa_balancing", probe_numa_balancing },
        { "thp", probe_thp },
        { "ksm", probe_ksm },
        { "psi", probe_psi },
        { "damon", probe_damon },
};

static const Capability *find(const Capabilities *caps, const char *name) {
        for (size_t i = 0; i < caps->n_items; i++)
                if (streq(caps->items[i].name, name))
                        return &caps->items[i];
        return NULL;
}

/* What a source needs, and what its numbers mean where it has that. */
typedef struct Need {
        const char *items[4];
        const char *meaning;
} Need;

static const Need needs[_SOURCE_KIND_MAX] = {
        [SOURCE_IDLE] = {
                { "page_idle", "pagemap_pfn", "kpageflags" },
                "page-exact, sees reads and writes",
        },
        [SOURCE_SOFTDIRTY] = {
                { "soft_dirty", "clear_refs" },
                "page-exact, sees writes only: memory that is only read looks idle; every sampling "
                "interval costs time in proportion to resident memory",
        },
        [SOURCE_REFERENCED] = {
                { "clear_refs" },
                "sees reads and writes of whole mappings: the working set is right, addresses are "
                "coarse; every sampling interval costs time in proportion to resident memory",
        },
        [SOURCE_SIM] = { {}, "a simulated pattern, no real memory: chosen by name only" },
};

static int judge_source(Capabilities *caps, SourceKind kind) {
        SourceFinding *finding = &caps->sources[kind];
        const char *reason = needs[kind].meaning;

        finding->usable = true;
        for (size_t i = 0; i < ELEMENTSOF(needs[kind].items) && needs[kind].items[i]; i++) {
                const Capability *item = find(caps, needs[kind].items[i]);

                if (finding->usable && item->state == CAPABILITY_MISSING) {
                        finding->usable = false;
                        reason = item->detail;
                }
        }

        finding->reason = strdup(reason);
        return finding->reason ? 0 : -ENOMEM;
}

static int judge_sources(Capabilities *caps) {
        int r;

        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++) {
                r = judge_source(caps, (SourceKind) kind);
                if (r < 0)
                        return r;
        }

        /* In the order of the enum; what is simulated is never mistaken for the machine. */
        caps->best = SOURCE_IDLE;
        while (caps->best < SOURCE_REFERENCED && !caps->sources[caps->best].usable)
                caps->best++;
        return 0;
}

static int run_probes(Capabilities *caps, const RootFds *roots) {
        int r;

        caps->items = calloc(ELEMENTSOF(probes), sizeof(*caps->items));
        if (!caps->items)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(probes); i++) {
                caps->items[i].name = probes[i].name;
                r = probes[i].run(roots, &caps->items[i]);
                if (r < 0)
                        return r;
                caps->n_items++;
        }
        return 0;
}

static void capabilities_freep(Capabilities **caps) {
        *caps = capabilities_free(*caps);
}

int capabilities_probe(const RootFds *roots, Capabilities **ret) {
        _cleanup_(capabilities_freep) Capabilities *caps = calloc(1, sizeof(*caps));
        struct utsname names = {};
        int r;

        if (!caps)
                return -ENOMEM;

        (void) uname(&names);
        caps->kernel = strdup(names.release);
        if (!caps->kernel)
                return -ENOMEM;

        r = run_probes(caps, roots);
        if (r < 0)
                return r;
        r = judge_sources(caps);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(caps);
        return 0;
}

Capabilities *capabilities_free(Capabilities *caps) {
        if (!caps)
                return NULL;

        for (size_t i = 0; i < caps->n_items; i++) {
                free(caps->items[i].detail);
                free(caps->items[i].cost);
        }
        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++)
                free(caps->sources[kind].reason);
        free(caps->items);
        free(caps->kernel);
        free(caps);
        return NULL;
}
