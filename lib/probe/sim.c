/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `sim`. */
#include "probe/sim.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/rng.h"

const char SIM_PATTERN_DEFAULT[] = "area heap 4GiB\n"
                                   "area cache 12GiB\n"
                                   "area log 256MiB\n"
                                   "phase 20s\n"
                                   "touch heap 0 600MiB 100%\n"
                                   "touch heap 2GiB 1GiB 30%\n"
                                   "touch cache 4GiB 2GiB 10%\n"
                                   "phase 20s\n"
                                   "touch heap 0 200MiB 100%\n"
                                   "touch cache 4GiB 2GiB 60%\n"
                                   "touch log 0 64MiB 50%\n";

#define AREA_FIRST UINT64_C(0x100000000000)
#define AREA_GAP UINT64_C(0x40000000)
#define ADDRESS_END UINT64_C(0x7ffffffff000)
#define NAME_MAX_LENGTH 31

typedef struct SimArea {
        char name[NAME_MAX_LENGTH + 1];
        uint64_t start;
        uint64_t end;
} SimArea;

typedef struct SimTouch {
        uint64_t start;
        uint64_t end;
        double share;
} SimTouch;

typedef struct SimPhase {
        nsec_t length;
        SimTouch *touches;
        size_t n_touches;
} SimPhase;

typedef struct SimSource {
        Source source;
        SimArea *areas;
        size_t n_areas;
        SimPhase *phases;
        size_t n_phases;
        nsec_t cycle;
        Rng rng;
        nsec_t (*clock)(void *userdata);
        void *clock_userdata;
        nsec_t started;
        bool running;
        nsec_t prepared; /* since the start: when samples were opened last */
} SimSource;

/* A target has no state of its own: all see the same pattern. */
struct Space {
        int unused;
};

static nsec_t monotonic(void *userdata) {
        (void) userdata;
        return clock_nsec(CLOCK_MONOTONIC);
}

static nsec_t sim_now(SimSource *s) {
        nsec_t now = s->clock(s->clock_userdata);

        if (!s->running) {
                s->running = true;
                s->started = now;
        }
        return now - MIN(s->started, now);
}

static const SimPhase *phase_at(const SimSource *s, nsec_t since_start) {
        nsec_t t = since_start % s->cycle;
        size_t i = 0;

        while (t >= s->phases[i].length)
                t -= s->phases[i++].length;
        return &s->phases[i];
}

static double share_at(const SimPhase *phase, uint64_t addr) {
        double share = 0;

        for (size_t i = 0; i < phase->n_touches; i++)
                if (addr >= phase->touches[i].start && addr < phase->touches[i].end)
                        share = MAX(share, phase->touches[i].share);
        return share;
}

static int sim_attach(Source *source, pid_t pid, Space **ret) {
        Space *space = calloc(1, sizeof(*space));

        (void) source;
        (void) pid;
        if (!space)
                return -ENOMEM;
        *ret = space;
        return 0;
}

static void sim_detach(Source *source, Space *space) {
        (void) source;
        free(space);
}

