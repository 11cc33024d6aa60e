/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames from the daemon's replies. The daemon is trusted to mean well, not to be free of bugs:
 * what contradicts the interface is refused here, so that no view has to think of it. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "frame.h"

/* More parts or regions than any daemon sends would only be a way to exhaust our memory. */
#define PARTS_MAX 10000

static int malformed(char **ret_error, const char *what, const json_error_t *error) {
        return error_setf(ret_error, -EBADMSG, "the daemon's reply is malformed: %s: %s", what,
                          error->text);
}

/* Wire integers are signed; all of ours count something. */
typedef struct Unsigned {
        const char *name;
        json_int_t value;
} Unsigned;

static int check_unsigned(const Unsigned *fields, size_t n, const char *what, char **ret_error) {
        for (size_t i = 0; i < n; i++)
                if (fields[i].value < 0)
                        return error_setf(ret_error, -EBADMSG,
                                          "the daemon's reply is malformed: %s: %s is negative",
                                          what, fields[i].name);
        return 0;
}

static int working_set_from_json(json_t *json, FrameWorkingSet *ret, char **ret_error) {
        Unsigned f[] = {{"bytes", 0}, {"error", 0},  {"touched", 0}, {"untrackable", 0}, {"total", 0},
                        {"free", 0},  {"kernel", 0}, {"hugetlb", 0}, {"offline", 0}};
        json_error_t error;
        int r;

        if (json_unpack_ex(json, &error, 0, "{s:I, s:I, s:I, s:I, s:I, s?I, s?I, s?I, s?I}", f[0].name, &f[0].value,
                           f[1].name, &f[1].value, f[2].name, &f[2].value, f[3].name, &f[3].value,
                           f[4].name, &f[4].value, f[5].name, &f[5].value, f[6].name, &f[6].value, f[7].name,
                           &f[7].value, f[8].name, &f[8].value) < 0)
                return malformed(ret_error, "working_set", &error);
        r = check_unsigned(f, ELEMENTSOF(f), "working_set", ret_error);
        if (r < 0)
                return r;

        *ret = (FrameWorkingSet) {
                .bytes = (uint64_t) f[0].value,
                .error = (uint64_t) f[1].value,
                .touched = (uint64_t) f[2].value,
                .untrackable = (uint64_t) f[3].value,
                .total = (uint64_t) f[4].value,
                .free = (uint64_t) f[5].value,
                .kernel = (uint64_t) f[6].value,
                .hugetlb = (uint64_t) f[7].value,
                .offline = (uint64_t) f[8].value,
        };
        return 0;
}

int frame_point_from_json(json_t *json, FramePoint *ret, char **ret_error) {
        Unsigned f[] = {{"sequence", 0},
                        {"time_ns", 0},
                        {"window_ns", 0},
                        {"resident_bytes", 0},
                        {"regions", 0}};
        json_t *working_set;
        json_error_t error;
        FramePoint point;
        int r;

        if (json_unpack_ex(json, &error, 0, "{s:I, s:I, s:I, s:I, s:I, s:o}", f[0].name,
                           &f[0].value, f[1].name, &f[1].value, f[2].name, &f[2].value, f[3].name,
                           &f[3].value, f[4].name, &f[4].value, "working_set", &working_set) < 0)
                return malformed(ret_error, "points", &error);
        r = check_unsigned(f, ELEMENTSOF(f), "points", ret_error);
        if (r < 0)
                return r;
        r = working_set_from_json(working_set, &point.working_set, ret_error);
        if (r < 0)
                return r;

        point.sequence = (uint64_t) f[0].value;
        point.time_ns = (uint64_t) f[1].value;
        point.window_ns = (uint64_t) f[2].value;
        point.resident_bytes = (uint64_t) f[3].value;
        point.regions = (uint64_t) f[4].value;
        *ret = point;
        return 0;
}

