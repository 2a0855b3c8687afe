/*
 * HeraldLB's sockets: what Node.js has no call for, without any policy. Packing of addresses and options, filters and
 * protocols are TypeScript's business; here are system calls, their errors, and one reader on the event loop.
 */
#ifndef HERALDLB_ADDON_H
#define HERALDLB_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of a Uint8Array's memory. */
typedef struct {
  uint8_t *data;
  size_t length;
} bytes_t;

/* Throws an Error with `code` (such as ENETDOWN), `errno` and `syscall`; returns NULL for the caller to return. */
napi_value throw_errno(napi_env env, int error, const char *syscall);

/* Throws a TypeError; returns NULL. */
napi_value throw_type(napi_env env, const char *message);

bool read_int(napi_env env, napi_value value, int32_t *out);
bool read_bytes(napi_env env, napi_value value, bytes_t *out);

/* Exports startReader and stopReader. */
bool export_reader(napi_env env, napi_value exports);

#endif
