/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A workload's configuration: names of its values, settling, printing, freeing. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const mode_names[] = { "unset", "ro", "wo", "rw" };
static const char *const backing_names[] = { "anon", "file", "shared", "memfd", "hugetlb" };
static const char *const thp_names[] = { "unset", "always", "never" };

const char *access_mode_to_string(AccessMode mode)
{
        return mode_names[mode];
}

const char *backing_to_string(Backing backing)
{
        return backing_names[backing];
}

const char *thp_to_string(ThpAdvice thp)
{
        return thp_names[thp];
}

int access_mode_from_string(const char *s, AccessMode *ret)
{
        for (int m = ACCESS_RO; m <= ACCESS_RW; m++)
                if (strcmp(s, mode_names[m]) == 0) {
                        *ret = (AccessMode)m;
                        return 0;
                }
        return -EINVAL;
}

int backing_from_string(const char *s, Backing *ret)
{
        for (int b = BACKING_ANON; b <= BACKING_HUGETLB; b++)
                if (strcmp(s, backing_names[b]) == 0) {
                        *ret = (Backing)b;
                        return 0;
                }
        return -EINVAL;
}

void config_settle(Config *config, AccessMode default_mode, double time_scale)
{
        for (size_t i = 0; i < config->n_phases; i++) {
                PhaseSpec *phase = &config->phases[i];

                phase->duration_ns = (uint64_t)((double)phase->duration_ns * time_scale);
                phase->step_ns = (uint64_t)((double)phase->step_ns * time_scale);
                if (phase->step_ns == 0)
                        phase->step_ns = 1;
                for (size_t j = 0; j < phase->n_patterns; j++) {
                        PatternSpec *pattern = &phase->patterns[j];

                        if (pattern->mode == ACCESS_UNSET)
                                pattern->mode = default_mode;
                        if (pattern->mode != ACCESS_RO)
                                config->regions[pattern->region].written = true;
                }
        }
}

static void print_pattern(const Config *config, const PatternSpec *pattern, FILE *out)
{
        fprintf(out, "  %s: %s, stride %llu, probability %llu, %s",
                config->regions[pattern->region].name,
                pattern->random ? "random" : "sequential", (unsigned long long)pattern->stride,
                (unsigned long long)pattern->weight, access_mode_to_string(pattern->mode));
        if (pattern->rate_hz > 0)
                fprintf(out, ", %g Hz a page", pattern->rate_hz);
        else
                fprintf(out, ", full speed");
        if (pattern->zipf > 0)
                fprintf(out, ", zipf %g", pattern->zipf);
        if (pattern->window > 0)
                fprintf(out, ", window of %llu bytes moving %llu a second",
                        (unsigned long long)pattern->window, (unsigned long long)pattern->step);
        fputc('\n', out);
}

void config_print(const Config *config, FILE *out)
{
        uint64_t bytes = 0, ns = 0;

        for (size_t i = 0; i < config->n_regions; i++) {
                const RegionSpec *region = &config->regions[i];

                fprintf(out, "region %s: %llu bytes, %s%s%s", region->name,
                        (unsigned long long)region->len, backing_to_string(region->backing),
                        region->path ? " " : "", region->path ? region->path : "");
                if (region->thp != THP_UNSET)
                        fprintf(out, ", thp %s", thp_to_string(region->thp));
                if (region->node >= 0)
                        fprintf(out, ", node %d", region->node);
                if (region->init_file)
                        fprintf(out, ", filled from %s", region->init_file);
                fprintf(out, "%s\n", region->lock ? ", locked" : "");
                bytes += region->len;
        }
        for (size_t i = 0; i < config->n_phases; i++) {
                const PhaseSpec *phase = &config->phases[i];

                fprintf(out, "phase %zu %s: %.3f s", i, phase->name,
                        (double)phase->duration_ns / 1e9);
                if (phase->forks > 0)
                        fprintf(out, ", and in %u children", phase->forks);
                fputc('\n', out);
                for (size_t j = 0; j < phase->n_patterns; j++)
                        print_pattern(config, &phase->patterns[j], out);
                ns += phase->duration_ns;
        }
        fprintf(out, "total: %llu bytes, %.3f s\n", (unsigned long long)bytes, (double)ns / 1e9);
}

Config *config_free(Config *config)
{
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_regions; i++) {
                free(config->regions[i].name);
                free(config->regions[i].init_file);
                free(config->regions[i].path);
        }
        for (size_t i = 0; i < config->n_phases; i++) {
                free(config->phases[i].name);
                free(config->phases[i].patterns);
        }
        free(config->regions);
        free(config->phases);
        free(config->file);
        free(config);
        return NULL;
}
