/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which memory a scheme may act on, beyond its access pattern: filters. */
#include "base/macro.h"
#include "config/names.h"
#include "config/schemes.h"

/* In the order of FilterType. */
static const SchemaChoice type_choices[] = {
        { "addr", "Memory inside an address range.", NULL },
        { "target", "Memory of one of the monitor's targets.", NULL },
        { "anon", "Anonymous pages: no file behind them.", NULL },
        { "file", "Pages with a file behind them, or shared memory.", NULL },
        { "memcg", "Pages that are charged to exactly this cgroup, not to those below it.", NULL },
        { "young", "Pages that were accessed since they were last looked at.", NULL },
        { "active", "Pages on an active LRU list.", NULL },
        { "hugepage_size", "Pages of these sizes; an ordinary page has 4KiB.", NULL },
        { "unmapped", "Pages that no page table maps.", NULL },
        { "swapped", "Pages that are in swap.", NULL },
        { "shared", "Pages that other processes map, too.", NULL },
        { "node", "Pages on this NUMA node.", NULL },
        {},
};

static bool is_type(const void *object, FilterType type) {
        return ((const FilterConfig *) object)->type == type;
}

static bool takes_addr(const void *object) {
        return is_type(object, FILTER_ADDR);
}

static bool takes_target(const void *object) {
        return is_type(object, FILTER_TARGET);
}

static bool takes_path(const void *object) {
        return is_type(object, FILTER_MEMCG);
}

static bool takes_size(const void *object) {
        return is_type(object, FILTER_HUGEPAGE_SIZE);
}

static bool takes_node(const void *object) {
        return is_type(object, FILTER_NODE);
}

static int init_filter(void *object) {
        *(FilterConfig *) object = (FilterConfig) { .type = _FILTER_TYPE_MAX, .matching = true };
        return 0;
}

static void deinit_filter(void *object) {
        free(((FilterConfig *) object)->cgroup);
}

static const SchemaField filter_fields[] = {
        { .key = "type",
          .type = SCHEMA_CHOICE,
          .required = true,
          .offset = offsetof(FilterConfig, type),
          .choices = type_choices,
          .known_as = "filter_type",
          .doc = "What the filter looks at. The first two look at addresses, the others at each page." },
        { .key = "matching",
          .type = SCHEMA_BOOL,
          .offset = offsetof(FilterConfig, matching),
          .doc = "Whether the filter hits memory that is of the type (true), or all other memory (false)." },
        { .key = "allow",
          .type = SCHEMA_BOOL,
          .required = true,
          .offset = offsetof(FilterConfig, allow),
          .known_as = "filter_pass",
          .doc = "Whether what the filter hits is acted on (true) or left alone (false)." },
        { .key = "addr",
          .type = SCHEMA_ADDRESS,
          .required = true,
          .offset = offsetof(FilterConfig, min),
          .upper = offsetof(FilterConfig, max),
          .half_open = true,
          .applies = takes_addr,
          .only = "filters of the type addr",
          .known_as = "address_range",
          .doc = "From the first address up to, and without, the second; in hexadecimal behind 0x, or decimal." },
        { .key = "target",
          .type = SCHEMA_U32,
          .required = true,
          .offset = offsetof(FilterConfig, index),
          .max = UINT16_MAX,
          .applies = takes_target,
          .only = "filters of the type target",
          .known_as = "target_idx",
          .doc = "Which of the monitor's targets, from 0, in the order of the file." },
        { .key = "path",
          .type = SCHEMA_STRING,
          .required = true,
          .offset = offsetof(FilterConfig, cgroup),
          .max = 4095,
          .check = check_cgroup,
          .applies = takes_path,
          .only = "filters of the type memcg",
          .known_as = "memcg_path",
          .doc = "The cgroup, as a path below /sys/fs/cgroup such as /system.slice/db.service." },
        { .key = "sz",
          .type = SCHEMA_SIZE,
          .required = true,
          .offset = offsetof(FilterConfig, min),
          .upper = offsetof(FilterConfig, max),
          .usual = UINT64_C(2) << 20,
          .applies = takes_size,
          .only = "filters of the type hugepage_size",
          .known_as = "size_range",
          .doc = "The least and the largest size of the page, both included." },
        { .key = "nid",
          .type = SCHEMA_U32,
          .required = true,
          .offset = offsetof(FilterConfig, index),
          .max = NODES_MAX - 1,
          .applies = takes_node,
          .only = "filters of the type node",
          .known_as = "node",
          .doc = "The number of the NUMA node." },
};

const SchemaMap filter_map = {
        .where = "in a filter",
        .doc = "A filter of the list; the first one that hits decides. When none hits, memory passes, unless the "
               "last filter allows: then what it does not hit is left alone.",
        .fields = filter_fields,
        .n_fields = ELEMENTSOF(filter_fields),
        .size = sizeof(FilterConfig),
        .init = init_filter,
        .deinit = deinit_filter,
};
