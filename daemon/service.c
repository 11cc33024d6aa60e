/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as a process: set up, event loop, signals, end. */
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/error.h"
#include "configuration.h"
#include "event.h"
#include "health.h"
#include "log.h"
#include "methods.h"
#include "offline.h"
#include "state.h"

#define SOCKET_NAME "varlink" /* FileDescriptorName= of the socket unit */

/* All that lives as long as the process. */
typedef struct Daemon {
        const Options *options;
        Configuration configuration;
        RootFds roots;
        sd_event *event;
        Capabilities *caps;
        Manager manager;
        MethodsContext methods;
        ControlConfig control_config;
        Control *control;
        Health health;
} Daemon;

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
        if (configuration_has_place(&d->configuration))
                (void) configuration_reload(&d->configuration, &report, &errors);
        else
                log_notice("started without a configuration: nothing to load again");
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
        const char *socket = options->socket ?: d->configuration.loaded.settings.socket;
        int r;

        for (size_t i = 0; i < options->n_connection_fds; i++) {
                int fd = options->connection_fds[i];

                r = control_add_connection(d->control, fd, i == 0 ? on_connection_closed : NULL, d);
                if (r < 0)
                        return error_setf(ret_error, r, "descriptor %d is no connected socket: %s", fd,
                                          error_text(r));
        }
        if (options->n_connection_fds > 0 && !socket)
                return 0;

        if (!socket) {
                r = control_listen_inherited(d->control, SOCKET_NAME, ret_error);
                if (r != CONTROL_E_NONE)
                        return r;
        }
        d->methods.socket = socket ?: SOCKET_DEFAULT;
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
        const Settings *settings = &d->configuration.loaded.settings;
        int r;

        d->methods = (MethodsContext) {
                .manager = &d->manager,
                .started = clock_nsec(CLOCK_MONOTONIC),
                .configuration = &d->configuration,
        };
        access_init(&d->methods.access, settings->read_group, settings->admin_group);
        d->control_config = (ControlConfig) {
                .info = &methods_service,
                .methods = methods_table,
                .n_methods = methods_n,
                .limits = configuration_limits(settings),
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
        d->configuration.manager = &d->manager;
        d->configuration.access = &d->methods.access;
        d->configuration.control = d->control;
        return listen_on(d, ret_error);
}

/* Private daemons, and those on a socket of their own, keep nothing unless they are told to. */
static const char *state_directory(const Daemon *d) {
        const char *directory = d->options->state_directory ?: d->configuration.loaded.settings.state_directory;

        if (directory)
                return streq(directory, "none") ? NULL : directory;
        if (d->options->n_connection_fds > 0)
                return NULL;
        directory = getenv("STATE_DIRECTORY");
        if (directory && *directory)
                return directory;
        return d->options->socket ? NULL : STATE_DIRECTORY_DEFAULT;
}

static int set_up(Daemon *d, char **ret_error) {
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
                                 d->configuration.loaded.settings.cpu_limit);
        if (r == 0 && d->options->observe)
                r = manager_observe(&d->manager);
        if (r < 0)
                return r;
        log_capabilities(d->caps, d->options->n_connection_fds > 0);

        if (state_directory(d)) {
                r = state_open(&d->manager, state_directory(d), d->options->state_interval, &d->manager.state);
                if (r < 0)
                        return r;
        }
        r = set_up_control(d, ret_error);
        if (r == 0)
                start_monitors(d, d->configuration.loaded.config);
        if (r == 0 && getenv("NOTIFY_SOCKET"))
                r = health_init(&d->health, &d->manager);
        return r;
}

static void tear_down(Daemon *d) {
        d->manager.state = state_close(d->manager.state);
        if (d->manager.host.event)
                manager_deinit(&d->manager);
        health_deinit(&d->health);
        event_readers_deinit(&d->methods.event_readers);
        control_free(d->control);
        capabilities_free(d->caps);
        configuration_deinit(&d->configuration);
        sd_event_unref(d->event);
        root_fds_close(&d->roots);
}

static int load_configuration_of(Daemon *d) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        int r;

        r = configuration_load(&d->configuration, d->options, &errors);
        print_config_errors(&errors);
        if (r < 0)
                (void) sd_notifyf(0, "STATUS=The configuration is wrong, nothing was started\nERRNO=%d", -r);
        else
                log_set_level(LOG_ERR + (int) d->configuration.loaded.settings.log_level);
        return r;
}

/* Hundreds of processes take a thousand descriptors and more; the soft limit is for programs that use select(2). */
static void raise_descriptors(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                log_debug("the limit on open files stays as it is: %s", error_text(-errno));
}

int service_run(const Options *options) {
        _cleanup_(tear_down) Daemon d = { .options = options, .roots = ROOT_FDS_NONE };
        _cleanup_free_ char *reason = NULL;
        int r;

        raise_descriptors();
        r = load_configuration_of(&d);
        if (r < 0)
                return EXIT_CONFIG;
        r = set_up(&d, &reason);
        if (r != 0) {
                (void) sd_notifyf(0, "STATUS=%s\nERRNO=%d", reason ?: error_text(r), r < 0 ? -r : EADDRINUSE);
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