static int add_target_json(Frame *frame, json_t *json, char **ret_error) {
        Unsigned f[] = { { "id", 0 }, { "address_space", 0 } };
        const char *command, *state;
        json_t *resident = NULL;
        json_int_t pid;
        json_error_t error;
        int hidden = 0;
        int r;

        if (json_unpack_ex(json, &error, 0, "{s:I, s:I, s:s, s:s, s:I, s?o, s?b}", f[0].name,
                           &f[0].value, "pid", &pid, "command", &command, "state", &state,
                           f[1].name, &f[1].value, "resident_bytes", &resident, "addresses_hidden",
                           &hidden) < 0)
                return malformed(ret_error, "targets", &error);
        r = check_unsigned(f, ELEMENTSOF(f), "targets", ret_error);
        if (r < 0)
                return r;

        return frame_add_target(frame, &(FrameTarget) {
                .id = (uint64_t) f[0].value,
                .pid = pid,
                .command = (char *) command,
                .state = (char *) state,
                .address_space = (uint64_t) f[1].value,
                .resident_bytes = json_is_integer(resident) && json_integer_value(resident) >= 0
                                ? (uint64_t) json_integer_value(resident) : FRAME_UNKNOWN,
                .hidden = hidden,
        });
}

/* What one region must satisfy by itself and after the one before it. */
static const char *region_defect(const Frame *frame, const FrameRegion *region) {
        const FrameRegion *last =
                frame->n_regions > 0 ? &frame->regions[frame->n_regions - 1] : NULL;

        if (region->start >= region->end)
                return "empty";
        if (region->hits > region->samples)
                return "more hits than samples";
        if (!(region->rate >= 0 && region->rate <= 1))
                return "a rate outside of 0 to 1";
        if (!(region->apart >= 0 && region->apart <= 1))
                return "a trackable share outside of 0 to 1";
        if (last && (region->target < last->target ||
                     (region->target == last->target && region->start < last->end)))
                return "overlapping or out of order";
        return NULL;
}

static int add_region_json(Frame *frame, json_t *json, char **ret_error) {
        Unsigned f[] = {{"target", 0},  {"start", 0},       {"end", 0},   {"hits", 0},
                        {"samples", 0}, {"untrackable", 0}, {"age_ns", 0}};
        FrameRegion region;
        const char *mapping, *defect;
        json_error_t error;
        double rate, rate_samples = -1, trackable = 1;
        int r;

        if (json_unpack_ex(json, &error, 0, "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:F, s:s, s?F, s?F}",
                           f[0].name, &f[0].value, f[1].name, &f[1].value, f[2].name, &f[2].value,
                           f[3].name, &f[3].value, f[4].name, &f[4].value, f[5].name, &f[5].value,
                           f[6].name, &f[6].value, "rate", &rate, "mapping", &mapping, "trackable",
                           &trackable, "rate_samples", &rate_samples) < 0)
                return malformed(ret_error, "regions", &error);
        r = check_unsigned(f, ELEMENTSOF(f), "regions", ret_error);
        if (r < 0)
                return r;

        r = frame_find_target(frame, (uint64_t) f[0].value);
        if (r < 0)
                return error_setf(ret_error, -EBADMSG,
                                  "the daemon's reply is malformed: regions: "
                                  "target %" PRIi64 " is not among the targets",
                                  (int64_t) f[0].value);
        region = (FrameRegion) {
                .target = (uint32_t) r,
                .start = (uint64_t) f[1].value,
                .end = (uint64_t) f[2].value,
                .hits = (uint64_t) f[3].value,
                .samples = (uint64_t) f[4].value,
                .untrackable = (uint64_t) f[5].value,
                .age_ns = (uint64_t) f[6].value,
                .rate = rate,
                .rate_samples = rate_samples,
                .apart = 1 - trackable,
        };
        defect = region_defect(frame, &region);
        if (defect)
                return error_setf(ret_error, -EBADMSG,
                                  "the daemon's reply is malformed: region at 0x%" PRIx64 ": %s",
                                  region.start, defect);
        r = frame_add_mapping(frame, mapping, &region.mapping);
        if (r < 0)
                return r;
        return frame_add_region(frame, &region);
}

