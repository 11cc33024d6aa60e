/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udamond: argument vector, event loop, start and end. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "action/support.h"
#include "base/error.h"
#include "base/parse.h"
#include "log.h"
#include "methods.h"
#include "reload.h"
#include "simulate.h"

#define SOCKET_DEFAULT "/run/udamon/io.udamon.monitor"
#define SOCKET_NAME "varlink" /* FileDescriptorName= of the socket unit */

/* Documented in udamond(8). */
enum {
        EXIT_OK = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_CONFIG = 3,
};

static const char *arg_config;
static const char *arg_socket;
#define CONNECTION_FDS_MAX 4
static int arg_connection_fds[CONNECTION_FDS_MAX];
static size_t arg_n_connection_fds;
static bool arg_check;
static double arg_cpu_limit = CPU_LIMIT_DEFAULT;
static bool arg_simulate;

static void help(void) {
        (void) printf("Usage: udamond [OPTIONS]\n"
                      "       udamond --check FILE...\n\n"
                      "Watches which memory of running programs is in use, and answers on a varlink socket.\n\n"
                      "  -c, --config FILE       start the monitors of this YAML file (udamon.yaml(5))\n"
                      "  -s, --socket PATH       listen here instead of %s\n"
                      "      --connection-fd N   serve this connected socket and exit when it closes; with\n"
                      "                          several of them, when the first one does\n"
                      "      --check FILE...     check configurations: every error with line and column\n"
                      "      --simulate FILE     what the schemes of this file would have done over the snapshots on\n"
                      "                          standard input (for `udamonctl simulate`)\n"
                      "      --cpu-limit SHARE   what monitoring may take of one CPU, such as 1%% or 0.2%%; or none\n"
                      "  -l, --log-level LEVEL   error, warning, notice, info (default) or debug\n"
                      "  -h, --help              this text\n"
                      "      --version           the version\n\n"
                      "Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 3 wrong configuration.\n"
                      "Talk to it with udamonctl(1).\n",
                      SOCKET_DEFAULT);
}

static int parse_level(const char *s) {
        static const struct {
                const char *name;
                int level;
        } levels[] = {
                { "error", LOG_ERR },   { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
                { "info", LOG_INFO },   { "debug", LOG_DEBUG },
        };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (streq(levels[i].name, s))
                        return levels[i].level;
        return -EINVAL;
}

static int parse_cpu_limit(const char *s) {
        double share = 0;

        if (!streq(s, "none") && (parse_share(s, &share) != 0 || share < 0.0001)) {
                log_error("--cpu-limit: '%s' is neither a share of a CPU from 0.01%% up (such as 1%%) nor none", s);
                return -EINVAL;
        }
        arg_cpu_limit = share;
        return 0;
}

static int parse_fd(const char *s) {
        uint64_t fd;

        if (parse_u64(s, &fd) != 0 || fd < 3 || fd > 65535) {
                log_error("--connection-fd: '%s' is no descriptor from 3 up", s);
                return -EINVAL;
        }
        if (arg_n_connection_fds == CONNECTION_FDS_MAX) {
                log_error("--connection-fd: at most %d connections", CONNECTION_FDS_MAX);
                return -EINVAL;
        }
        arg_connection_fds[arg_n_connection_fds++] = (int) fd;
        return 0;
}

enum {
        OPTION_CONNECTION_FD = 256,
        OPTION_CHECK,
        OPTION_SIMULATE,
        OPTION_CPU_LIMIT,
        OPTION_VERSION,
};

static int parse_option(int option) {
        switch (option) {
        case 'c':
                arg_config = optarg;
                return 0;
        case 's':
                arg_socket = optarg;
                return 0;
        case 'l':
                if (parse_level(optarg) < 0) {
                        log_error("--log-level: '%s' is none of error, warning, notice, info, debug", optarg);
                        return -EINVAL;
                }
                log_set_level(parse_level(optarg));
                return 0;
        case OPTION_CPU_LIMIT:
                return parse_cpu_limit(optarg);
        case OPTION_CONNECTION_FD:
                return parse_fd(optarg);
        case OPTION_CHECK:
                arg_check = true;
                arg_config = optarg;
                return 0;
        case OPTION_SIMULATE:
                arg_simulate = true;
                arg_config = optarg;
                return 0;
        case OPTION_VERSION:
                (void) printf("udamond %s\n", UDAMON_VERSION);
                exit(EXIT_OK);
        case 'h':
                help();
                exit(EXIT_OK);
        }
        (void) fprintf(stderr, "Try 'udamond --help'.\n");
        return -EINVAL;
}

/* Sets *ret_files to the index of the first argument that is no option: further files to check. */
static int parse_arguments(int argc, char **argv, int *ret_files) {
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },
                { "socket", required_argument, NULL, 's' },
                { "log-level", required_argument, NULL, 'l' },
                { "connection-fd", required_argument, NULL, OPTION_CONNECTION_FD },
                { "check", required_argument, NULL, OPTION_CHECK },
                { "simulate", required_argument, NULL, OPTION_SIMULATE },
                { "cpu-limit", required_argument, NULL, OPTION_CPU_LIMIT },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "c:s:l:h", options, NULL)) >= 0) {
                r = parse_option(option);
                if (r < 0)
                        return r;
        }
        if (optind < argc && !arg_check) {
                log_error("'%s' is no option; try 'udamond --help'", argv[optind]);
                return -EINVAL;
        }
        *ret_files = optind;
        return 0;
}

