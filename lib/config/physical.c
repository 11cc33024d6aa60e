/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is special about monitors of physical memory. */
#include "config/physical.h"

#include "base/macro.h"

bool physical_has_node(const void *object) {
        return ((const TargetConfig *) object)->node != TARGET_NO_NODE;
}

int physical_check_target(const SchemaPlace *place) {
        const TargetConfig *target = place->object;

        for (size_t i = 1; i < target->n_ranges; i++)
                if (target->ranges[i].start < target->ranges[i - 1].end)
                        return schema_error(place->errors, place->node,
                                            "the ranges of a target must be in ascending order, and not overlap");
        return 0;
}

static const SchemaField range_fields[] = {
        { .key = "addr",
          .type = SCHEMA_ADDRESS,
          .required = true,
          .offset = offsetof(Range, start),
          .upper = offsetof(Range, end),
          .half_open = true,
          .doc = "From the first address up to, and without, the second; in hexadecimal behind 0x, or decimal." },
};

const SchemaMap physical_range_map = {
        .where = "in a range",
        .doc = "A range of physical addresses; [first, end] for short.",
        .fields = range_fields,
        .n_fields = ELEMENTSOF(range_fields),
        .size = sizeof(Range),
        .brief = true,
};

/* Physical memory has no processes, and processes have no nodes. */
int physical_check_monitor(const SchemaPlace *place) {
        const MonitorConfig *monitor = place->object;
        const YamlNode *list = yaml_child(place->node, "targets"), *item = list ? list->first : NULL;
        const YamlNode *source = yaml_child(place->node, "source");
        bool physical = monitor_config_is_physical(monitor);
        int r = 0;

        if (!place->clean)
                return 0;
        if (physical && !streq(monitor->source, "auto") && !streq(monitor->source, "idle"))
                r = schema_error(place->errors, source,
                                 "physical memory (ops: paddr) can only be watched by the source idle");
        for (size_t i = 0; i < monitor->n_targets && item && r == 0; i++, item = item->next) {
                const TargetConfig *target = &monitor->targets[i];

                if (physical != (target->node != TARGET_NO_NODE || target->n_ranges > 0))
                        r = schema_error(place->errors, item,
                                         physical ? "physical memory (ops: paddr) has no processes: a target is a "
                                                    "'node' or 'ranges'"
                                                  : "a 'node' or 'ranges' of memory needs ops: paddr");
        }
        return r;
}
