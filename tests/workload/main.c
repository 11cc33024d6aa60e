/* SPDX-License-Identifier: GPL-2.0-or-later */
/* workload: accesses memory the way a masim configuration says, and logs what it did. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "number.h"
#include "phase.h"
#include "region.h"
#include "stop.h"
#include "truth.h"

#define EXIT_RUNTIME 1
#define EXIT_CONFIG  2

#define BATCH_DEFAULT 131072 /* masim's */

#ifndef WORKLOAD_CONFIG_DIR
#define WORKLOAD_CONFIG_DIR "tests/workload/configs"
#endif

typedef struct Options {
        const char *config;
        const char *truth;
        AccessMode mode;
        uint64_t batch;
        uint64_t repeat;
        uint64_t seed;
        double time_scale;
        bool populate;
        bool dry_run;
        bool quiet;
        bool help;
} Options;

static const struct option long_options[] = {
        { "truth", required_argument, NULL, 't' },
        { "rw", required_argument, NULL, 'r' },
        { "batch", required_argument, NULL, 'b' },
        { "repeat", required_argument, NULL, 'n' },
        { "populate", no_argument, NULL, 'p' },
        { "seed", required_argument, NULL, 's' },
        { "dry-run", no_argument, NULL, 'd' },
        { "scale-time", required_argument, NULL, 'x' },
        { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
};

static void print_help(FILE *out)
{
        fputs("workload [OPTIONS] CONFIG|NAME\n"
              "\n"
              "Accesses memory as a masim configuration says. NAME is one of the shipped ones.\n"
              "\n"
              "  -t, --truth FILE    log what is accessed when, as JSON lines (- for stdout)\n"
              "  -r, --rw ro|wo|rw   mode of patterns that name none (default: wo)\n"
              "      --batch N       accesses before another pattern is picked (default: 131072)\n"
              "      --repeat N      run all phases N times (default: 1)\n"
              "      --populate      touch all memory before the first phase\n"
              "      --seed N        of everything random (default: 1)\n"
              "      --scale-time X  multiply the length of every phase by X\n"
              "      --dry-run       show what would be done\n"
              "  -q, --quiet         no line for each phase\n"
              "  -h, --help          this\n"
              "\n"
              "Exit status: 0 done, 1 run-time error, 2 wrong usage or configuration.\n", out);
}

static int take_count(const char *option, const char *value, uint64_t min, uint64_t max,
                      uint64_t *ret)
{
        uint64_t n = 0;

        if (number_parse_count(value, &n) < 0 || n < min || n > max) {
                fprintf(stderr, "workload: %s: '%s' is not a whole number in %llu..%llu\n", option,
                        value, (unsigned long long)min, (unsigned long long)max);
                return -EINVAL;
        }
        *ret = n;
        return 0;
}

static int take_scale(const char *value, double *ret)
{
        double scale = 0;

        if (number_parse_fraction(value, &scale) < 0 || scale < 1e-6 || scale > 1000) {
                fprintf(stderr, "workload: --scale-time: '%s' is not a number in 0.000001..1000\n",
                        value);
                return -EINVAL;
        }
        *ret = scale;
        return 0;
}

static int take_mode(const char *value, AccessMode *ret)
{
        if (access_mode_from_string(value, ret) < 0) {
                fprintf(stderr, "workload: --rw: '%s' is not ro, wo or rw\n", value);
                return -EINVAL;
        }
        return 0;
}

static int take_option(Options *options, int c)
{
        switch (c) {
        case 't':
                options->truth = optarg;
                return 0;
        case 'r':
                return take_mode(optarg, &options->mode);
        case 'b':
                return take_count("--batch", optarg, 1, UINT64_C(1) << 40, &options->batch);
        case 'n':
                return take_count("--repeat", optarg, 1, 1000000, &options->repeat);
        case 'p':
                options->populate = true;
                return 0;
        case 's':
                return take_count("--seed", optarg, 0, UINT64_MAX, &options->seed);
        case 'd':
                options->dry_run = true;
                return 0;
        case 'x':
                return take_scale(optarg, &options->time_scale);
        case 'q':
                options->quiet = true;
                return 0;
        case 'h':
                options->help = true;
                return 0;
        }
        return -EINVAL; /* getopt has said why */
}

static int parse_options(int argc, char **argv, Options *options)
{
        int c, r;

        while ((c = getopt_long(argc, argv, "t:r:qh", long_options, NULL)) >= 0) {
                r = take_option(options, c);
                if (r < 0)
                        return r;
        }
        if (options->help)
                return 0;
        if (argc - optind != 1) {
                fprintf(stderr, "workload: want one CONFIG or NAME (see --help)\n");
                return -EINVAL;
        }
        options->config = argv[optind];
        return 0;
}

/* A path is taken as it is; a bare word may also be the name of a shipped configuration. */
static char *find_config(const char *name)
{
        static const char *const dirs[] = { WORKLOAD_CONFIG_DIR, "tests/workload/configs" };
        char *path;

        if (strchr(name, '/') || access(name, F_OK) == 0)
                return strdup(name);
        for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
                if (asprintf(&path, "%s/%s.cfg", dirs[i], name) < 0)
                        return NULL;
                if (access(path, F_OK) == 0)
                        return path;
                free(path);
        }
        return strdup(name);
}

