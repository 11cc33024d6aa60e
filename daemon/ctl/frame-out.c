/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames in the form of the interface's Snapshot, in one part. */
#include "frame.h"

#include "base/macro.h"

/* Wire integers are signed. */
static json_t *integer(uint64_t value) {
        return json_integer((json_int_t) MIN(value, (uint64_t) INT64_MAX));
}

/* Recordings come from anywhere; what is no UTF-8 cannot be said in JSON. */
static json_t *string(const char *text) {
        json_t *value = json_string(text ? text : "?");

        return value ? value : json_string("?");
}

static uint64_t regions_of(const Frame *frame, size_t target) {
        uint64_t n = 0;

        for (size_t i = 0; i < frame->n_regions; i++)
                n += frame->regions[i].target == target;
        return n;
}

static json_t *targets_json(const Frame *frame) {
        json_t *targets = json_array();

        for (size_t i = 0; i < frame->n_targets; i++) {
                const FrameTarget *t = &frame->targets[i];
                json_t *target = json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "id", integer(t->id), "pid",
                                           (json_int_t) t->pid, "command", string(t->command), "state",
                                           string(t->state), "address_space", integer(t->address_space), "regions",
                                           integer(regions_of(frame, i)));

                if (target && t->resident_bytes != FRAME_UNKNOWN)
                        (void) json_object_set_new(target, "resident_bytes", integer(t->resident_bytes));
                if (json_array_append_new(targets, target) < 0)
                        return json_decref(targets), NULL;
        }
        return targets;
}

static json_t *regions_json(const Frame *frame) {
        json_t *regions = json_array();

        for (size_t i = 0; i < frame->n_regions; i++) {
                const FrameRegion *r = &frame->regions[i];

                json_t *region = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o}", "target",
                                           integer(frame->targets[r->target].id), "start", integer(r->start),
                                           "end", integer(r->end), "hits", integer(r->hits), "samples",
                                           integer(r->samples), "untrackable", integer(r->untrackable),
                                           "rate", r->rate, "age_ns", integer(r->age_ns), "mapping",
                                           string(frame->mappings[r->mapping]));

                if (region && r->rate_samples >= 0)
                        (void) json_object_set_new(region, "rate_samples", json_real(r->rate_samples));
                if (region && r->apart > 0)
                        (void) json_object_set_new(region, "trackable", json_real(1 - r->apart));
                if (json_array_append_new(regions, region) < 0)
                        return json_decref(regions), NULL;
        }
        return regions;
}

static json_t *working_set_json(const FrameWorkingSet *w) {
        const struct {
                const char *name;
                uint64_t bytes;
        } apart[] = {
                { "free", w->free }, { "kernel", w->kernel }, { "hugetlb", w->hugetlb }, { "offline", w->offline },
        };
        json_t *set = json_pack("{s:o, s:o, s:o, s:o, s:o}", "bytes", integer(w->bytes), "error", integer(w->error),
                                "touched", integer(w->touched), "untrackable", integer(w->untrackable), "total",
                                integer(w->total));

        for (size_t i = 0; set && i < ELEMENTSOF(apart); i++)
                if (apart[i].bytes > 0)
                        (void) json_object_set_new(set, apart[i].name, integer(apart[i].bytes));
        return set;
}

json_t *frame_to_json(const Frame *frame) {
        const FramePoint *p = &frame->point;

        return json_pack("{s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "monitor",
                         string(frame->monitor), "sequence", integer(p->sequence), "part", 0, "parts", 1, "time_ns",
                         integer(p->time_ns), "window_ns", integer(p->window_ns), "sample_ns",
                         integer(frame->sample_ns), "aggregate_ns", integer(frame->aggregate_ns), "source",
                         string(frame->source), "granularity", string(frame->granularity), "reads_seen",
                         frame->reads_seen, "working_set", working_set_json(&p->working_set), "targets",
                         targets_json(frame), "regions", regions_json(frame));
}
