/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.varlink.service, the interface that every service has: pure functions over tables. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "wire/field.h"

typedef struct ServiceInterface {
        const char *name;
        const char *description; /* the interface text */
} ServiceInterface;

typedef struct ServiceInfo {
        const char *vendor;
        const char *product;
        const char *version;
        const char *url;
        const ServiceInterface *interfaces; /* without org.varlink.service, which is implied */
        size_t n_interfaces;
} ServiceInfo;

extern const ServiceInterface service_interface;

/* Parameters of GetInterfaceDescription (GetInfo has none). */
extern const Field service_description_fields[];

/* The interface of that name (not NUL-terminated), org.varlink.service included; NULL for none. */
const ServiceInterface *service_find(const ServiceInfo *info, const char *name, size_t length);

/* Parameters of the replies; NULL without memory. */
json_t *service_get_info(const ServiceInfo *info);
json_t *service_get_description(const ServiceInterface *interface);
