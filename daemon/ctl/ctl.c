/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of verbs, help, and the way from argv to an exit status. */
#include "ctl.h"

#include <stdio.h>

#include "base/error.h"
#include "complete.h"
#include "message.h"
#include "pager.h"
#include "verbs.h"
#include "watch.h"

typedef struct VerbInfo {
        const char *name;
        Verb verb;
        int (*main)(const Arguments *args);
        const char *synopsis;
        const char *purpose;
        const char *examples;
} VerbInfo;

static const VerbInfo verbs[] = {
        { "run", VERB_RUN, verb_run, "[OPTIONS] [--] COMMAND [ARGUMENT...]",
          "run a command, watch it with a daemon of its own, and sum up",
          "  udamonctl run -- make -j8\n"
          "  udamonctl run --record build.db --sample 20ms --aggregate 400ms -- ./a.out > log\n"
          "  udamonctl run --scheme cold.yaml -- ./a.out\n" },
        { "check", VERB_CHECK, verb_check, "[OPTIONS]",
          "what this kernel and these privileges allow, and what each missing thing costs",
          "  udamonctl check\n"
          "  udamonctl check --private\n" },
        { "start", VERB_START, verb_start,
          "--pid PID | --command NAME | --cgroup PATH | --unit UNIT | --user USER [OPTIONS]",
          "watch running processes",
          "  udamonctl start --pid 1234 --name web\n"
          "  udamonctl start --command postgres --intervals 50ms,1s,10s\n"
          "  udamonctl start --unit postgresql@*.service --min-rss 100MiB\n"
          "  udamonctl start --target cgroup=/web.slice,command=php*\n"
          "  udamonctl start --pid 1234 --name web --scheme cold.yaml\n" },
        { "stop", VERB_STOP, verb_stop, "NAME [OPTIONS]",
          "stop a monitor and forget what it learned",
          "  udamonctl stop web\n" },
        { "status", VERB_STATUS, verb_status, "[OPTIONS]", "the daemon and its monitors",
          "  udamonctl status\n"
          "  udamonctl status --json | jq .runtime.monitors\n" },
        { "monitors", VERB_MONITORS, verb_monitors, "[OPTIONS]", "all monitors, a row each",
          "  udamonctl monitors --watch\n"
          "  udamonctl monitors --json | jq '.monitors[] | {name, working_set}'\n" },
        { "top", VERB_TOP, verb_top, "[OPTIONS]",
          "a live picture of monitors, regions and schemes, with keys",
          "  udamonctl top\n"
          "  udamonctl top --interval 500ms\n" },
        { "regions", VERB_REGIONS, verb_regions, "[NAME | -i FILE] [OPTIONS]",
          "the latest snapshot: which memory is how hot, and for how long",
          "  udamonctl regions web --sort rate --top 20\n"
          "  udamonctl regions --rate 0%,0% --age 30s,max --min-size 1MiB\n"
          "  udamonctl regions -i build.db --snapshot 12\n" },
        { "heatmap", VERB_HEATMAP, verb_heatmap, "[NAME | -i FILE] [OPTIONS]",
          "access rates over addresses and time",
          "  udamonctl heatmap -i build.db --rows 60\n"
          "  udamonctl heatmap web --follow\n" },
        { "wss", VERB_WSS, verb_wss, "[NAME | -i FILE] [OPTIONS]",
          "the working set: its distribution, or window by window",
          "  udamonctl wss web\n"
          "  udamonctl wss -i build.db --time\n" },
        { "idle", VERB_IDLE, verb_idle, "[NAME | --system | -i FILE] [OPTIONS]",
          "how much memory has been idle for how long",
          "  udamonctl idle web\n"
          "  udamonctl idle web --json | jq .idle_at_least\n"
          "  udamonctl idle --system --duration 1min\n" },
        { "record", VERB_RECORD, verb_record, "[NAME] -o FILE [OPTIONS]",
          "keep every snapshot of a running monitor in a file",
          "  udamonctl record web -o web.db --duration 10min\n" },
        { "schemes", VERB_SCHEMES, verb_schemes, "[NAME] [OPTIONS]",
          "what the schemes of a monitor, or of all, see and do, and what holds them back",
          "  udamonctl schemes web\n"
          "  udamonctl schemes web --log --limit 20\n"
          "  udamonctl schemes --json | jq .monitors[].schemes[].runtime.applied_bytes\n" },
        { "scheme", VERB_SCHEME, verb_scheme,
          "enable | disable | dry-run | set | input  [MONITOR/]SCHEME ... [OPTIONS]",
          "change one scheme while it runs (until the configuration is loaded again)",
          "  udamonctl scheme dry-run web/cold           or: dry-run web/cold off\n"
          "  udamonctl scheme disable cold               MONITOR may be left out where one runs\n"
          "  udamonctl scheme set web/cold quotas.sz=64MiB quotas.reset_interval=1s\n"
          "  udamonctl scheme input web/cold 0.8         for its goals of metric user_input\n" },
        { "targets", VERB_TARGETS, verb_targets, "[NAME] [OPTIONS]",
          "what monitors look for, and the processes that they have found",
          "  udamonctl targets\n"
          "  udamonctl targets web --json | jq '.monitors[].targets[] | {pid, idle_bytes}'\n" },
        { "nodes", VERB_NODES, verb_nodes, "[OPTIONS]",
          "NUMA nodes and tiers: what of the memory that is watched is where, and what schemes moved",
          "  udamonctl nodes\n"
          "  udamonctl nodes --json | jq '.nodes[] | {node, hot_bytes, cold_bytes}'\n" },
        { "config", VERB_CONFIG, verb_config, "show [OPTIONS]",
          "the configuration in force, as a file would say it, defaults included",
          "  udamonctl config show > monitors.yaml\n" },
        { "reload", VERB_RELOAD, verb_reload, "[OPTIONS]",
          "let the daemon read its configuration file again: all of it, or nothing when it is wrong",
          "  udamonctl reload\n" },
        { "events", VERB_EVENTS, verb_events, "[NAME] [OPTIONS]",
          "what was decided, done and refused, and why",
          "  udamonctl events\n"
          "  udamonctl events web --follow\n"
          "  udamonctl events --json | jq '.events[] | select(.kind == \"scheme_acted\")'\n" },
        { "metrics", VERB_METRICS, verb_metrics, "[-o FILE] [OPTIONS]",
          "what is measured, as OpenMetrics text",
          "  udamonctl metrics\n"
          "  udamonctl metrics -o /var/lib/prometheus/node-exporter/udamon.prom\n" },
        { "simulate", VERB_SIMULATE, verb_simulate, "--scheme FILE -i RECORDING [OPTIONS]",
          "what schemes would have done to a recording, without doing it",
          "  udamonctl simulate --scheme cold.yaml -i web.db\n"
          "  udamonctl simulate --scheme cold.yaml -i web.db --json | jq .schemes[].returned_share\n" },
};