static int load_config(const Options *options, Config **ret)
{
        CLEANUP(cleanup_free) char *path = find_config(options->config);
        CLEANUP(cleanup_free) char *errors = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = config_load(path, ret, &errors);
        if (errors)
                fputs(errors, stderr);
        else if (r < 0)
                fprintf(stderr, "workload: %s: %s\n", path, strerror(-r));
        if (r < 0)
                return r;
        config_settle(*ret, options->mode, options->time_scale);
        return 0;
}

static int log_regions(const Truth *truth, const Regions *regions)
{
        for (size_t i = 0; i < regions->n; i++) {
                const Region *region = &regions->items[i];
                const RegionSpec *spec = region->spec;
                TruthRegion line = {
                        .name = spec->name,
                        .addr = (uintptr_t)region->addr,
                        .len = spec->len,
                        .mapped = region->mapped,
                        .backing = spec->backing,
                        .thp = spec->thp,
                        .node = spec->node,
                        .lock = spec->lock,
                };
                int r = truth_region(truth, &line);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int run_phases(const Run *run, const Options *options)
{
        int r;

        r = log_regions(run->truth, run->regions);
        if (r < 0)
                return r;
        for (size_t i = 0; options->populate && i < run->regions->n; i++)
                region_populate(&run->regions->items[i]);

        for (unsigned repeat = 0; repeat < options->repeat; repeat++)
                for (size_t i = 0; i < run->config->n_phases && !stop_requested(); i++) {
                        r = phase_run(run, i, repeat);
                        if (r < 0)
                                return r;
                }
        return truth_end(run->truth, stop_requested());
}

static int map_regions(const Config *config, Regions *ret)
{
        RegionError error;
        int r;

        r = regions_map(config->regions, config->n_regions, ret, &error);
        if (r < 0)
                fprintf(stderr, "%s:%u: %s: %s: %s\n", config->file,
                        config->regions[error.index].line, error.field, error.what, strerror(-r));
        return r;
}

static int run_config(const Config *config, const Options *options, const Truth *truth)
{
        Regions regions = REGIONS_NULL;
        Run run = {
                .config = config,
                .regions = &regions,
                .truth = truth,
                .batch = options->batch,
                .seed = options->seed,
                .quiet = options->quiet,
        };
        int r;

        r = map_regions(config, &regions);
        if (r < 0)
                return r;
        r = run_phases(&run, options);
        if (r < 0)
                fprintf(stderr, "workload: %s: cannot run or log a phase: %s\n", config->file,
                        r == -ECHILD ? "a child process failed" : strerror(-r));
        regions_deinit(&regions);
        return r;
}

int main(int argc, char **argv)
{
        Options options = {
                .mode = ACCESS_WO,
                .batch = BATCH_DEFAULT,
                .repeat = 1,
                .seed = 1,
                .time_scale = 1,
        };
        CLEANUP(cleanup_config) Config *config = NULL;
        Truth truth = TRUTH_NULL;
        int r;

        if (parse_options(argc, argv, &options) < 0)
                return EXIT_CONFIG;
        if (options.help) {
                print_help(stdout);
                return EXIT_SUCCESS;
        }
        if (load_config(&options, &config) < 0)
                return EXIT_CONFIG;
        if (options.dry_run) {
                config_print(config, stdout);
                return EXIT_SUCCESS;
        }

        stop_install();
        r = options.truth ? truth_open(options.truth, &truth) : 0;
        if (r < 0) {
                fprintf(stderr, "workload: --truth: %s: %s\n", options.truth, strerror(-r));
                return EXIT_RUNTIME;
        }
        r = run_config(config, &options, &truth);
        truth_close(&truth);
        stop_die();
        return r < 0 ? EXIT_RUNTIME : EXIT_SUCCESS;
}
