/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: parsing by a table. Not getopt_long(): it prints its own messages, guesses
 * abbreviations, and keeps its help elsewhere. */
#include "options.h"

#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "option-values.h"
#include "message.h"
#include "target-options.h"

typedef int (*OptionSet)(void *field, const char *value, char **ret_error);

typedef struct Option {
        const char *name;
        char letter;
        const char *value; /* its name in the help; NULL: takes none; in brackets: need not have one */
        int verbs;
        OptionSet set;
        size_t offset;
        const char *help;
} Option;

#define FIELD(f) offsetof(Arguments, f)

static const Option options[] = {
        /* what is watched, and how */
        { "pid", 'p', "PID", VERB_START, set_pid, FIELD(monitor),
          "watch this process (may be given several times)" },
        { "command", 'c', "NAME", VERB_START, set_command, FIELD(monitor),
          "watch every process of this name (or like php*), now and later" },
        { "cgroup", 0, "PATH", VERB_START, set_cgroup, FIELD(monitor),
          "watch every process in this control group and below it" },
        { "unit", 0, "UNIT", VERB_START, set_unit, FIELD(monitor),
          "watch every process of this unit of systemd" },
        { "user", 0, "USER", VERB_START, set_user, FIELD(monitor),
          "watch every process of this user" },
        { "target", 0, "KEY=VALUE,...", VERB_START, set_target, FIELD(monitor),
          "watch what is all of that: command, cgroup, unit, user, min_rss" },
        { "min-rss", 0, "SIZE", VERB_START, set_size, FIELD(monitor.min_rss),
          "of these, watch only what has at least so much resident memory" },
        { "physical", 0, NULL, VERB_START, set_flag, FIELD(monitor.physical),
          "watch all physical memory, whoever uses it, each NUMA node as a target" },
        { "name", 'n', "NAME", VERBS_MONITOR, set_string, FIELD(monitor.name),
          "name of the monitor (default: after its first target)" },
        { "no-children", 0, NULL, VERBS_MONITOR, set_flag, FIELD(monitor.no_children),
          "do not follow processes that the targets fork" },
        { "source", 0, "SOURCE", VERBS_MONITOR, set_source, FIELD(monitor.source),
          "idle, softdirty, referenced, sim or auto (default)" },
        { "pattern", 0, "FILE", VERBS_MONITOR, set_string, FIELD(monitor.pattern),
          "what the sim source plays (read by the daemon)" },
        { "sample", 's', "TIME", VERBS_MONITOR, set_time, FIELD(monitor.sample),
          "sampling interval (default 100ms)" },
        { "aggregate", 'a', "TIME", VERBS_MONITOR, set_time, FIELD(monitor.aggregate),
          "aggregation interval: one snapshot each (default 2s)" },
        { "update", 'u', "TIME", VERBS_MONITOR, set_time, FIELD(monitor.update),
          "how often the address map is read again (default 10s; run: --aggregate)" },
        { "intervals", 0, "S,A,U", VERBS_MONITOR, set_intervals, FIELD(monitor),
          "the three intervals at once, such as 50ms,1s,10s" },
        { "auto-intervals", 0, NULL, VERBS_MONITOR, set_flag, FIELD(monitor.auto_intervals),
          "scale the intervals so that 4% of the checks find an access" },
        { "regions", 'r', "MIN,MAX", VERBS_MONITOR, set_regions, FIELD(monitor),
          "bounds on the number of regions (default 10,1000)" },
        { "max-region", 0, "SIZE", VERBS_MONITOR, set_size, FIELD(monitor.max_region_bytes),
          "upper bound on the size of one region" },
        { "policy", 0, "POLICY", VERBS_MONITOR, set_policy, FIELD(monitor.policy),
          "how regions adapt: directed (default) or classic" },
        { "scheme", 0, "FILE", VERBS_MONITOR, set_scheme_file, FIELD(monitor.scheme),
          "act on what is seen: schemes as in udamon.yaml(5)" },
        { "scheme", 0, "FILE", VERB_SIMULATE, set_scheme_file, FIELD(monitor.scheme),
          "the schemes to try out, as in udamon.yaml(5)" },
        { "cpu-limit", 0, "SHARE", VERB_RUN | VERB_IDLE, set_cpu_limit, FIELD(cpu_limit),
          "what monitoring may take of one CPU, such as 0.2%, or none (default 1%)" },
        { "seed", 0, "N", VERBS_MONITOR, set_seed, FIELD(monitor),
          "seed of the random addresses, to repeat a run" },

        /* where the numbers come from */
        { "input", 'i', "FILE", VERBS_FRAMES, set_string, FIELD(input),
          "read a recording instead of asking the daemon" },
        { "input", 'i', "FILE", VERB_SIMULATE, set_string, FIELD(input),
          "the recording to try them on" },
        { "snapshot", 0, "N", VERB_REGIONS | VERB_IDLE, set_snapshot, FIELD(snapshot),
          "with -i: the N-th snapshot of the recording (default: the last)" },
        { "no-wait", 0, NULL, VERB_REGIONS | VERB_HEATMAP | VERB_IDLE, set_flag, FIELD(no_wait),
          "fail at once when there is no snapshot yet" },

        /* what is shown */
        { "sort", 0, "KEY", VERB_REGIONS, set_sort, FIELD(sort),
          "address (default), or the largest first: rate, age, size, heat (size x rate)" },
        { "system", 0, NULL, VERB_IDLE, set_flag, FIELD(system),
          "all memory of this machine: of a running monitor of it, else of one made for this call" },
        { "duration", 'd', "TIME", VERB_IDLE, set_time, FIELD(duration),
          "with --system: how long one made for this call looks (default 10s)" },
        { "top", 0, "N", VERB_REGIONS | VERB_RUN, set_top, FIELD(top),
          "show N regions (run: default 10)" },
        { "min-size", 0, "SIZE", VERB_REGIONS, set_size, FIELD(min_size),
          "only regions of at least this size" },
        { "rate", 0, "MIN,MAX", VERB_REGIONS, set_rate_range, FIELD(rate),
          "only regions with an access rate in this range, such as 5%,max" },
        { "age", 0, "MIN,MAX", VERB_REGIONS, set_age_range, FIELD(age),
          "only regions of an age in this range, such as 30s,max" },
        { "rows", 0, "N", VERB_HEATMAP | VERB_RUN, set_count, FIELD(rows),
          "at most N rows of time in the heat map (default 30; run: 16)" },
        { "rows", 0, "N", VERB_SIMULATE, set_count, FIELD(rows),
          "at most N rows of time (default 12)" },
        { "follow", 'f', NULL, VERB_HEATMAP, set_flag, FIELD(follow),
          "add a row for every new snapshot until interrupted" },
        { "follow", 'f', NULL, VERB_EVENTS, set_flag, FIELD(follow),
          "the last ones, then each as it happens, until interrupted" },
        { "monitor", 'm', "NAME", VERB_EVENTS, set_string, FIELD(operand),
          "only those of this monitor" },
        { "time", 't', NULL, VERB_WSS, set_flag, FIELD(by_time),
          "every window in the order of time, not the distribution" },

        { "log", 'l', NULL, VERB_SCHEMES, set_flag, FIELD(log),
          "what was done lately, range by range, newest first" },
        { "limit", 0, "N", VERB_EVENTS, set_count, FIELD(limit),
          "at most the last N (default and most: 256; with --follow: 10)" },
        { "limit", 0, "N", VERB_SCHEMES, set_count, FIELD(limit),
          "with --log: at most N ranges (default and most: 256)" },

        /* recording and running */
        { "output", 'o', "FILE", VERB_RECORD, set_string, FIELD(output),
          "the recording to write (an SQLite database)" },
        { "output", 'o', "FILE", VERB_METRICS, set_string, FIELD(output),
          "write there, all at once, instead of to standard output" },
        { "record", 0, "FILE", VERB_RUN, set_string, FIELD(record),
          "keep every snapshot in this recording" },
        { "force", 0, NULL, VERB_RECORD | VERB_RUN, set_flag, FIELD(force),
          "replace the recording if the file exists" },
        { "duration", 'd', "TIME", VERB_RECORD, set_time, FIELD(duration),
          "stop after this long (default: at Ctrl-C or when the monitor ends)" },
        { "report", 0, "FILE", VERB_RUN, set_string, FIELD(report),
          "write the summary there instead of to standard error" },
        { "live", 0, NULL, VERB_RUN, set_flag, FIELD(live),
          "draw the live picture even where the command writes to the terminal" },
        { "interval", 0, "TIME", VERB_RUN, set_time, FIELD(redraw),
          "least time between two live pictures (default: each snapshot)" },
        { "interval", 0, "TIME", VERB_TOP, set_time, FIELD(redraw),
          "time between two pictures (default 2s)" },
        { "private", 0, NULL, VERB_CHECK, set_flag, FIELD(private),
          "ask a daemon started for this call, not the running one" },

        { "watch", 'w', "[TIME]", VERBS_WATCHED, set_watch, FIELD(watch),
          "again and again, every TIME (default 2s), until interrupted" },
        { "no-pager", 0, NULL, VERBS_PAGED, set_flag, FIELD(no_pager),
          "never through a pager ($SYSTEMD_PAGER, $PAGER, less)" },

        /* common */
        { "socket", 0, "PATH", VERBS_ALL & ~(VERB_RUN | VERB_SIMULATE), set_string,
          FIELD(socket),
          "the daemon's socket (else $UDAMON_SOCKET, else the system's)" },
        { "json", 'j', NULL, VERBS_ALL & ~VERB_TOP, set_flag, FIELD(json),
          "one JSON document on standard output" },
        { "width", 0, "N", VERBS_FRAMES | VERB_RUN | VERB_SCHEMES | VERB_RELOAD | VERB_SIMULATE | VERB_EVENTS |
                  VERB_NODES,
          set_width, FIELD(width),
          "columns to use (default: the terminal's, else 80)" },
        { "color", 0, "WHEN", VERBS_ALL, set_color, FIELD(color),
          "auto (default: on terminals, unless $NO_COLOR is set), always or never" },
        { "help", 'h', NULL, VERBS_ALL, set_flag, FIELD(help), "this text" },
        { "version", 0, NULL, VERBS_ALL, set_flag, FIELD(version), "the version" },
};

