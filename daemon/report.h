/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place that turns state into the wire's words (io.udamon.monitor.varlink). */
#pragma once

#include "engine.h"
#include "sight.h"
#include "wire/writer.h"

#define UDAMON_INTERFACE "io.udamon.monitor"
#define UDAMON_ERROR(name) UDAMON_INTERFACE "." name
#define UDAMON_METHOD(name) UDAMON_INTERFACE "." name

/* In how many replies the snapshot is sent; 1 at least. */
size_t report_snapshot_parts(const Snapshot *snapshot);

/* Writes "snapshot": {…} with part `part` of its regions. writer may be NULL (nothing is sent). */
void report_snapshot(Writer *writer, const Engine *engine, const Snapshot *snapshot, size_t part);

/* Writes what a TargetSpec has. */
void report_target_spec(Writer *writer, const TargetConfig *target);

/* Writes key: {…}, a Monitor, as the view may see it. */
void report_monitor(Writer *writer, const char *key, const Engine *engine, const View *view);

/* Writes "monitor" and "points". */
void report_history(Writer *writer, const Engine *engine);

/* Writes the parameters of GetCapabilities' reply. support may be NULL: not known. */
void report_capabilities(Writer *writer, const Capabilities *caps, const ActionSupport *support);
