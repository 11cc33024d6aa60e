/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser of a workload's configuration: one pass over the lines, every error kept. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "config-field.h"
#include "number.h"

/* Limits keep arithmetic on lengths and times far away from overflow. */
#define REGIONS_MAX     4096
#define PHASES_MAX      65536
#define REGION_LEN_MAX  (UINT64_C(1) << 46)
#define TIME_MAX_NS     (UINT64_C(1000000) * NSEC_PER_SEC)
#define WEIGHT_MAX      UINT64_C(1000000000)
#define FORKS_MAX       1024
#define NODE_MAX        1023
#define RATE_MAX_HZ     1e6
#define ZIPF_MAX        8.0
#define WINDOW_UNIT     4096
#define CONFIG_SIZE_MAX (16 << 20)

typedef enum Section {
        SECTION_REGIONS,
        SECTION_NAME,
        SECTION_TIME,
        SECTION_PATTERNS,
} Section;

/* Returns a zeroed new last element, or NULL. */
static void *append(void **array, size_t *n, size_t size)
{
        char *grown;

        grown = reallocarray(*array, *n + 1, size);
        if (!grown)
                return NULL;
        *array = grown;
        return memset(grown + size * (*n)++, 0, size);
}

/* ---- regions ---- */

static void region_set_backing(Parser *p, void *object, const char *value)
{
        RegionSpec *region = object;
        char buf[48];

        if (strncmp(value, "file:", 5) == 0 && value[5] != '\0') {
                region->backing = BACKING_FILE;
                region->path = copy(p, value + 5);
                return;
        }
        if (backing_from_string(value, &region->backing) < 0 || region->backing == BACKING_FILE)
                complain(p, "backing", "'%s' is not anon, file:PATH, shared, memfd or hugetlb",
                         shown(value, buf));
}

static void region_set_thp(Parser *p, void *object, const char *value)
{
        RegionSpec *region = object;
        char buf[48];

        if (strcmp(value, "always") == 0)
                region->thp = THP_ALWAYS;
        else if (strcmp(value, "never") == 0)
                region->thp = THP_NEVER;
        else
                complain(p, "thp", "'%s' is not always or never", shown(value, buf));
}

static void region_set_node(Parser *p, void *object, const char *value)
{
        RegionSpec *region = object;
        uint64_t node = 0;

        take_count(p, "node", value, 0, NODE_MAX, &node);
        region->node = (int)node;
}

static void region_set_lock(Parser *p, void *object, const char *value)
{
        RegionSpec *region = object;
        uint64_t lock = 0;

        take_count(p, "lock", value, 0, 1, &lock);
        region->lock = lock != 0;
}

static const Key region_keys[] = {
        { "backing", region_set_backing },
        { "thp", region_set_thp },
        { "node", region_set_node },
        { "lock", region_set_lock },
        { NULL, NULL },
};

static RegionSpec *find_region(const Config *config, const char *name)
{
        for (size_t i = 0; i < config->n_regions; i++)
                if (config->regions[i].name && strcmp(config->regions[i].name, name) == 0)
                        return &config->regions[i];
        return NULL;
}

static void check_region(Parser *p, const RegionSpec *region)
{
        if (region->backing == BACKING_HUGETLB && region->thp != THP_UNSET)
                complain(p, "thp", "means nothing for backing=hugetlb");
        if (region->backing == BACKING_FILE && region->init_file)
                complain(p, "file", "an initial content cannot be copied into backing=file");
}

static RegionSpec *new_region(Parser *p, const char *name)
{
        RegionSpec *region;

        if (p->config->n_regions == REGIONS_MAX) {
                complain(p, "name", "more than %d regions", REGIONS_MAX);
                return NULL;
        }
        region = append((void **)&p->config->regions, &p->config->n_regions, sizeof(*region));
        if (!region) {
                p->out_of_memory = true;
                return NULL;
        }
        region->line = p->line;
        region->node = -1;
        region->name = copy(p, name);
        return region;
}