static size_t edit_distance(const char *a, const char *b) {
        size_t row[32], n = strlen(b);

        if (n + 1 > ELEMENTSOF(row))
                return SIZE_MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = j;

        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t replaced = diagonal + (a[i - 1] != b[j - 1]);

                        diagonal = row[j];
                        row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
                }
        }
        return row[n];
}

const char *nearest_name(const char *word, const char *const *names, size_t n) {
        const char *best = NULL;
        size_t least = SIZE_MAX;

        for (size_t i = 0; i < n; i++) {
                size_t distance = edit_distance(word, names[i]);

                if (distance < least) {
                        least = distance;
                        best = names[i];
                }
        }
        return least <= 2 && least < strlen(word) ? best : NULL;
}

static const Option *find_long(const char *name, size_t length, Verb verb) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if ((options[i].verbs & verb) && strlen(options[i].name) == length &&
                    memcmp(options[i].name, name, length) == 0)
                        return &options[i];
        return NULL;
}

static const Option *find_letter(char letter, Verb verb) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if ((options[i].verbs & verb) && options[i].letter == letter)
                        return &options[i];
        return NULL;
}

static int unknown_option(const char *word, Verb verb) {
        const char *names[ELEMENTSOF(options)], *near;
        _cleanup_free_ char *name = strndup(word + 2, strcspn(word + 2, "="));
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].verbs & verb)
                        names[n++] = options[i].name;
        near = name ? nearest_name(name, names, n) : NULL;
        if (near)
                return fail(CTL_USAGE, "unknown option '%s' (did you mean --%s?)", word, near);
        return fail(CTL_USAGE, "unknown option '%s'; --help lists those of this command", word);
}