static void print_errors(const ConfigErrors *errors) {
        for (size_t i = 0; i < errors->n; i++) {
                const ConfigError *error = &errors->errors[i];

                if (error->line > 0)
                        (void) fprintf(stderr, "%s:%u:%u: %s\n", arg_config, error->line, error->column, error->text);
                else
                        (void) fprintf(stderr, "%s: %s\n", arg_config, error->text);
        }
        if (errors->n_more > 0)
                (void) fprintf(stderr, "%s: and %zu more\n", arg_config, errors->n_more);
}

static int load_config(Config **ret) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        int r;

        r = config_load(arg_config, ret, &errors);
        print_errors(&errors);
        return r;
}

/* All that lives as long as the process. */
typedef struct Daemon {
        RootFds roots;
        sd_event *event;
        Capabilities *caps;
        Manager manager;
        MethodsContext methods;
        ControlConfig control_config;
        Control *control;
} Daemon;

/* What a correct file asks for and this machine cannot do: it may be meant for another one. */
static void note_unusable(const Config *config) {
        RootFds roots = ROOT_FDS_NONE;
        ActionSupport *support = NULL;

        if (root_fds_open(&roots, "") < 0 || action_support_probe(&roots, &support) < 0) {
                root_fds_close(&roots);
                return;
        }
        for (size_t i = 0; i < config->n_monitors; i++)
                for (size_t k = 0; k < config->monitors[i].n_schemes; k++) {
                        const SchemeConfig *scheme = &config->monitors[i].schemes[k];
                        const ActionFinding *finding = &support->actions[scheme->action];

                        if (finding->usable || scheme->dry_run)
                                continue;
                        (void) fprintf(stderr, "%s:%u:%u: note: scheme '%s' cannot run here as this user: %s: %s\n",
                                       arg_config, scheme->line, scheme->column, scheme->name,
                                       action_name(scheme->action), finding->reason);
                }
        action_support_free(support);
        root_fds_close(&roots);
}

