/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of io.udamon.monitor. */
#pragma once

#include "configuration.h"
#include "event-readers.h"

typedef struct MethodsContext {
        Manager *manager;
        Control *control; /* set once it exists */
        EventReaders event_readers;
        Access access;
        nsec_t started;         /* CLOCK_MONOTONIC */
        Configuration *configuration;
        const char *socket;      /* NULL for none */
} MethodsContext;

extern const ControlMethod methods_table[];
extern const size_t methods_n;
extern const ServiceInfo methods_service;

/* Who may call which (ControlConfig.allowed), and the audit of what was called (ControlConfig.called). */
bool methods_allowed(void *userdata, const ControlPeer *peer, const ControlMethod *method);
void methods_called(void *userdata, const ControlPeer *peer, const ControlMethod *method, const char *error);