static int apply(const Option *option, Arguments *args, const char *value) {
        _cleanup_free_ char *error = NULL;
        int r;

        r = option->set((char *) args + option->offset, value, &error);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fail(CTL_USAGE, "--%s: %s", option->name, error);
        return 0;
}

/* A value that need not be there is taken from the next word only if that begins with a digit, as a time does. */
static bool is_optional(const Option *option) {
        return option->value[0] == '[';
}

/* "--name", "--name=VALUE" or "--name VALUE". */
static int parse_long(Arguments *args, char **argv, int argc, int *i) {
        const char *word = argv[*i], *equals = strchr(word, '=');
        size_t length = equals ? (size_t) (equals - word) - 2 : strlen(word) - 2;
        const Option *option = find_long(word + 2, length, args->verb);

        if (!option)
                return unknown_option(word, args->verb);
        if (!option->value && equals)
                return fail(CTL_USAGE, "--%s takes no value", option->name);
        if (!option->value)
                return apply(option, args, NULL);
        if (equals)
                return apply(option, args, equals + 1);
        if (is_optional(option) && !(*i + 1 < argc && isdigit((unsigned char) *argv[*i + 1])))
                return apply(option, args, NULL);
        if (*i + 1 >= argc)
                return fail(CTL_USAGE, "--%s needs a value: %s", option->name, option->value);
        return apply(option, args, argv[++*i]);
}

