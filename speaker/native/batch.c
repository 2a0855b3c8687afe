#include "batch.h"

#include <errno.h>
#include <string.h>

static bool take(napi_env env, napi_value value, bytes_t *bytes, napi_ref *reference) {
  return read_bytes(env, value, bytes) && napi_create_reference(env, value, 1, reference) == napi_ok;
}

bool batch_take(napi_env env, batch_t *batch, const napi_value *views) {
  if (!take(env, views[0], &batch->frames, &batch->frames_ref) || !take(env, views[1], &batch->lengths, &batch->lengths_ref) ||
      !take(env, views[2], &batch->addresses, &batch->addresses_ref) || !take(env, views[3], &batch->controls, &batch->controls_ref))
    return false;
  if (batch->frames.length < BATCH || batch->lengths.length < BATCH * sizeof(uint32_t)) return false;
  size_t control = batch->controls.length / BATCH;
  batch->stride = batch->frames.length / BATCH;
  batch->address_size = batch->addresses.length / BATCH;
  batch->control_size = control > sizeof(uint32_t) ? control - sizeof(uint32_t) : 0;
  return true;
}

void batch_release(napi_env env, batch_t *batch) {
  napi_ref references[] = {batch->frames_ref, batch->lengths_ref, batch->addresses_ref, batch->controls_ref};
  for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
    if (references[i] != NULL) napi_delete_reference(env, references[i]);
}

static bool is_same_memory(napi_env env, napi_ref reference, const bytes_t *bytes) {
  napi_value value;
  bytes_t now;
  if (bytes->length == 0) return true;
  return napi_get_reference_value(env, reference, &value) == napi_ok && value != NULL && read_bytes(env, value, &now) &&
         now.length == bytes->length && now.data == bytes->data;
}

bool batch_has_memory(napi_env env, const batch_t *batch) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  bool same = is_same_memory(env, batch->frames_ref, &batch->frames) && is_same_memory(env, batch->lengths_ref, &batch->lengths) &&
              is_same_memory(env, batch->addresses_ref, &batch->addresses) && is_same_memory(env, batch->controls_ref, &batch->controls);
  napi_close_handle_scope(env, scope);
  return same;
}

static void prepare(batch_t *batch) {
  for (size_t i = 0; i < BATCH; i++) {
    batch->parts[i] = (struct iovec){.iov_base = batch->frames.data + i * batch->stride, .iov_len = batch->stride};
    batch->messages[i].msg_hdr = (struct msghdr){
        .msg_iov = &batch->parts[i],
        .msg_iovlen = 1,
        .msg_name = batch->addresses.data + i * batch->address_size,
        .msg_namelen = (socklen_t)batch->address_size,
        .msg_control = batch->control_size == 0 ? NULL : batch->controls.data + i * (batch->control_size + sizeof(uint32_t)) + sizeof(uint32_t),
        .msg_controllen = batch->control_size,
    };
  }
}

static void publish(batch_t *batch, int count) {
  for (int i = 0; i < count; i++) {
    uint32_t length = batch->messages[i].msg_len;
    memcpy(batch->lengths.data + (size_t)i * sizeof length, &length, sizeof length);
    if (batch->control_size == 0) continue;
    uint32_t control = (uint32_t)batch->messages[i].msg_hdr.msg_controllen;
    memcpy(batch->controls.data + (size_t)i * (batch->control_size + sizeof control), &control, sizeof control);
  }
}

int batch_read(batch_t *batch, int fd, ring_t *ring) {
  if (ring->memory != NULL) return ring_read(ring, batch->frames.data, batch->stride, batch->lengths.data, BATCH);
  prepare(batch);
  int count = recvmmsg(fd, batch->messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  publish(batch, count);
  return count;
}
