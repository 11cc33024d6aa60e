/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of a simulation: checked as they come, summed up at the end. */
#include "simulation.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/error.h"

/* More schemes than a monitor may have would only be a way to exhaust our memory. */
#define SCHEMES_MAX 256

void simulation_deinit(Simulation *simulation) {
        for (size_t i = 0; i < simulation->n_schemes; i++)
                free(simulation->names[i]);
        free(simulation->names);
        free(simulation->points);
        free(simulation->steps);
        json_decref(simulation->end);
        *simulation = (Simulation) {};
}

/* Room for one element more; doubles what there is. */
static int grow(void *array, size_t *allocated, size_t needed, size_t size) {
        size_t n = MAX(MAX(*allocated * 2, needed), (size_t) 64);
        void *larger;

        if (needed <= *allocated)
                return 0;
        larger = reallocarray(*(void **) array, n, size);
        if (!larger)
                return -ENOMEM;
        *(void **) array = larger;
        *allocated = n;
        return 0;
}

int simulation_sent(Simulation *simulation, const Frame *frame) {
        int r;

        r = grow(&simulation->points, &simulation->points_allocated, simulation->n_sent + 1,
                 sizeof(*simulation->points));
        if (r < 0)
                return r;
        simulation->points[simulation->n_sent++] = (SimulatedPoint) {
                .sequence = frame->point.sequence,
                .time_ns = frame->point.time_ns,
                .window_ns = frame->point.window_ns,
        };
        simulation->mapped_bytes = simulation->idle_bytes = 0;
        for (size_t i = 0; i < frame->n_regions; i++) {
                const FrameRegion *region = &frame->regions[i];

                simulation->mapped_bytes += frame_region_bytes(region);
                if (!frame_region_blind(region) && region->hits == 0)
                        simulation->idle_bytes += frame_region_bytes(region);
        }
        return 0;
}

static int malformed(char **ret_error, const char *what) {
        return error_setf(ret_error, -EBADMSG, "udamond's answer is malformed: %s", what);
}

static int step_from_json(json_t *json, SimulatedStep *ret, const char **ret_name, char **ret_error) {
        static const char *const keys[] = { "matched_regions", "matched_bytes", "would_regions", "would_bytes",
                                            "returned_bytes" };
        uint64_t values[ELEMENTSOF(keys)];

        *ret_name = json_string_value(json_object_get(json, "name"));
        if (!*ret_name)
                return malformed(ret_error, "a scheme without a name");
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                json_t *value = json_object_get(json, keys[i]);

                if (!json_is_integer(value) || json_integer_value(value) < 0)
                        return error_setf(ret_error, -EBADMSG,
                                          "udamond's answer is malformed: scheme '%s': %s is no number", *ret_name,
                                          keys[i]);
                values[i] = (uint64_t) json_integer_value(value);
        }
        *ret = (SimulatedStep) { values[0], values[1], values[2], values[3], values[4] };
        return 0;
}

/* The first answer says which schemes there are. */
static int learn_names(Simulation *simulation, json_t *schemes, char **ret_error) {
        size_t n = json_array_size(schemes);

        if (n > SCHEMES_MAX)
                return malformed(ret_error, "too many schemes");
        simulation->names = calloc(n + 1, sizeof(*simulation->names));
        if (!simulation->names)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *name = json_string_value(json_object_get(json_array_get(schemes, i), "name"));

                simulation->names[i] = strdup(name ? name : "?");
                if (!simulation->names[i])
                        return -ENOMEM;
                simulation->n_schemes++;
        }
        return 0;
}

static int take_steps(Simulation *simulation, json_t *schemes, char **ret_error) {
        size_t at = simulation->n_answered * simulation->n_schemes;
        int r;

        r = grow(&simulation->steps, &simulation->steps_allocated, at + simulation->n_schemes,
                 sizeof(*simulation->steps));
        for (size_t i = 0; r == 0 && i < simulation->n_schemes; i++) {
                const char *name;

                r = step_from_json(json_array_get(schemes, i), &simulation->steps[at + i], &name, ret_error);
                if (r == 0 && !streq(name, simulation->names[i]))
                        r = malformed(ret_error, "the schemes change");
        }
        if (r == 0)
                simulation->n_answered++;
        return r;
}