/* "-i FILE" or "-iFILE"; no bundles of letters. */
static int parse_letter(Arguments *args, char **argv, int argc, int *i) {
        const char *word = argv[*i];
        const Option *option = find_letter(word[1], args->verb);

        if (!option)
                return fail(CTL_USAGE, "unknown option '%s'; --help lists those of this command",
                            word);
        if (!option->value)
                return word[2] ? fail(CTL_USAGE, "-%c takes no value", option->letter)
                               : apply(option, args, NULL);
        if (word[2])
                return apply(option, args, word + 2);
        if (is_optional(option) && !(*i + 1 < argc && isdigit((unsigned char) *argv[*i + 1])))
                return apply(option, args, NULL);
        if (*i + 1 >= argc)
                return fail(CTL_USAGE, "-%c needs a value: %s", option->letter, option->value);
        return apply(option, args, argv[++*i]);
}

#define VERBS_NO_OPERAND                                                                                       \
        (VERB_TOP | VERB_MONITORS | VERB_CHECK | VERB_STATUS | VERB_START | VERB_RELOAD | VERB_SIMULATE |       \
         VERB_METRICS | VERB_NODES)

static int parse_operand(Arguments *args, char **argv, int i) {
        /* `run` takes the rest of the line, so that "run cmd --its-option" means what it says */
        if (args->verb == VERB_RUN) {
                args->command = argv + i;
                return 0;
        }
        if (args->verb & VERBS_WORDS) {
                if (args->n_words == WORDS_MAX)
                        return fail(CTL_USAGE, "'%s': at most %d words", argv[i], WORDS_MAX);
                args->words[args->n_words++] = argv[i];
                return 0;
        }
        if (args->verb & VERBS_NO_OPERAND)
                return fail(CTL_USAGE, "'%s': this command takes no operand%s", argv[i],
                            args->verb == VERB_START
                                    ? "; targets are given by --pid, --command, --cgroup, --unit or --user"
                            : args->verb == VERB_SIMULATE
                                    ? "; schemes are given by --scheme, a recording by -i"
                                    : "");
        if (args->operand && args->verb == VERB_SCHEMES)
                return fail(CTL_USAGE, "'%s': one monitor at a time; 'udamonctl scheme' changes one",
                            argv[i]);
        if (args->operand)
                return fail(CTL_USAGE, "'%s': one monitor at a time", argv[i]);
        args->operand = argv[i];
        return 0;
}

static int check_act(const Arguments *args) {
        if (args->limit > 0 && !args->log && args->verb != VERB_EVENTS)
                return fail(CTL_USAGE, "--limit is for --log");
        if (args->verb == VERB_SIMULATE && !args->monitor.scheme)
                return fail(CTL_USAGE, "simulate: which schemes? Give --scheme FILE");
        if (args->verb == VERB_SIMULATE && !args->input)
                return fail(CTL_USAGE,
                            "simulate: on what? Give -i RECORDING ('udamonctl record' and 'udamonctl "
                            "run --record' make one)");
        return 0;
}

