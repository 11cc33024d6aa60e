/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as a process: set up, event loop, signals, end. */
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/error.h"
#include "event.h"
#include "log.h"
#include "methods.h"
#include "offline.h"
#include "reload.h"
#include "state.h"

#define SOCKET_NAME "varlink" /* FileDescriptorName= of the socket unit */

/* All that lives as long as the process. */
typedef struct Daemon {
        const Options *options;
        const char *config_file; /* NULL: none */
        RootFds roots;
        sd_event *event;
        Capabilities *caps;
        Manager manager;
        MethodsContext methods;
        ControlConfig control_config;
        Control *control;
} Daemon;

static const char *config_file(const Options *options) {
        return options->n_paths > 0 ? options->paths[0] : NULL;
}

static int load_config(const char *file, Config **ret) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        int r = config_load(file, ret, &errors);

        print_config_errors(file, &errors);
        return r;
}

static void on_log(void *userdata, ControlFact fact, const ControlPeer *peer, const char *text) {
        static const EventKind kinds[] = {
                [CONTROL_DROPPED] = EVENT_CLIENT_DROPPED,
                [CONTROL_REFUSED] = EVENT_CLIENT_REFUSED,
                [CONTROL_PAUSED] = EVENT_LIMIT_HIT,
        };

        (void) userdata;
        if (fact == CONTROL_LOST)
                log_debug("%s", text);
        else
                event_report(&(Event) { .kind = kinds[fact], .pid = peer ? peer->pid : 0, .has_uid = peer,
                                        .uid = peer ? peer->uid : 0 },
                             "%s", text);
}

static void on_connection_closed(void *userdata) {
        (void) sd_event_exit(((Daemon *) userdata)->event, 0);
}

/* SIGHUP: the configuration again, all of it or nothing. */
static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(reload_report_deinit) ReloadReport report = {};
        Daemon *d = userdata;

        (void) s;
        (void) info;
        if (!d->config_file) {
                log_notice("started without a configuration file: nothing to load again");
                return 0;
        }
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC);
        (void) reload(&d->manager, d->config_file, &report, &errors);
        print_config_errors(d->config_file, &errors);
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
        const Options *options = d->options;
        int r;

        for (size_t i = 0; i < options->n_connection_fds; i++) {
                int fd = options->connection_fds[i];

                r = control_add_connection(d->control, fd, i == 0 ? on_connection_closed : NULL, d);
                if (r < 0)
                        return error_setf(ret_error, r, "descriptor %d is no connected socket: %s", fd,
                                          error_text(r));
        }
        if (options->n_connection_fds > 0 && !options->socket)
                return 0;

        if (!options->socket) {
                r = control_listen_inherited(d->control, SOCKET_NAME, ret_error);
                if (r != CONTROL_E_NONE)
                        return r;
        }
        d->methods.socket = options->socket ?: SOCKET_DEFAULT;
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
                        event_report(&(Event) { .kind = EVENT_MONITOR_REFUSED, .monitor = config->monitors[i].name },
                                     "cannot start: %s", reason ?: error_text(r));
                else
                        manager_adopt(&d->manager, engine);
        }
}

static void log_capabilities(const Capabilities *caps, bool is_private) {
        log_info("kernel %s, source %s: %s", caps->kernel, source_kind_name(caps->best),
                 caps->sources[caps->best].reason);
        for (size_t i = 0; i < caps->n_items; i++)
                if (*caps->items[i].cost)
                        log_message(is_private ? LOG_DEBUG : LOG_NOTICE, "%s: %s; %s",
                                    caps->items[i].name, caps->items[i].detail, caps->items[i].cost);
}

static int set_up_control(Daemon *d, char **ret_error) {
        int r;

        d->methods = (MethodsContext) {
                .manager = &d->manager,
                .started = clock_nsec(CLOCK_MONOTONIC),
                .config_file = d->config_file,
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

        r = event_readers_init(&d->methods.event_readers, d->event);
        if (r == 0)
                r = control_new(d->event, &d->control_config, &d->control);
        if (r < 0)
                return r;
        d->methods.control = d->control;
        return listen_on(d, ret_error);
}

/* Private daemons, and those on a socket of their own, keep nothing unless they are told to. */
static const char *state_directory(const Options *options) {
        const char *directory = options->state_directory;

        if (directory)
                return streq(directory, "none") ? NULL : directory;
        if (options->n_connection_fds > 0)
                return NULL;
        directory = getenv("STATE_DIRECTORY");
        if (directory && *directory)
                return directory;
        return options->socket ? NULL : STATE_DIRECTORY_DEFAULT;
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
                                 d->options->cpu_limit);
        if (r < 0)
                return r;
        log_capabilities(d->caps, d->options->n_connection_fds > 0);

        if (state_directory(d->options)) {
                r = state_open(&d->manager, state_directory(d->options), d->options->state_interval, &d->manager.state);
                if (r < 0)
                        return r;
        }
        r = set_up_control(d, ret_error);
        if (r == 0 && config)
                start_monitors(d, config);
        return r;
}

static void tear_down(Daemon *d) {
        d->manager.state = state_close(d->manager.state);
        if (d->manager.host.event)
                manager_deinit(&d->manager);
        event_readers_deinit(&d->methods.event_readers);
        control_free(d->control);
        capabilities_free(d->caps);
        sd_event_unref(d->event);
        root_fds_close(&d->roots);
}

int service_run(const Options *options) {
        _cleanup_(tear_down) Daemon d = {
                .options = options,
                .config_file = config_file(options),
                .roots = ROOT_FDS_NONE,
        };
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *reason = NULL;
        int r;

        if (d.config_file) {
                r = load_config(d.config_file, &config);
                if (r < 0)
                        return EXIT_CONFIG;
        }
        r = set_up(&d, config, &reason);
        if (r != 0) {
                log_error("%s", reason ?: error_text(r));
                return EXIT_FAILED;
        }

        event_report(&(Event) { .kind = EVENT_DAEMON_STARTED }, "udamond %s started", UDAMON_VERSION);
        (void) sd_notify(0, "READY=1");
        r = sd_event_loop(d.event);
        (void) sd_notify(0, "STOPPING=1");
        event_report(&(Event) { .kind = EVENT_DAEMON_STOPPING }, "stops");
        if (r < 0)
                log_error("the event loop failed: %s", error_text(r));
        return r < 0 ? EXIT_FAILED : EXIT_OK;
}
