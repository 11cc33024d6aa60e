/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The views. Each takes frames (or their points) and draws on a screen, or makes the JSON document.
 * They return 0, an ExitStatus (told) or a negative error number. */
#pragma once

#include <jansson.h>

#include "base/format.h"
#include "feed.h"
#include "frame.h"
#include "heat.h"
#include "idle.h"
#include "options.h"
#include "screen.h"
#include "simulation.h"

/* "35%"; whole percents, unless there were enough checks for more; never 0 % for what was accessed.
 * '~' in front of it for few checks, "?" for none. */
char *format_rate(char buf[static FORMAT_MAX], const FrameRegion *region);

/* What monitor, when, by which source, and what that source cannot see. */
void view_frame_header(const Screen *screen, const Frame *frame);

/* Of physical memory: a line on what is no memory of programs. */
void view_apart(const Screen *screen, const FrameWorkingSet *working_set);

int view_regions(const Screen *screen, const Arguments *args, const Frame *frame);
/* The rows alone; brief: without explanations and totals. */
int view_regions_rows(const Screen *screen, const Arguments *args, const Frame *frame, bool brief);
json_t *view_regions_json(const Arguments *args, const Frame *frame);

/* The one-row map of a frame, with its axis; explained by a legend and the list of areas. */
int view_heat_strip(const Screen *screen, const Frame *frame, bool explain);
/* The letters above a map, and what they stand for below it. */
void view_heat_axis(const Screen *screen, const HeatLayout *layout, size_t indent);
void view_heat_areas(const Screen *screen, const HeatLayout *layout);
void view_heat_row(const Screen *screen, const HeatLayout *layout, const HeatRow *row,
                   const char *label, size_t label_width);

int view_heatmap_frame(const Screen *screen, const Arguments *args, const Frame *frame);
int view_heatmap_recording(const Screen *screen, const Arguments *args, Recording *recording);
json_t *view_heatmap_json(const Screen *screen, const Arguments *args, Recording *recording);
int view_heatmap_follow(const Screen *screen, const Arguments *args, Feed *feed);

int view_wss(const Screen *screen, const Arguments *args, const FramePoint *points, size_t n);
json_t *view_wss_json(const Arguments *args, const FramePoint *points, size_t n);

int view_idle(const Screen *screen, const Frame *frame);
int view_idle_tables(const Screen *screen, const Frame *frame); /* without the header */
json_t *view_idle_json(const Frame *frame);
/* Of a monitor of physical memory that has looked for so long: all percentiles, and the estimated bandwidth. */
int view_idle_system(const Screen *screen, const Frame *frame, nsec_t observed);
json_t *view_idle_system_json(const Frame *frame, nsec_t observed);

int view_nodes(const Screen *screen, json_t *reply);
int view_status(const Screen *screen, json_t *status);

/* All monitors, a row each. */
int view_monitors(const Screen *screen, json_t *status);
json_t *view_monitors_json(json_t *status);
/* Whether an item of a Monitor's targets has ended: it holds no memory any more. */
bool target_ended(json_t *target);
/* Of all targets of the interface's Monitor that have not ended; FRAME_UNKNOWN where that of one is not known. */
uint64_t monitor_resident(json_t *monitor);

int view_check(const Screen *screen, json_t *capabilities, bool private);

/* The replies of GetSchemes, GetSchemeLog and SetScheme. */
int view_schemes(const Screen *screen, json_t *reply);
int view_scheme_log(const Screen *screen, json_t *reply);
int view_scheme_line(const Screen *screen, json_t *reply);
/* A reply of GetEvents. */
int view_events(const Screen *screen, json_t *reply);
/* What the schemes of a run did, in a few lines. */
int view_schemes_brief(const Screen *screen, json_t *schemes);

int view_simulate(const Screen *screen, const Arguments *args, const Recording *recording,
                  const Simulation *simulation);
json_t *view_simulate_json(const Arguments *args, const Recording *recording, const Simulation *simulation);

/* Parts of JSON documents. NULL when out of memory. */
json_t *json_bytes(uint64_t bytes); /* null for FRAME_UNKNOWN */
json_t *json_working_set(const FrameWorkingSet *working_set);
json_t *json_frame_header(const Frame *frame);

/* What the daemon said. A number that is absent or negative is 0, a text that is absent NULL. */
uint64_t json_number(json_t *object, const char *key);
const char *json_text(json_t *object, const char *key);

/* A text from elsewhere, made harmless and broken at spaces; every line but the first is indented. */
void print_wrapped(const Screen *screen, const char *text, size_t indent);

/* "  applied       12MiB in 3 regions …", a line of a block, wrapped. */
void print_labelled(const Screen *screen, const char *label, const char *format, ...) _printf_(3, 4);

/* Prints the document on standard output and drops it. */
int print_json(json_t *document);