static void parse_region(Parser *p, char *line)
{
        Fields fields;
        RegionSpec *region;
        const char *name;
        char buf[48];
        size_t next = 2;

        if (!split(p, line, &fields))
                return;
        name = fields.items[0];
        if (!name_is_valid(p, "name", name))
                return;
        if (find_region(p->config, name)) {
                complain(p, "name", "region '%s' is defined twice", shown(name, buf));
                return;
        }

        /* Kept even when a later field is wrong, so that patterns naming it are not errors too. */
        region = new_region(p, name);
        if (!region)
                return;
        if (fields.n < 2) {
                complain(p, "size", "is missing (want: name, bytes[, key=value...])");
                return;
        }
        take_size(p, "size", fields.items[1], REGION_LEN_MAX, &region->len);
        if (fields.n > 2 && !strchr(fields.items[2], '=')) {
                if (fields.items[2][0] == '\0')
                        complain(p, "file", "is empty (want a path or none)");
                else if (strcmp(fields.items[2], "none") != 0)
                        region->init_file = copy(p, fields.items[2]);
                next = 3;
        }
        set_keys(p, region_keys, &fields, next, region);
        check_region(p, region);
}

/* ---- patterns ---- */

static void pattern_set_rate(Parser *p, void *object, const char *value)
{
        PatternSpec *pattern = object;

        take_fraction(p, "rate", value, RATE_MAX_HZ, &pattern->rate_hz);
}

static void pattern_set_zipf(Parser *p, void *object, const char *value)
{
        PatternSpec *pattern = object;

        take_fraction(p, "zipf", value, ZIPF_MAX, &pattern->zipf);
}

static void pattern_set_window(Parser *p, void *object, const char *value)
{
        PatternSpec *pattern = object;
        CLEANUP(cleanup_free) char *bytes = copy(p, value);
        char *step;

        if (!bytes)
                return;
        step = strchr(bytes, '/');
        if (!step) {
                complain(p, "window", "want BYTES/STEP, such as 32MiB/8MiB");
                return;
        }
        *step++ = '\0';
        take_size(p, "window", trim(bytes), REGION_LEN_MAX, &pattern->window);
        take_size(p, "window", trim(step), REGION_LEN_MAX, &pattern->step);
        if (pattern->window % WINDOW_UNIT != 0 || pattern->step % WINDOW_UNIT != 0)
                complain(p, "window", "both sizes must be multiples of %d", WINDOW_UNIT);
}

static const Key pattern_keys[] = {
        { "rate", pattern_set_rate },
        { "zipf", pattern_set_zipf },
        { "window", pattern_set_window },
        { NULL, NULL },
};

static void check_pattern(Parser *p, const PatternSpec *pattern)
{
        const RegionSpec *region = &p->config->regions[pattern->region];

        /* A region or stride of length 0 has had its own error. */
        if (region->len == 0 || pattern->stride == 0)
                return;
        /* A stride beyond the region is masim's way to say: the first byte only. */
        if (pattern->zipf > 0 && !pattern->random)
                complain(p, "zipf", "needs random access (second field 1)");
        if (pattern->window > region->len || pattern->step > region->len)
                complain(p, "window", "is larger than region '%s' (%llu bytes)", region->name,
                         (unsigned long long)region->len);
        else if (pattern->window > 0 && pattern->stride > pattern->window)
                complain(p, "stride", "is larger than the window");
}

