/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory policies: which nodes a process has bound its mappings to. move_pages() would not care. */
#include "action/policy.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macro.h"
#include "kernel/scan.h"

/* To tell, the kernel walks all page tables of the process: asked again so rarely that it costs a hundredth. */
#define AGE_MIN (60 * NSEC_PER_SEC)
#define COST_SHARE 100

#define FILE_MAX ((size_t) 64 << 20)

/* "7f0000000000 bind:1 anon=4 …" or "bind=static:0-1": whether it binds, and to what. */
static bool parse_line(const char *p, uint64_t *ret_start, NodeSet *ret) {
        char nodes[256];
        size_t n;

        if (!scan_hex(&p, ret_start) || !scan_word(&p, " bind"))
                return false;
        n = strcspn(p, ": \n");
        if (p[n] != ':')
                return false;
        p += n + 1;
        n = strcspn(p, " \n");
        if (n >= sizeof(nodes))
                return false;
        memcpy(nodes, p, n);
        nodes[n] = '\0';
        return node_set_parse(nodes, ret) == 0;
}

int bindings_parse(const char *text, Bindings *ret) {
        _cleanup_(bindings_deinit) Bindings found = {};

        for (const char *line = text; line && *line; line = scan_next_line(line)) {
                Binding binding = {};
                Binding *all;

                if (!parse_line(line, &binding.start, &binding.nodes))
                        continue;
                all = reallocarray(found.bindings, found.n + 1, sizeof(*all));
                if (!all)
                        return -ENOMEM;
                found.bindings = all;
                found.bindings[found.n++] = binding;
        }
        *ret = TAKE_GENERIC(found, (Bindings) {});
        return 0;
}

void bindings_deinit(Bindings *bindings) {
        free(bindings->bindings);
        *bindings = (Bindings) {};
}

bool bindings_allow(const Bindings *bindings, uint64_t mapping, uint32_t node) {
        for (size_t i = 0; i < bindings->n; i++)
                if (bindings->bindings[i].start == mapping)
                        return node_set_has(&bindings->bindings[i].nodes, node);
        return true;
}

/* ---- The cache ---- */

static PolicyEntry *find(PolicyCache *cache, const Process *process) {
        for (size_t i = 0; i < POLICY_CACHE; i++)
                if (cache->entries[i].pid == process->ref.pid &&
                    cache->entries[i].start_time == process->ref.start_time)
                        return &cache->entries[i];
        return NULL;
}

/* An empty place, or that which is due first. */
static PolicyEntry *place(PolicyCache *cache) {
        PolicyEntry *entry = &cache->entries[0];

        for (size_t i = 1; i < POLICY_CACHE && entry->pid != 0; i++)
                if (cache->entries[i].pid == 0 || cache->entries[i].due < entry->due)
                        entry = &cache->entries[i];
        return entry;
}

const Bindings *policy_of(PolicyCache *cache, const Process *process, uint32_t address_space, nsec_t (*now)(void)) {
        PolicyEntry *entry = find(cache, process);
        _cleanup_(buffer_deinit) Buffer buffer = {};
        _cleanup_close_ int fd = -1;
        nsec_t before = now(), after;

        if (entry && entry->address_space == address_space && before < entry->due)
                return &entry->bindings;

        entry = entry ?: place(cache);
        bindings_deinit(&entry->bindings);
        /* a kernel without it, or a process that just ends: nothing is known to be bound */
        if (process_open_file(process, "numa_maps", O_RDONLY, &fd) == 0 && read_whole(fd, FILE_MAX, &buffer) == 0)
                (void) bindings_parse(buffer.data, &entry->bindings);
        after = now();
        entry->pid = process->ref.pid;
        entry->start_time = process->ref.start_time;
        entry->address_space = address_space;
        entry->due = after + MAX(AGE_MIN, (after - before) * COST_SHARE);
        return &entry->bindings;
}

void policy_cache_deinit(PolicyCache *cache) {
        for (size_t i = 0; i < POLICY_CACHE; i++)
                bindings_deinit(&cache->entries[i].bindings);
}
