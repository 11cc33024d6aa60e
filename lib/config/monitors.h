/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file of monitors.d/ may contain. */
#pragma once

#include "config/schema.h"

/* Reads into a Config. */
extern const SchemaMap monitors_schema;

/* One of its monitors; reads into a MonitorConfig. */
extern const SchemaMap monitor_map;