static void fill_pattern(Parser *p, PatternSpec *pattern, const Fields *fields)
{
        uint64_t random = 0;
        char buf[48];
        size_t next = 4;

        take_count(p, "random", fields->items[1], 0, 1, &random);
        pattern->random = random != 0;
        take_size(p, "stride", fields->items[2], REGION_LEN_MAX, &pattern->stride);
        pattern->weight = 1; /* one that cannot be read is no second error, of a phase of 0 */
        take_count(p, "probability", fields->items[3], 0, WEIGHT_MAX, &pattern->weight);
        if (fields->n > 4 && !strchr(fields->items[4], '=')) {
                if (access_mode_from_string(fields->items[4], &pattern->mode) < 0)
                        complain(p, "mode", "'%s' is not ro, wo or rw",
                                 shown(fields->items[4], buf));
                next = 5;
        }
        set_keys(p, pattern_keys, fields, next, pattern);
        check_pattern(p, pattern);
}

static void parse_pattern(Parser *p, char *line)
{
        PhaseSpec *phase = &p->config->phases[p->config->n_phases - 1];
        const RegionSpec *region;
        PatternSpec *pattern;
        Fields fields;
        char buf[48];

        if (!split(p, line, &fields))
                return;
        region = find_region(p->config, fields.items[0]);
        if (!region) {
                complain(p, "region", "'%s' is not defined", shown(fields.items[0], buf));
                return;
        }
        if (fields.n < 4) {
                complain(p, "pattern", "%zu fields (want: region, random, stride, probability"
                         "[, ro|wo|rw][, key=value...])", fields.n);
                return;
        }
        pattern = append((void **)&phase->patterns, &phase->n_patterns, sizeof(*pattern));
        if (!pattern) {
                p->out_of_memory = true;
                return;
        }
        pattern->line = p->line;
        pattern->region = (size_t)(region - p->config->regions);
        fill_pattern(p, pattern, &fields);
}

/* ---- phases ---- */

static void phase_set_fork(Parser *p, void *object, const char *value)
{
        PhaseSpec *phase = object;
        uint64_t forks = 0;

        take_count(p, "fork", value, 0, FORKS_MAX, &forks);
        phase->forks = (unsigned)forks;
}

static const Key phase_keys[] = {
        { "fork", phase_set_fork },
        { NULL, NULL },
};

static void parse_phase_name(Parser *p, const char *name)
{
        PhaseSpec *phase;

        if (p->config->n_phases == PHASES_MAX) {
                complain(p, "phase", "more than %d phases", PHASES_MAX);
                return;
        }
        phase = append((void **)&p->config->phases, &p->config->n_phases, sizeof(*phase));
        if (!phase) {
                p->out_of_memory = true;
                return;
        }
        phase->line = p->line;
        phase->step_ns = NSEC_PER_SEC;
        if (name_is_valid(p, "phase", name))
                phase->name = copy(p, name);
        p->section = SECTION_TIME;
}

static void parse_phase_time(Parser *p, char *line)
{
        PhaseSpec *phase = &p->config->phases[p->config->n_phases - 1];
        Fields fields;
        char buf[48];
        uint64_t ns = 0;
        int r;

        p->section = SECTION_PATTERNS;
        p->seen = false;
        if (!split(p, line, &fields))
                return;
        r = number_parse_time(fields.items[0], &ns);
        if (r == -EINVAL)
                complain(p, "time", "'%s' is not a time (milliseconds, or such as 5s)",
                         shown(fields.items[0], buf));
        else if (r < 0 || ns == 0 || ns > TIME_MAX_NS)
                complain(p, "time", "'%s' is not above 0 and at most 1000000s",
                         shown(fields.items[0], buf));
        else
                phase->duration_ns = ns;
        set_keys(p, phase_keys, &fields, 1, phase);
}

/* A phase of which no pattern could ever be picked would spin without touching anything. */
static void check_phase(Parser *p, const PhaseSpec *phase)
{
        uint64_t weight = 0;

        for (size_t i = 0; i < phase->n_patterns; i++)
                if (phase->patterns[i].rate_hz > 0 || phase->patterns[i].weight > 0)
                        weight = 1;
        if (phase->n_patterns > 0 && weight == 0)
                complain(p, "probability", "every pattern of the phase has probability 0");
}

