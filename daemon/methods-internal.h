/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of methods share. */
#pragma once

#include "methods.h"

/* How most methods begin: which monitor is meant, the named one, or the only one that the peer may know of? *ret is
 * NULL where an error was sent; then the method returns what this did. */
int methods_begin(const MethodsContext *context, ControlCall *call, const json_t *parameters, Engine **ret);

/* As methods_begin(), for what sums up all targets: PermissionDenied where some of them are not the peer's. */
int methods_begin_sums(const MethodsContext *context, ControlCall *call, const json_t *parameters, Engine **ret);

/* Sends ConfigInvalid. file may be NULL. */
int methods_config_invalid(ControlCall *call, const char *file, const ConfigErrors *errors);

/* Sends ActionUnavailable, about the one of these schemes that the reason is about (act.h, acting_check()). */
int methods_action_unavailable(ControlCall *call, const SchemeConfig *schemes, size_t n, const char *reason);

/* Sends TooManyStreams. */
int methods_too_many_streams(const MethodsContext *context, ControlCall *call);

/* methods-events.c */
extern const Field methods_events_fields[];
int method_get_events(ControlCall *call, json_t *parameters, void *userdata);

/* methods-schemes.c */
extern const Field methods_log_fields[];
extern const Field methods_set_scheme_fields[];
extern const Field methods_goal_input_fields[];
int method_get_schemes(ControlCall *call, json_t *parameters, void *userdata);
int method_get_scheme_log(ControlCall *call, json_t *parameters, void *userdata);
int method_set_scheme(ControlCall *call, json_t *parameters, void *userdata);
int method_set_goal_input(ControlCall *call, json_t *parameters, void *userdata);
int method_get_config(ControlCall *call, json_t *parameters, void *userdata);
int method_reload(ControlCall *call, json_t *parameters, void *userdata);

/* methods-targets.c */
int method_get_targets(ControlCall *call, json_t *parameters, void *userdata);

/* methods-nodes.c */
int method_get_nodes(ControlCall *call, json_t *parameters, void *userdata);
