/* Between values of JavaScript and of C: what a call was given, and what it throws. */
#ifndef HERALDLB_VALUES_H
#define HERALDLB_VALUES_H

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

#endif