static void print_verb_help(const VerbInfo *info) {
        (void) printf("usage: udamonctl %s %s\n\n%s\n\noptions:\n", info->name, info->synopsis,
                      info->purpose);
        options_help(stdout, info->verb);
        (void) printf(
                "\nexamples:\n%s\nTimes, sizes and rates need their units: 100ms, 2s, 64KiB, 5%%. "
                "See udamonctl(1).\n",
                info->examples);
}

static void print_help(FILE *out) {
        (void) fputs("usage: udamonctl VERB [OPTIONS]\n\n"
                     "Shows which memory of running programs is in use, and for how long the rest "
                     "has been idle.\n\n",
                     out);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                (void) fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].purpose);
        (void) fputs("\n'udamonctl VERB --help' lists the options of a verb, with examples.\n"
                     "A first try, without any set-up: udamonctl run -- COMMAND\n", out);
}

const char *ctl_verb_name(size_t i, Verb *ret_verb, const char **ret_purpose) {
        if (i >= ELEMENTSOF(verbs))
                return NULL;
        *ret_verb = verbs[i].verb;
        *ret_purpose = verbs[i].purpose;
        return verbs[i].name;
}

static const VerbInfo *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].name, name))
                        return &verbs[i];
        return NULL;
}

static int unknown_verb(const char *name) {
        const char *names[ELEMENTSOF(verbs)], *near;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                names[i] = verbs[i].name;
        near = nearest_name(name, names, ELEMENTSOF(verbs));
        if (near)
                return fail(CTL_USAGE, "unknown verb '%s' (did you mean %s?)", name, near);
        return fail(CTL_USAGE, "unknown verb '%s'; 'udamonctl --help' lists them", name);
}

static int run_main(const VerbInfo *info, Arguments *args) {
        bool paged = (args->verb & VERBS_PAGED) && !args->no_pager && !args->json && !args->follow && !args->watch;
        int r;

        if (args->watch)
                return watch(info->main, args);
        if (paged)
                paged = pager_open(args);
        r = info->main(args);
        if (r < 0)
                r = fail(CTL_REFUSED, "%s", error_text(r));
        if (paged)
                pager_close();
        return r;
}

static int run_verb(const VerbInfo *info, int argc, char **argv) {
        Arguments args = {
                .verb = info->verb,
                .rate = { 0, 1 },
                .age = { 0, NSEC_INFINITY },
        };
        int r;

        r = options_parse(&args, argc, argv);
        if (r != 0)
                return r;
        if (args.help || args.version) {
                if (args.help)
                        print_verb_help(info);
                else
                        (void) puts("udamonctl " UDAMON_VERSION);
                return 0;
        }
        return run_main(info, &args);
}

int ctl_main(int argc, char **argv) {
        const VerbInfo *info;
        int r;

        if (argc < 2) {
                print_help(stderr);
                return CTL_USAGE;
        }
        if (streq(argv[1], "--help") || streq(argv[1], "-h") || streq(argv[1], "help")) {
                info = argc > 2 ? find_verb(argv[2]) : NULL;
                if (info)
                        print_verb_help(info);
                else
                        print_help(stdout);
                return 0;
        }
        if (streq(argv[1], "--version")) {
                (void) puts("udamonctl " UDAMON_VERSION);
                return 0;
        }
        if (streq(argv[1], "complete"))
                return complete(argc - 2, argv + 2);
        info = find_verb(argv[1]);
        if (!info)
                return argv[1][0] == '-'
                               ? fail(CTL_USAGE, "the verb comes first: udamonctl VERB %s", argv[1])
                               : unknown_verb(argv[1]);

        r = run_verb(info, argc - 2, argv + 2);
        if (r < 0)
                return fail(CTL_REFUSED, "%s", error_text(r));
        return r;
}
