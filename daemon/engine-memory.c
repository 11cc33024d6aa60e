/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of physical memory that a running monitor watches. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "engine-internal.h"
#include "kernel/layout.h"
#include "kernel/node.h"
#include "log.h"
#include "probe/paddr.h"

static int add_memory(Engine *e, const PaddrSpec *spec, const char *name) {
        uint64_t id;
        Space *space;
        int r;

        r = paddr_attach(e->source, spec, &space);
        if (r != 0)
                return r;
        r = monitor_add_target(e->monitor, 0, name, space, &id);
        if (r == 0)
                log_info("monitor '%s': watching the physical memory of %s", e->config.name, name);
        return r;
}

static bool is_watched(const Engine *e, const char *name) {
        for (size_t i = 0; i < monitor_n_targets(e->monitor); i++)
                if (streq(monitor_target(e->monitor, i)->command, name))
                        return true;
        return false;
}

static int add_node(Engine *e, uint32_t node) {
        char name[TARGET_COMMAND_MAX];

        (void) snprintf(name, sizeof(name), "node%" PRIu32, node);
        if (is_watched(e, name))
                return 0;
        return add_memory(e, &(PaddrSpec) { .scope = PADDR_NODE, .node = node }, name);
}

/* Every node that has memory. */
static int add_nodes(Engine *e, char **ret_error) {
        _cleanup_(layout_deinit) Layout layout = {};
        _cleanup_free_ uint32_t *nodes = NULL;
        size_t n;
        int r;

        r = layout_read(e->host.roots, &layout);
        if (r == -ENODATA)
                return error_setf(ret_error, ENGINE_E_TARGET,
                                  "where memory lies cannot be learned: neither /proc/iomem (which needs "
                                  "CAP_SYS_ADMIN) nor memory blocks in /sys nor /proc/zoneinfo say so");
        if (r == 0)
                r = layout_nodes(&layout, &nodes, &n);
        if (r < 0)
                return r;
        if (monitor_n_targets(e->monitor) == 0)
                log_info("monitor '%s': where memory lies is known from %s", e->config.name,
                         layout_origin_name(layout.origin));
        for (size_t i = 0; i < n && r == 0; i++)
                r = add_node(e, nodes[i]);
        return r;
}

/* A node that is named must be there when the monitor starts; it may be taken away later, and come back. */
static int add_named_node(Engine *e, uint32_t node, char **ret_error) {
        NodeMemory memory;
        int r;

        if (e->last_update == 0) {
                r = node_memory_read(e->host.roots, node, &memory);
                if (r == -ENOENT)
                        return error_setf(ret_error, ENGINE_E_TARGET, "there is no NUMA node %" PRIu32, node);
                if (r == 0 && memory.total == 0)
                        return error_setf(ret_error, ENGINE_E_TARGET, "the NUMA node %" PRIu32 " has no memory", node);
        }
        return add_node(e, node);
}

static int add_ranges(Engine *e, const TargetConfig *target, size_t index) {
        PaddrSpec spec = { .scope = PADDR_RANGES, .ranges = target->ranges, .n_ranges = target->n_ranges };
        char name[TARGET_COMMAND_MAX];

        if (target->n_ranges == 0) {
                spec.scope = PADDR_ALL;
                (void) snprintf(name, sizeof(name), "memory");
        } else if (target->n_ranges == 1)
                (void) snprintf(name, sizeof(name), "0x%" PRIx64 "-0x%" PRIx64, target->ranges[0].start,
                                target->ranges[0].end);
        else
                (void) snprintf(name, sizeof(name), "ranges%zu", index);
        return is_watched(e, name) ? 0 : add_memory(e, &spec, name);
}

int engine_add_memory(Engine *e, char **ret_error) {
        int r = 0;

        if (e->config.n_targets == 0)
                return add_nodes(e, ret_error);
        for (size_t i = 0; i < e->config.n_targets && r == 0; i++) {
                const TargetConfig *target = &e->config.targets[i];

                r = target->node != TARGET_NO_NODE ? add_named_node(e, target->node, ret_error)
                                                   : add_ranges(e, target, i);
        }
        return r;
}
