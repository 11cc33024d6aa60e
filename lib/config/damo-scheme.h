/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schemes in files made by DAMO. */
#pragma once

#include "config/damo-map.h"

/* Reads the list `schemes` of a context into the monitor, whose targets and intervals have been read. 0 or
 * -ENOMEM. */
int damo_schemes_read(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

/* Reads a list of filters and adds them to those of the scheme. */
typedef enum DamoLayer {
        DAMO_LAYER_ANY,  /* the list `filters` */
        DAMO_LAYER_CORE, /* `core_filters`: of regions */
        DAMO_LAYER_OPS,  /* `ops_filters`: of pages */
} DamoLayer;

int damo_filters_read(DamoReader *reader, const YamlNode *node, DamoLayer layer, SchemeConfig *scheme);

/* Reads a list of goals. */
int damo_goals_read(DamoReader *reader, const YamlNode *node, QuotaConfig *quota);
