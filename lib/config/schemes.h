/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a monitor's `schemes` may contain. */
#pragma once

#include "config/schema.h"

/* Each reads into a SchemeConfig, which scheme_config_init() and the defaults of files have filled. */
extern const SchemaMap scheme_map;

/* The parts of it: QuotaConfig, WatermarkConfig, FilterConfig. */
extern const SchemaMap quota_map;
extern const SchemaMap watermarks_map;
extern const SchemaMap filter_map;

#define FILTERS_MAX 64 /* per scheme */
#define NODES_MAX 1024 /* NUMA nodes, as the kernel's MAX_NUMNODES */

/* A list of schemes by itself. */
typedef struct SchemeList {
        SchemeConfig *schemes;
        size_t n_schemes;
} SchemeList;

/* A document with the one key `schemes`; reads into a SchemeList. */
extern const SchemaMap schemes_schema;

/* The field of a struct that holds schemes and n_schemes. */
#define SCHEMES_FIELD(type_)                                                                                         \
        .key = "schemes", .type = SCHEMA_LIST, .offset = offsetof(type_, schemes),                                   \
        .count_offset = offsetof(type_, n_schemes), .max = SCHEMES_MAX, .map = &scheme_map

/* Changes a scheme by a mapping of some of its keys. Errors are reported. 0 or -ENOMEM. */
int scheme_change(SchemeConfig *scheme, const YamlNode *node, ConfigErrors *errors);

/* Validates a scheme, or one of which only a part is given, and reports the reason at the node's key. 0 or
 * -ENOMEM. */
int scheme_check(const SchemeConfig *scheme, const YamlNode *node, ConfigErrors *errors);
