/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitors of physical memory: what their targets may be. */
#pragma once

#include "config/schema.h"
#include "config/schemes.h"

#define PHYSICAL_RANGES_MAX 256

extern const SchemaMap physical_range_map;

/* Whether a target (TargetConfig) is a NUMA node. */
bool physical_has_node(const void *object);

/* Rules about the ranges of a target, and about the targets of a monitor. 0 or -ENOMEM. */
int physical_check_target(const SchemaPlace *place);
int physical_check_monitor(const SchemaPlace *place);

/* The fields of a target (TargetConfig) of physical memory. */
#define PHYSICAL_TARGET_FIELDS                                                                                         \
        { .key = "node",                                                                                               \
          .type = SCHEMA_U32,                                                                                          \
          .offset = offsetof(TargetConfig, node),                                                                      \
          .max = NODES_MAX - 1,                                                                                        \
          .applies = physical_has_node,                                                                                \
          .only = "targets of the ops paddr",                                                                          \
          .unset = "none",                                                                                             \
          .doc = "All memory of this NUMA node. Only with the ops paddr." },                                           \
        { .key = "ranges",                                                                                             \
          .type = SCHEMA_LIST,                                                                                         \
          .offset = offsetof(TargetConfig, ranges),                                                                    \
          .count_offset = offsetof(TargetConfig, n_ranges),                                                            \
          .max = PHYSICAL_RANGES_MAX,                                                                                  \
          .map = &physical_range_map,                                                                                  \
          .unset = "none",                                                                                             \
          .doc = "These physical addresses, whatever lies there. Only with the ops paddr." }