/* arg_config and the files that follow; one that is wrong keeps none of the others from being looked at. */
static int check(char **files, size_t n) {
        int status = EXIT_OK;

        for (size_t i = 0; i <= n; i++) {
                _cleanup_(config_freep) Config *config = NULL;

                if (i > 0)
                        arg_config = files[i - 1];
                if (load_config(&config) < 0) {
                        status = EXIT_CONFIG;
                        continue;
                }
                (void) printf("%s: correct, %zu monitor%s\n", arg_config, config->n_monitors,
                              config->n_monitors == 1 ? "" : "s");
                note_unusable(config);
        }
        return status;
}

/* Schemes alone, or those of a configuration's only monitor. */
static int run_simulation(void) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(buffer_deinit) Buffer text = {};
        SchemeConfig *schemes = NULL;
        size_t n = 0;
        int r;

        r = read_whole_at(-1, arg_config, CONFIG_FILE_MAX, &text);
        if (r < 0) {
                log_error("cannot read %s: %s", arg_config, error_text(r));
                return EXIT_CONFIG;
        }
        r = config_parse_schemes(text.data, text.size, &schemes, &n, &errors);
        print_errors(&errors);
        if (r < 0)
                return EXIT_CONFIG;

        r = simulate(schemes, n, stdin, stdout);
        if (r < 0 && r != -EBADMSG)
                log_error("cannot simulate: %s", error_text(r));
        for (size_t i = 0; i < n; i++)
                scheme_config_deinit(&schemes[i]);
        free(schemes);
        return r < 0 ? EXIT_FAILED : EXIT_OK;
}

static void on_log(void *userdata, int priority, const char *text) {
        (void) userdata;
        log_message(priority, "%s", text);
}

static void on_connection_closed(void *userdata) {
        (void) sd_event_exit(((Daemon *) userdata)->event, 0);
}

/* SIGHUP: the configuration again, all of it or nothing. */
static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(reload_report_deinit) ReloadReport report = {};
        Daemon *d = userdata;
        int r;

        (void) s;
        (void) info;
        if (!arg_config) {
                log_notice("started without a configuration file: nothing to load again");
                return 0;
        }
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC);
        r = reload(&d->manager, arg_config, &report, &errors);
        print_errors(&errors);
        if (r < 0)
                log_error("%s was not loaded, everything stays as it was: %s", arg_config, error_text(r));
        else
                log_notice("%s loaded again: %zu monitors started, %zu changed, %zu stopped, %zu unchanged", arg_config,
                           report.fates[RELOAD_STARTED].n, report.fates[RELOAD_CHANGED].n,
                           report.fates[RELOAD_STOPPED].n, report.fates[RELOAD_UNCHANGED].n);
        (void) sd_notify(0, "READY=1");
        return 0;
}

static int add_signals(Daemon *d) {
        static const int signals[] = { SIGTERM, SIGINT };
        sigset_t mask;
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&mask);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&mask, signals[i]);
        (void) sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                /* without a handler the loop ends with the code that is given as userdata */
                r = sd_event_add_signal(d->event, NULL, signals[i], NULL, NULL);
                if (r < 0)
                        return r;
        }
        r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
        return r < 0 ? r : 0;
}

static int listen_on(Daemon *d, char **ret_error) {
        int r;

        for (size_t i = 0; i < arg_n_connection_fds; i++) {
                r = control_add_connection(d->control, arg_connection_fds[i], i == 0 ? on_connection_closed : NULL, d);
                if (r < 0)
                        return error_setf(ret_error, r, "descriptor %d is no connected socket: %s",
                                          arg_connection_fds[i], error_text(r));
        }
        if (arg_n_connection_fds > 0 && !arg_socket)
                return 0;

        if (!arg_socket) {
                r = control_listen_inherited(d->control, SOCKET_NAME, ret_error);
                if (r != CONTROL_E_NONE)
                        return r;
        }
        d->methods.socket = arg_socket ?: SOCKET_DEFAULT;
        return control_listen_path(d->control, d->methods.socket, 0660, d->methods.access.read_group, ret_error);
}