static int add_regions(Frame *frame, json_t *regions, char **ret_error) {
        json_t *item;
        size_t i;
        int r;

        if (!json_is_array(regions))
                return error_setf(ret_error, -EBADMSG,
                                  "the daemon's reply is malformed: regions is not an array");
        json_array_foreach(regions, i, item) {
                r = add_region_json(frame, item, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill_strings(Frame *frame, const char *monitor, const char *source,
                        const char *granularity) {
        frame->monitor = strdup(monitor);
        frame->source = strdup(source);
        frame->granularity = strdup(granularity);
        return frame->monitor && frame->source && frame->granularity ? 0 : -ENOMEM;
}

/* Everything but the regions; the same in each part. */
static int fill_header(Frame *frame, json_t *json, char **ret_error) {
        Unsigned f[] = {{"sequence", 0},
                        {"time_ns", 0},
                        {"window_ns", 0},
                        {"sample_ns", 0},
                        {"aggregate_ns", 0}};
        const char *monitor, *source, *granularity;
        json_t *working_set, *targets, *item;
        json_error_t error;
        size_t i;
        int reads, r;

        if (json_unpack_ex(json, &error, 0,
                           "{s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:b, s:o, s:o}", f[0].name,
                           &f[0].value, f[1].name, &f[1].value, f[2].name, &f[2].value, f[3].name,
                           &f[3].value, f[4].name, &f[4].value, "monitor", &monitor, "source",
                           &source, "granularity", &granularity, "reads_seen", &reads,
                           "working_set", &working_set, "targets", &targets) < 0)
                return malformed(ret_error, "snapshot", &error);
        r = check_unsigned(f, ELEMENTSOF(f), "snapshot", ret_error);
        if (r < 0)
                return r;
        r = working_set_from_json(working_set, &frame->point.working_set, ret_error);
        if (r < 0)
                return r;
        r = fill_strings(frame, monitor, source, granularity);
        if (r < 0)
                return r;

        frame->point.sequence = (uint64_t) f[0].value;
        frame->point.time_ns = (uint64_t) f[1].value;
        frame->point.window_ns = (uint64_t) f[2].value;
        frame->sample_ns = (uint64_t) f[3].value;
        frame->aggregate_ns = (uint64_t) f[4].value;
        frame->reads_seen = reads;
        json_array_foreach(targets, i, item) {
                r = add_target_json(frame, item, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_part(Frame **frame, json_t *json, bool *ret_complete, char **ret_error) {
        json_int_t sequence, parts;
        json_t *regions;
        json_error_t error;
        int r;

        if (json_unpack_ex(json, &error, 0, "{s:I, s:I, s:o}", "sequence", &sequence, "parts",
                           &parts, "regions", &regions) < 0)
                return malformed(ret_error, "snapshot", &error);
        if (parts < 1 || parts > PARTS_MAX)
                return error_setf(ret_error, -EBADMSG, "the daemon's reply is malformed: %" PRIi64
                                  " parts", (int64_t) parts);

        if (!*frame) {
                *frame = frame_new();
                if (!*frame)
                        return -ENOMEM;
                r = fill_header(*frame, json, ret_error);
                if (r < 0)
                        return r;
        } else if ((*frame)->point.sequence != (uint64_t) sequence) {
                return error_setf(ret_error, -EBADMSG, "the daemon's reply is malformed: snapshot %"
                                  PRIu64 " broke off in the middle", (*frame)->point.sequence);
        }

        r = add_regions(*frame, regions, ret_error);
        if (r < 0)
                return r;
        (*frame)->point.regions = (*frame)->n_regions;
        (*frame)->point.resident_bytes = frame_resident(*frame);
        *ret_complete = ++(*frame)->parts_seen >= (uint64_t) parts;
        return 0;
}

int frame_add_part(Frame **frame, json_t *snapshot, bool *ret_complete, char **ret_error) {
        int r;

        r = add_part(frame, snapshot, ret_complete, ret_error);
        if (r < 0)
                *frame = frame_free(*frame);
        return r;
}