/* What a phase lacks is said at the line where it starts. */
static void end_phase(Parser *p)
{
        const PhaseSpec *phase = &p->config->phases[p->config->n_phases - 1];
        unsigned line = p->line;

        p->line = phase->line;
        if (p->section == SECTION_TIME)
                complain(p, "time", "is missing: a phase is a name, a time and its patterns");
        else if (!p->seen)
                complain(p, "pattern", "the phase has none");
        else
                check_phase(p, phase);
        p->line = line;
}

static void end_paragraph(Parser *p)
{
        switch ((Section)p->section) {
        case SECTION_REGIONS:
                if (p->seen)
                        p->section = SECTION_NAME;
                return;
        case SECTION_NAME:
                return;
        case SECTION_TIME:
        case SECTION_PATTERNS:
                end_phase(p);
                break;
        }
        p->section = SECTION_NAME;
}

static void parse_line(Parser *p, char *line)
{
        line = trim(line);
        if (line[0] == '#')
                return;
        if (line[0] == '\0') {
                end_paragraph(p);
                return;
        }
        switch ((Section)p->section) {
        case SECTION_REGIONS:
                p->seen = true;
                parse_region(p, line);
                break;
        case SECTION_NAME:
                parse_phase_name(p, line);
                break;
        case SECTION_TIME:
                parse_phase_time(p, line);
                break;
        case SECTION_PATTERNS:
                p->seen = true;
                parse_pattern(p, line);
                break;
        }
}

static void parse_lines(Parser *p, char *text)
{
        for (char *line; (line = strsep(&text, "\n")) && !p->out_of_memory;) {
                p->line++;
                parse_line(p, line);
        }
        end_paragraph(p);
        if (p->config->n_regions == 0 && p->n_errors == 0)
                complain(p, "regions", "there are none");
        else if (p->config->n_phases == 0 && p->n_errors == 0)
                complain(p, "phases", "there are none after the regions");
}

static int parse_into(const char *file, char *text, size_t len, Config *config, char **ret_errors)
{
        CLEANUP(cleanup_free) char *errors = NULL;
        Parser parser = { .file = file, .config = config };
        size_t size;

        parser.errors = open_memstream(&errors, &size);
        if (!parser.errors)
                return -ENOMEM;

        if (strlen(text) != len) {
                parser.line = 1;
                for (const char *c = text; *c; c++)
                        parser.line += *c == '\n';
                complain(&parser, "line", "has a NUL byte: this is not a text file");
        } else
                parse_lines(&parser, text);

        if (fclose(parser.errors) != 0 || parser.out_of_memory)
                return -ENOMEM;
        if (parser.n_errors == 0)
                return 0;
        *ret_errors = TAKE_PTR(errors);
        return -EINVAL;
}

int config_parse(const char *file, const char *text, size_t len, Config **ret, char **ret_errors)
{
        CLEANUP(cleanup_config) Config *config = calloc(1, sizeof(*config));
        CLEANUP(cleanup_free) char *buffer = malloc(len + 1);
        int r;

        if (!config || !buffer)
                return -ENOMEM;
        config->file = strdup(file);
        if (!config->file)
                return -ENOMEM;
        if (len > 0)
                memcpy(buffer, text, len);
        buffer[len] = '\0';

        r = parse_into(file, buffer, len, config, ret_errors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(config);
        return 0;
}

int config_load(const char *path, Config **ret, char **ret_errors)
{
        CLEANUP(cleanup_fclose) FILE *f = fopen(path, "re");
        CLEANUP(cleanup_free) char *text = NULL;
        size_t len = 0;

        if (!f)
                return -errno;
        text = malloc(CONFIG_SIZE_MAX);
        if (!text)
                return -ENOMEM;
        errno = EIO;
        len = fread(text, 1, CONFIG_SIZE_MAX, f);
        if (ferror(f))
                return -errno;
        if (len == CONFIG_SIZE_MAX)
                return -EFBIG;
        return config_parse(path, text, len, ret, ret_errors);
}
