#include "values.h"

#include <stdio.h>
#include <string.h>

napi_value throw_errno(napi_env env, int error, const char *syscall) {
  char text[192];
  char name[16];
  const char *code = strerrorname_np(error);
  snprintf(name, sizeof name, "%s", code == NULL ? "EUNKNOWN" : code);
  snprintf(text, sizeof text, "%s: %s (%s)", syscall, strerror(error), name);
  napi_value message, code_value, made, number, syscall_value;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok) return NULL;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code_value);
  napi_create_error(env, code_value, message, &made);
  napi_create_int32(env, error, &number);
  napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &syscall_value);
  napi_set_named_property(env, made, "errno", number);
  napi_set_named_property(env, made, "syscall", syscall_value);
  napi_throw(env, made);
  return NULL;
}

napi_value throw_type(napi_env env, const char *message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return NULL;
}

bool read_int(napi_env env, napi_value value, int32_t *out) {
  napi_valuetype type;
  double number;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_number) return false;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= INT32_MIN && number <= INT32_MAX) || number != (double)(int32_t)number) return false;
  *out = (int32_t)number;
  return true;
}

bool read_bytes(napi_env env, napi_value value, bytes_t *out) {
  bool is_view = false;
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (napi_is_typedarray(env, value, &is_view) != napi_ok || !is_view) return false;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok) return false;
  if (type != napi_uint8_array) return false;
  out->data = data;
  out->length = length;
  return true;
}