static int check_combinations(const Arguments *args) {
        const MonitorOptions *m = &args->monitor;

        if (args->help || args->version)
                return 0;
        if (m->sample && m->aggregate && m->aggregate < m->sample)
                return fail(CTL_USAGE,
                            "--aggregate is shorter than --sample: no window could hold a sample");
        if (args->verb == VERB_RUN && (!args->command || !args->command[0]))
                return fail(CTL_USAGE, "run: no command; try 'udamonctl run -- COMMAND ARGUMENTS'");
        if (args->verb == VERB_START && m->n_pids + m->n_selectors == 0 && !m->physical &&
            !(m->source && streq(m->source, "sim")))
                return fail(CTL_USAGE,
                            "start: what is to be watched? Give --pid, --command, --cgroup, --unit, "
                            "--user, --target or --physical");
        if (m->physical && m->n_pids + m->n_selectors > 0)
                return fail(CTL_USAGE, "start: --physical is all memory: no --pid, --command … beside it");
        if (m->min_rss > 0 && m->n_selectors == 0)
                return fail(CTL_USAGE, "--min-rss chooses among processes: a --pid is one already");
        if (args->verb == VERB_STOP && !args->operand)
                return fail(CTL_USAGE, "stop: which monitor? 'udamonctl status' lists them");
        if (args->verb == VERB_RECORD && !args->output)
                return fail(CTL_USAGE, "record: where to? Give -o FILE");
        if (args->system && (args->operand || args->input))
                return fail(CTL_USAGE, "idle: --system is all memory of this machine: no name and no recording");
        if (args->verb == VERB_IDLE && (args->duration || args->cpu_limit) && !args->system)
                return fail(CTL_USAGE, "idle: --duration and --cpu-limit are for --system");
        if (args->input && args->operand)
                return fail(CTL_USAGE, "'%s': a recording holds one monitor; drop the name",
                            args->operand);
        if (args->input && args->follow)
                return fail(CTL_USAGE, "--follow shows a running monitor, not a recording");
        if (args->follow && args->json && args->verb != VERB_EVENTS)
                return fail(CTL_USAGE,
                            "--follow never ends, so there is no JSON document; use 'record'");
        if (args->input && args->watch)
                return fail(CTL_USAGE, "--watch shows a running monitor; a recording does not change");
        if (args->has_snapshot && !args->input)
                return fail(CTL_USAGE, "--snapshot chooses from a recording: give -i FILE too");
        if (m->pattern && m->source && !streq(m->source, "sim"))
                return fail(CTL_USAGE, "--pattern is for --source sim");
        return check_act(args);
}

/* What looks like an option, but is a negative number. */
static bool is_number(const Arguments *args, const char *word) {
        return args->verb == VERB_SCHEME && word[0] == '-' && word[1] && strchr("0123456789.", word[1]);
}

int options_parse(Arguments *args, int argc, char **argv) {
        bool operands_only = false;
        int r;

        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];

                if (streq(word, "--") && args->verb == VERB_RUN) {
                        args->command = argv + i + 1;
                        break;
                }
                if (streq(word, "--") && !operands_only) {
                        operands_only = true;
                        continue;
                }
                if (operands_only || is_number(args, word))
                        r = parse_operand(args, argv, i);
                else if (word[0] == '-' && word[1] == '-')
                        r = parse_long(args, argv, argc, &i);
                else if (word[0] == '-' && word[1])
                        r = parse_letter(args, argv, argc, &i);
                else
                        r = parse_operand(args, argv, i);
                if (r != 0)
                        return r;
                if (args->command)
                        break;
        }
        return check_combinations(args);
}

size_t options_next(size_t i, Verb verb, OptionInfo *ret) {
        for (; i < ELEMENTSOF(options); i++)
                if (options[i].verbs & verb) {
                        *ret = (OptionInfo) { options[i].name, options[i].letter, options[i].value, options[i].help };
                        return i + 1;
                }
        return 0;
}

void options_help(FILE *out, Verb verb) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];
                char text[64], letter[8] = "   ";

                if (!(o->verbs & verb))
                        continue;
                if (o->letter)
                        (void) snprintf(letter, sizeof(letter), "-%c,", o->letter);
                (void) snprintf(text, sizeof(text), "--%s%s%s", o->name, o->value ? " " : "",
                                o->value ? o->value : "");
                (void) fprintf(out, "  %s %-21s %s\n", letter, text, o->help);
        }
}