static int sim_map(Source *source, Space *space, AddressMap **ret) {
        SimSource *s = (SimSource *) source;
        _cleanup_(address_map_unrefp) AddressMap *map = address_map_new();
        int r;

        (void) space;
        if (!map)
                return -ENOMEM;

        for (size_t i = 0; i < s->n_areas; i++) {
                r = address_map_add(map, s->areas[i].start, s->areas[i].end, s->areas[i].name, MAPPING_ANON);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(map);
        return 0;
}

static int sim_prepare(Source *source, Space *space, Sample *samples, size_t n) {
        SimSource *s = (SimSource *) source;

        (void) space;
        (void) samples;
        (void) n;
        s->prepared = sim_now(s);
        return 0;
}

static int sim_check(Source *source, Space *space, Sample *samples, size_t n) {
        SimSource *s = (SimSource *) source;
        const SimPhase *first = phase_at(s, s->prepared), *last = phase_at(s, sim_now(s));

        (void) space;
        for (size_t i = 0; i < n; i++) {
                /* as an accessed bit: whatever happened since it was cleared */
                double share = MAX(share_at(first, samples[i].addr), share_at(last, samples[i].addr));

                samples[i].trials = 1;
                samples[i].hits = share > 0 && rng_unit(&s->rng) < share;
                source->counters.hot += samples[i].hits;
        }
        source->counters.samples += n;
        source->counters.cold = source->counters.samples - source->counters.hot;
        return 0;
}

static SpaceSize sim_size(Source *source, Space *space) {
        SimSource *s = (SimSource *) source;
        uint64_t bytes = 0;

        (void) space;
        for (size_t i = 0; i < s->n_areas; i++)
                bytes += s->areas[i].end - s->areas[i].start;
        return (SpaceSize) { .mapped = bytes, .resident = bytes };
}

static void sim_free(Source *source) {
        SimSource *s = (SimSource *) source;

        for (size_t i = 0; i < s->n_phases; i++)
                free(s->phases[i].touches);
        free(s->phases);
        free(s->areas);
        free(s);
}

static const SourceOps sim_ops = {
        .name = "sim",
        .granularity = GRANULARITY_PAGE,
        .sees_reads = true,
        .page_cost = true,
        .sample_min = NSEC_PER_MSEC,
        .attach = sim_attach,
        .detach = sim_detach,
        .map = sim_map,
        .prepare = sim_prepare,
        .check = sim_check,
        .size = sim_size,
        .free = sim_free,
};

static int add_area(SimSource *s, const char *name, const char *size_text, char **ret_error) {
        uint64_t size, start = AREA_FIRST;
        SimArea *areas;

        if (strlen(name) > NAME_MAX_LENGTH)
                return error_setf(ret_error, -EINVAL, "the name '%s' is longer than %d characters", name,
                                  NAME_MAX_LENGTH);
        for (size_t i = 0; i < s->n_areas; i++)
                if (streq(s->areas[i].name, name))
                        return error_setf(ret_error, -EINVAL, "area '%s' is there already", name);
        if (s->n_phases > 0)
                return error_setf(ret_error, -EINVAL, "areas must come before the first phase");
        if (parse_size(size_text, &size) != 0 || size < PAGE_SIZE_MIN || size % PAGE_SIZE_MIN != 0)
                return error_setf(ret_error, -EINVAL, "'%s' is no size in whole pages (such as 1GiB)", size_text);
        if (s->n_areas > 0)
                start = s->areas[s->n_areas - 1].end + AREA_GAP;
        if (size > ADDRESS_END - start)
                return error_setf(ret_error, -EINVAL, "area '%s' does not fit into the address space", name);

        areas = reallocarray(s->areas, s->n_areas + 1, sizeof(*areas));
        if (!areas)
                return -ENOMEM;
        s->areas = areas;
        s->areas[s->n_areas] = (SimArea) { .start = start, .end = start + size };
        (void) snprintf(s->areas[s->n_areas].name, sizeof(s->areas->name), "%s", name);
        s->n_areas++;
        return 0;
}

static int add_phase(SimSource *s, const char *length_text, char **ret_error) {
        SimPhase *phases;
        nsec_t length;

        if (parse_duration(length_text, &length) != 0 || length == 0 || length > 365 * 24 * 60 * NSEC_PER_MINUTE)
                return error_setf(ret_error, -EINVAL, "'%s' is no duration (such as 5s)", length_text);

        phases = reallocarray(s->phases, s->n_phases + 1, sizeof(*phases));
        if (!phases)
                return -ENOMEM;
        s->phases = phases;
        s->phases[s->n_phases++] = (SimPhase) { .length = length };
        s->cycle += length;
        return 0;
}

static int add_touch(SimSource *s, char *const *words, char **ret_error) {
        const SimArea *area = NULL;
        uint64_t offset, size;
        SimTouch *touches;
        SimPhase *phase;
        double share;

        for (size_t i = 0; i < s->n_areas; i++)
                if (streq(s->areas[i].name, words[1]))
                        area = &s->areas[i];
        if (!area)
                return error_setf(ret_error, -EINVAL, "there is no area '%s'", words[1]);
        if (s->n_phases == 0)
                return error_setf(ret_error, -EINVAL, "a touch must stand below a phase");
        if (parse_size(words[2], &offset) != 0 || parse_size(words[3], &size) != 0 || size == 0)
                return error_setf(ret_error, -EINVAL, "'%s %s' is no offset and size (such as 0 200MiB)", words[2],
                                  words[3]);
        if (offset > area->end - area->start || size > area->end - area->start - offset)
                return error_setf(ret_error, -EINVAL, "the touch reaches beyond the end of area '%s'", words[1]);
        if (parse_share(words[4], &share) != 0)
                return error_setf(ret_error, -EINVAL, "'%s' is no share (such as 30%%)", words[4]);

        phase = &s->phases[s->n_phases - 1];
        touches = reallocarray(phase->touches, phase->n_touches + 1, sizeof(*touches));
        if (!touches)
                return -ENOMEM;
        phase->touches = touches;
        phase->touches[phase->n_touches++] = (SimTouch) {
                .start = area->start + offset,
                .end = area->start + offset + size,
                .share = share,
        };
        return 0;
}

#define WORDS_MAX 6

static size_t split_words(char *line, char *words[static WORDS_MAX]) {
        static const char blanks[] = " \t\r";
        size_t n = 0;
        char *state = NULL;

        line[strcspn(line, "#")] = 0;
        for (char *word = strtok_r(line, blanks, &state); word && n < WORDS_MAX; word = strtok_r(NULL, blanks, &state))
                words[n++] = word;
        return n;
}

static int parse_line(SimSource *s, char *line, char **ret_error) {
        char *words[WORDS_MAX];
        size_t n = split_words(line, words);

        if (n == 0)
                return 0;
        if (streq(words[0], "area") && n == 3)
                return add_area(s, words[1], words[2], ret_error);
        if (streq(words[0], "phase") && n == 2)
                return add_phase(s, words[1], ret_error);
        if (streq(words[0], "touch") && n == 5)
                return add_touch(s, words, ret_error);
        return error_setf(ret_error, -EINVAL,
                          "expected 'area NAME SIZE', 'phase DURATION' or 'touch AREA OFFSET SIZE SHARE'");
}

static int parse_pattern(SimSource *s, char *text, char **ret_error) {
        unsigned number = 0;
        int r;

        for (char *line = text, *next; line; line = next) {
                _cleanup_free_ char *reason = NULL;

                next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                number++;
                r = parse_line(s, line, &reason);
                if (r < 0)
                        return error_setf(ret_error, r, "line %u: %s", number, reason ?: error_text(r));
        }

        if (s->n_areas == 0)
                return error_setf(ret_error, -EINVAL, "line %u: the pattern has no area", number);
        if (s->n_phases == 0)
                return error_setf(ret_error, -EINVAL, "line %u: the pattern has no phase", number);
        return 0;
}

int sim_source_new(const char *pattern, Source **ret, char **ret_error) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_free_ char *text = NULL;
        SimSource *s;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        source = &s->source;
        source->ops = &sim_ops;
        s->clock = monotonic;
        rng_init(&s->rng, 1);

        text = strdup(pattern ?: SIM_PATTERN_DEFAULT);
        if (!text)
                return -ENOMEM;
        r = parse_pattern(s, text, ret_error);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(source);
        return 0;
}

