/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a monitor's schemes may contain, and the rules about more than one key of them. */
#include "config/schemes.h"

#include <errno.h>

#include "base/macro.h"
#include "config/names.h"

#define WEIGHT_MAX 1000000

/* ---- The whole ---- */

int scheme_check(const SchemeConfig *scheme, const YamlNode *node, ConfigErrors *errors) {
        _cleanup_free_ char *reason = NULL;
        SchemeConfig whole = *scheme;
        char part[] = "part";
        int r;

        if (!whole.name)
                whole.name = part;
        r = scheme_config_validate(&whole, &reason);
        if (r == 0)
                return 0;
        if (!reason)
                return -ENOMEM;
        return schema_error(errors, node, "%s", reason);
}

/* ---- Access pattern ---- */

static const SchemaField pattern_fields[] = {
        { .key = "sz",
          .type = SCHEMA_SIZE,
          .offset = offsetof(AccessPattern, size_min),
          .upper = offsetof(AccessPattern, size_max),
          .usual = UINT64_C(1) << 20,
          .known_as = "size",
          .doc = "How large the region is." },
        { .key = "access_rate",
          .type = SCHEMA_SHARE,
          .offset = offsetof(AccessPattern, rate_min),
          .upper = offsetof(AccessPattern, rate_max),
          .known_as = "nr_accesses",
          .doc = "The share of its checks that found an access." },
        { .key = "age",
          .type = SCHEMA_DURATION,
          .offset = offsetof(AccessPattern, age_min),
          .upper = offsetof(AccessPattern, age_max),
          .usual = NSEC_PER_MINUTE,
          .doc = "For how long it has kept about this access rate; with an access rate of 0%, its idle time." },
        { .key = "confidence",
          .type = SCHEMA_SHARE,
          .offset = offsetof(AccessPattern, confidence),
          .word = "none",
          .doc = "How sure it must be that the access rate lies in this range, give or take 5 percentage points: "
                 "what rests on too few samples is left alone. "
                 "Of idle memory 95% asks for 51 samples since the last access, 99% for 103; "
                 "the policy classic has at most about 66 in mind, directed 1024." },
};

static const SchemaMap pattern_map = {
        .where = "in 'access_pattern'",
        .doc = "Which regions are meant: those for which all of these hold. Both bounds belong to the range. "
               "What is not given does not matter.",
        .fields = pattern_fields,
        .n_fields = ELEMENTSOF(pattern_fields),
        .size = sizeof(AccessPattern),
};

/* ---- Destinations ---- */

static int init_destination(void *object) {
        *(Destination *) object = (Destination) { .weight = 1 };
        return 0;
}

static const SchemaField destination_fields[] = {
        { .key = "node",
          .type = SCHEMA_U32,
          .required = true,
          .offset = offsetof(Destination, node),
          .max = NODES_MAX - 1,
          .known_as = "nid",
          .doc = "The number of the NUMA node." },
        { .key = "weight",
          .type = SCHEMA_U32,
          .offset = offsetof(Destination, weight),
          .min = 1,
          .max = WEIGHT_MAX,
          .doc = "How much of the memory goes there, in proportion to the weights of the other nodes." },
};

static const SchemaMap destination_map = {
        .where = "in a destination",
        .doc = "A NUMA node: a mapping, or just the number of the node.",
        .fields = destination_fields,
        .n_fields = ELEMENTSOF(destination_fields),
        .size = sizeof(Destination),
        .brief = true,
        .init = init_destination,
};

/* In the order of TierWord, from TIER_FAST on. */
static const SchemaChoice tier_choices[] = {
        { "fast", "Any node of the fastest tier, the nearest that has room first.", NULL },
        { "slow", "Any node of the slowest tier, likewise.", NULL },
        { "lower", "Any node of the next slower tier than the one where the memory is.", NULL },
        { "upper", "Any node of the next faster tier than the one where the memory is.", NULL },
        {},
};

static bool migrates(const void *object) {
        const SchemeConfig *scheme = object;

        return action_migrates(scheme->action);
}