static int take_snapshot(Simulation *simulation, json_t *answer, char **ret_error) {
        json_t *schemes = json_object_get(answer, "schemes"), *sequence = json_object_get(answer, "sequence");
        int r;

        if (!json_is_array(schemes) || !json_is_integer(sequence))
                return malformed(ret_error, "neither a snapshot nor the end");
        if (simulation->n_answered == simulation->n_sent ||
            (uint64_t) json_integer_value(sequence) != simulation->points[simulation->n_answered].sequence)
                return malformed(ret_error, "an answer to what was not asked");
        if (!simulation->names) {
                r = learn_names(simulation, schemes, ret_error);
                if (r < 0)
                        return r;
        }
        if (json_array_size(schemes) != simulation->n_schemes)
                return malformed(ret_error, "the number of schemes changes");
        return take_steps(simulation, schemes, ret_error);
}

static int take_end(Simulation *simulation, json_t *answer, char **ret_error) {
        json_t *schemes = json_object_get(answer, "schemes"), *item;
        size_t i;

        if (simulation->n_answered < simulation->n_sent)
                return malformed(ret_error, "it ends too early");
        if (!json_is_array(schemes) || json_array_size(schemes) != simulation->n_schemes)
                return malformed(ret_error, "the end lacks schemes");
        json_array_foreach(schemes, i, item) {
                const char *name = json_string_value(json_object_get(item, "name"));

                if (!name || !streq(name, simulation->names[i]) || !json_is_object(json_object_get(item, "context")) ||
                    !json_is_object(json_object_get(item, "runtime")))
                        return malformed(ret_error, "the end lacks schemes");
        }
        simulation->end = json_incref(answer);
        return 0;
}

int simulation_answer(Simulation *simulation, const char *line, size_t length, char **ret_error) {
        json_error_t error;
        json_t *answer;
        int r;

        if (simulation->end)
                return malformed(ret_error, "more after the end");
        answer = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
        if (!answer)
                return malformed(ret_error, error.text);
        r = json_is_true(json_object_get(answer, "end")) ? take_end(simulation, answer, ret_error)
                                                         : take_snapshot(simulation, answer, ret_error);
        json_decref(answer);
        return r;
}

uint64_t simulation_duration(const Simulation *simulation) {
        const SimulatedPoint *first = simulation->points;
        uint64_t begin, end;

        if (simulation->n_answered == 0)
                return 0;
        begin = first->time_ns - MIN(first->window_ns, first->time_ns);
        end = simulation->points[simulation->n_answered - 1].time_ns;
        return end > begin ? end - begin : 0;
}

static double per_second(uint64_t bytes, uint64_t ns) {
        return ns > 0 ? (double) bytes * (double) NSEC_PER_SEC / (double) ns : 0;
}

SimulatedSum simulation_sum(const Simulation *simulation, size_t scheme) {
        SimulatedSum sum = { .first_return_ns = UINT64_MAX, .duration_ns = simulation_duration(simulation) };
        uint64_t first_act = UINT64_MAX;

        for (size_t i = 0; i < simulation->n_answered; i++) {
                const SimulatedStep *step = simulation_step(simulation, i, scheme);
                const SimulatedPoint *point = &simulation->points[i];

                sum.would_bytes += step->would_bytes;
                sum.would_regions += step->would_regions;
                sum.returned_bytes += step->returned_bytes;
                sum.windows_acting += step->would_bytes > 0;
                sum.windows_returning += step->returned_bytes > 0;
                sum.rate_max = MAX(sum.rate_max, per_second(step->would_bytes, point->window_ns));
                if (step->would_bytes > simulation_step(simulation, sum.peak, scheme)->would_bytes)
                        sum.peak = i;
                if (step->returned_bytes > 0 && sum.first_return_ns == UINT64_MAX && first_act <= point->time_ns)
                        sum.first_return_ns = point->time_ns - first_act;
                if (step->would_bytes > 0 && first_act == UINT64_MAX)
                        first_act = point->time_ns;
        }
        sum.rate_mean = per_second(sum.would_bytes, sum.duration_ns);
        return sum;
}