void sim_source_set_clock(Source *source, nsec_t (*clock)(void *userdata), void *userdata) {
        SimSource *s = (SimSource *) source;

        s->clock = clock;
        s->clock_userdata = userdata;
}

void sim_source_set_seed(Source *source, uint64_t seed) {
        rng_init(&((SimSource *) source)->rng, seed);
}

double sim_source_share(const Source *source, uint64_t addr, nsec_t since_start) {
        return share_at(phase_at((const SimSource *) source, since_start), addr);
}

static int compare_u64(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

uint64_t sim_source_truth(const Source *source, nsec_t since_start) {
        const SimPhase *phase = phase_at((const SimSource *) source, since_start);
        _cleanup_free_ uint64_t *edges = NULL;
        double bytes = 0;

        edges = malloc(MAX(phase->n_touches, (size_t) 1) * 2 * sizeof(*edges));
        if (!edges)
                return 0;
        for (size_t i = 0; i < phase->n_touches; i++) {
                edges[2 * i] = phase->touches[i].start;
                edges[2 * i + 1] = phase->touches[i].end;
        }
        qsort(edges, 2 * phase->n_touches, sizeof(*edges), compare_u64);

        /* between two edges the share is the same */
        for (size_t i = 0; i + 1 < 2 * phase->n_touches; i++)
                bytes += (double) (edges[i + 1] - edges[i]) * share_at(phase, edges[i]);
        return (uint64_t) (bytes + 0.5);
}