static int check_destinations(const SchemaPlace *place) {
        const SchemeConfig *scheme = place->object;
        const YamlNode *list = yaml_child(place->node, "to"), *node = list ? list->first : NULL;
        int r = 0;

        if (migrates(scheme) && scheme->n_destinations == 0 && scheme->to == TIER_LISTED)
                return schema_error(place->errors, list ?: place->node,
                                    "'to' is missing %s: %s needs at least one node", place->map->where,
                                    action_name(scheme->action));
        for (size_t i = 0; node && r == 0; node = node->next, i++)
                for (size_t j = 0; j < i && r == 0; j++)
                        if (scheme->destinations[i].node == scheme->destinations[j].node)
                                r = schema_value_error(place->errors, node, "to: node %u is given twice",
                                                       scheme->destinations[i].node);
        return r;
}

/* ---- Schemes ---- */

static int init_scheme(void *object) {
        scheme_config_init(object);
        ((SchemeConfig *) object)->action = _ACTION_MAX;
        return 0;
}

static void deinit_scheme(void *object) {
        scheme_config_deinit(object);
}

static int check_scheme(const SchemaPlace *place) {
        const YamlNode *action = yaml_child(place->node, "action");
        size_t before = config_errors_count(place->errors);
        SchemeConfig *scheme = place->object;
        int r;

        if (action) {
                scheme->line = action->line;
                scheme->column = action->column;
        }
        if (!place->clean)
                return 0;
        r = check_destinations(place);
        if (r < 0 || config_errors_count(place->errors) > before)
                return r;
        return scheme_check(scheme, place->node, place->errors);
}

/* In the order of Action. */
static const SchemaChoice action_choices[] = {
        { "stat", "Nothing: only count what matches.", NULL },
        { "pageout", "Reclaim the memory now: write it to swap or to its file.", NULL },
        { "cold", "Let the kernel reclaim the memory before other memory, when it needs some.", NULL },
        { "willneed", "Read the memory back from swap or its file before it is used.", NULL },
        { "hugepage", "Let the kernel back the memory with huge pages.", NULL },
        { "collapse", "Put the memory into huge pages now.", NULL },
        { "nohugepage", "Let the kernel not back the memory with huge pages.", NULL },
        { "lru_prio", "Move the pages to the active list: reclaimed last.", NULL },
        { "lru_deprio", "Move the pages to the inactive list: reclaimed first.", NULL },
        { "migrate_hot", "Move the memory to other NUMA nodes, the hottest first.", NULL },
        { "migrate_cold", "Move the memory to other NUMA nodes, the coldest first.", NULL },
        {},
};