/* A monitor that cannot start now is an error of that monitor, not of the others. */
static void start_monitors(Daemon *d, const Config *config) {
        for (size_t i = 0; i < config->n_monitors; i++) {
                _cleanup_free_ char *reason = NULL;
                Engine *engine;
                int r;

                r = manager_start(&d->manager, &config->monitors[i], &engine, &reason);
                if (r != 0)
                        log_error("monitor '%s' cannot start: %s", config->monitors[i].name, reason ?: error_text(r));
                else
                        engine_set_from_file(engine);
        }
}

static void log_capabilities(const Capabilities *caps) {
        log_info("kernel %s, source %s: %s", caps->kernel, source_kind_name(caps->best),
                 caps->sources[caps->best].reason);
        for (size_t i = 0; i < caps->n_items; i++)
                if (*caps->items[i].cost)
                        log_message(arg_n_connection_fds > 0 ? LOG_DEBUG : LOG_NOTICE, "%s: %s; %s",
                                    caps->items[i].name, caps->items[i].detail, caps->items[i].cost);
}

static int set_up_control(Daemon *d, char **ret_error) {
        int r;

        d->methods = (MethodsContext) {
                .manager = &d->manager,
                .started = clock_nsec(CLOCK_MONOTONIC),
                .config_file = arg_config,
        };
        access_init(&d->methods.access, ACCESS_READ_GROUP, ACCESS_ADMIN_GROUP);
        d->control_config = (ControlConfig) {
                .info = &methods_service,
                .methods = methods_table,
                .n_methods = methods_n,
                .limits = CONTROL_LIMITS_DEFAULT,
                .allowed = methods_allowed,
                .called = methods_called,
                .log = on_log,
                .userdata = &d->methods,
        };

        r = control_new(d->event, &d->control_config, &d->control);
        if (r < 0)
                return r;
        d->methods.control = d->control;
        return listen_on(d, ret_error);
}

static int set_up(Daemon *d, const Config *config, char **ret_error) {
        int r;

        r = root_fds_open(&d->roots, "");
        if (r < 0)
                return error_setf(ret_error, r, "cannot open /proc and /sys: %s", error_text(r));
        r = sd_event_default(&d->event);
        if (r >= 0)
                r = add_signals(d);
        if (r >= 0)
                r = capabilities_probe(&d->roots, &d->caps);
        if (r >= 0)
                r = manager_init(&d->manager, &(EngineHost) { .event = d->event, .roots = &d->roots, .caps = d->caps },
                                 arg_cpu_limit);
        if (r < 0)
                return r;
        log_capabilities(d->caps);

        r = set_up_control(d, ret_error);
        if (r == 0 && config)
                start_monitors(d, config);
        return r;
}

static void tear_down(Daemon *d) {
        if (d->manager.host.event)
                manager_deinit(&d->manager);
        control_free(d->control);
        capabilities_free(d->caps);
        sd_event_unref(d->event);
        root_fds_close(&d->roots);
}

static int run(const Config *config) {
        _cleanup_(tear_down) Daemon d = { .roots = ROOT_FDS_NONE };
        _cleanup_free_ char *reason = NULL;
        int r;

        r = set_up(&d, config, &reason);
        if (r != 0) {
                log_error("%s", reason ?: error_text(r));
                return EXIT_FAILED;
        }

        (void) sd_notify(0, "READY=1");
        r = sd_event_loop(d.event);
        (void) sd_notify(0, "STOPPING=1");
        if (r < 0)
                log_error("the event loop failed: %s", error_text(r));
        return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv) {
        _cleanup_(config_freep) Config *config = NULL;
        int files, r;

        r = parse_arguments(argc, argv, &files);
        if (r < 0)
                return EXIT_USAGE;

        if (arg_check)
                return check(argv + files, (size_t) (argc - files));
        if (arg_simulate)
                return run_simulation();
        if (arg_config) {
                r = load_config(&config);
                if (r < 0)
                        return EXIT_CONFIG;
        }
        return run(config);
}