static const SchemaField scheme_fields[] = {
        { .key = "name",
          .type = SCHEMA_STRING,
          .required = true,
          .offset = offsetof(SchemeConfig, name),
          .max = CONFIG_NAME_MAX,
          .check = check_name,
          .doc = "The scheme's name, unique in the monitor, by the same rules as a monitor's." },
        { .key = "action",
          .type = SCHEMA_CHOICE,
          .required = true,
          .offset = offsetof(SchemeConfig, action),
          .choices = action_choices,
          .doc = "What is done with the memory. Not every kernel can do all of it for another process: what it "
                 "cannot do is refused when the monitor is started, with the reason." },
        { .key = "enabled",
          .type = SCHEMA_BOOL,
          .offset = offsetof(SchemeConfig, enabled),
          .doc = "Whether the scheme is evaluated at all." },
        { .key = "dry_run",
          .type = SCHEMA_BOOL,
          .offset = offsetof(SchemeConfig, dry_run),
          .doc = "Decide everything, and do nothing: what would have been done is counted and shown." },
        { .key = "act_on_init",
          .type = SCHEMA_BOOL,
          .offset = offsetof(SchemeConfig, act_on_init),
          .doc = "Whether process 1 may be acted on, too, which the whole machine depends on." },
        { .key = "access_pattern",
          .type = SCHEMA_MAP,
          .offset = offsetof(SchemeConfig, pattern),
          .map = &pattern_map,
          .unset = "as below, all memory",
          .doc = "Which regions are meant." },
        { .key = "apply_interval",
          .type = SCHEMA_DURATION,
          .offset = offsetof(SchemeConfig, apply_interval),
          .min = INTERVAL_MIN,
          .max = INTERVAL_MAX,
          .word = "auto",
          .doc = "How often the scheme is evaluated. With auto, at each aggregation." },
        { .key = "quotas",
          .type = SCHEMA_MAP,
          .offset = offsetof(SchemeConfig, quota),
          .map = &quota_map,
          .unset = "no limit",
          .doc = "How much may be done at a time." },
        { .key = "max_swap_out_rate",
          .type = SCHEMA_SIZE,
          .offset = offsetof(SchemeConfig, swap_out_max),
          .known_as = "swap_out_max",
          .doc = "How much anonymous memory may be handed to swap per second, whatever the quotas say; what one second "
                 "leaves, the next does not get. With 0, none; with max, there is no limit." },
        { .key = "watermarks",
          .type = SCHEMA_MAP,
          .offset = offsetof(SchemeConfig, watermarks),
          .map = &watermarks_map,
          .unset = "none, the scheme is always on",
          .doc = "When the scheme is on at all." },
        { .key = "filters",
          .type = SCHEMA_LIST,
          .offset = offsetof(SchemeConfig, filters),
          .count_offset = offsetof(SchemeConfig, n_filters),
          .max = FILTERS_MAX,
          .may_be_empty = true,
          .map = &filter_map,
          .unset = "none",
          .doc = "Which of the memory that matches may be acted on." },
        { .key = "to",
          .type = SCHEMA_LIST,
          .offset = offsetof(SchemeConfig, destinations),
          .count_offset = offsetof(SchemeConfig, n_destinations),
          .max = NODES_MAX,
          .map = &destination_map,
          .applies = migrates,
          .only = "the actions migrate_hot and migrate_cold",
          .known_as = "dests",
          .unset = "none; required there",
          .upper = offsetof(SchemeConfig, to),
          .choices = tier_choices,
          .doc = "The NUMA nodes that the memory is moved to: a list of numbers, or of mappings; or a word for a "
                 "tier of memory. "
                 "Of several nodes in a list each gets its share of the addresses, by weight. Memory that is "
                 "there already costs nothing. Of each node a hundredth is left free. Tiers are those that the kernel "
                 "tells apart; where it does not, nodes with CPUs are the fastest, and the others follow by their "
                 "distance from these." },
};

const SchemaMap scheme_map = {
        .where = "in a scheme",
        .doc = "What to do with which memory, how much at a time, and when not.",
        .fields = scheme_fields,
        .n_fields = ELEMENTSOF(scheme_fields),
        .size = sizeof(SchemeConfig),
        .init = init_scheme,
        .deinit = deinit_scheme,
        .check = check_scheme,
};

/* ---- Schemes by themselves ---- */

static int check_list(const SchemaPlace *place) {
        return check_unique_names(yaml_child(place->node, "schemes"), "scheme", place->errors);
}

static const SchemaField document_fields[] = {
        { SCHEMES_FIELD(SchemeList), .required = true, .doc = "The schemes." },
};

const SchemaMap schemes_schema = {
        .where = "at the top level",
        .doc = "A document of nothing but schemes.",
        .fields = document_fields,
        .n_fields = ELEMENTSOF(document_fields),
        .size = sizeof(SchemeList),
        .check = check_list,
};

/* ---- Changes ---- */

/* What a scheme is and is called, it stays; nothing else is required again. */
int scheme_change(SchemeConfig *scheme, const YamlNode *node, ConfigErrors *errors) {
        SchemaField fields[ELEMENTSOF(scheme_fields)];
        SchemaMap map = scheme_map;

        if (!node->broken && node->kind != YAML_KIND_MAPPING)
                return schema_value_error(errors, node, "must be a mapping, such as {dry_run: true}");

        memcpy(fields, scheme_fields, sizeof(fields));
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                if (!fields[i].required)
                        continue;
                fields[i].type = SCHEMA_REFUSED;
                fields[i].required = false;
                fields[i].doc = streq(fields[i].key, "name") ? "the name of a scheme cannot be changed"
                                                             : "the action of a scheme cannot be changed";
        }
        map.fields = fields;
        return schema_read(&map, node, scheme, errors);
}
