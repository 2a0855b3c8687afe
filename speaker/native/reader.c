#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

/* A flood must not starve timers: so many batches of so many frames per wake-up at most. */
#define BATCH 64
#define BATCHES_PER_WAKE 4

/*
 * Reads datagrams into memory that JavaScript owns:
 *   frames    BATCH x stride         lengths   BATCH x uint32, the received length (larger than stride: truncated)
 *   addresses BATCH x address_size   controls  BATCH x control_size, each preceded by its uint32 length
 */
typedef struct {
  uv_poll_t poll;
  napi_env env;
  napi_async_context context;
  napi_ref callback, frames_ref, lengths_ref, addresses_ref, controls_ref;
  napi_async_cleanup_hook_handle cleanup;
  bytes_t frames, lengths, addresses, controls;
  size_t stride, address_size, control_size;
  int fd;
  bool closing;
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
} reader_t;

static void on_closed(uv_handle_t *handle) {
  reader_t *reader = handle->data;
  if (reader->cleanup != NULL) napi_remove_async_cleanup_hook(reader->cleanup);
  free(reader);
}

static void close_reader(reader_t *reader) {
  if (reader->closing) return;
  reader->closing = true;
  uv_poll_stop(&reader->poll);
  uv_close((uv_handle_t *)&reader->poll, on_closed);
}

/* The environment (a worker, or the process) ends with the reader still open. */
static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  close_reader(data);
}

static void release_references(reader_t *reader) {
  napi_env env = reader->env;
  napi_ref references[] = {reader->callback, reader->frames_ref, reader->lengths_ref, reader->addresses_ref, reader->controls_ref};
  for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) napi_delete_reference(env, references[i]);
  napi_async_destroy(env, reader->context);
}

/* Calls back with the number of frames, or with -errno. */
static void call_back(reader_t *reader, int32_t result) {
  napi_env env = reader->env;
  napi_handle_scope scope;
  napi_value callback, receiver, argument;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_get_reference_value(env, reader->callback, &callback);
  napi_get_global(env, &receiver);
  napi_create_int32(env, result, &argument);
  if (napi_make_callback(env, reader->context, receiver, callback, 1, &argument, NULL) == napi_pending_exception) {
    napi_value exception;
    /* A throwing callback is a bug; it goes the way of every uncaught exception instead of being lost here. */
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

static void prepare(reader_t *reader) {
  for (size_t i = 0; i < BATCH; i++) {
    reader->parts[i] = (struct iovec){.iov_base = reader->frames.data + i * reader->stride, .iov_len = reader->stride};
    reader->messages[i].msg_hdr = (struct msghdr){
        .msg_iov = &reader->parts[i],
        .msg_iovlen = 1,
        .msg_name = reader->addresses.data + i * reader->address_size,
        .msg_namelen = (socklen_t)reader->address_size,
        .msg_control = reader->control_size == 0 ? NULL : reader->controls.data + i * (reader->control_size + sizeof(uint32_t)) + sizeof(uint32_t),
        .msg_controllen = reader->control_size,
    };
  }
}

static void publish(reader_t *reader, int count) {
  for (int i = 0; i < count; i++) {
    uint32_t length = reader->messages[i].msg_len;
    memcpy(reader->lengths.data + (size_t)i * sizeof length, &length, sizeof length);
    if (reader->control_size == 0) continue;
    uint32_t control = (uint32_t)reader->messages[i].msg_hdr.msg_controllen;
    memcpy(reader->controls.data + (size_t)i * (reader->control_size + sizeof control), &control, sizeof control);
  }
}

static void on_readable(uv_poll_t *poll, int status, int events);

/* A link that went down leaves an error on the socket, and libuv stops polling: take the error off and go on. */
static void recover(reader_t *reader) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(reader->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  call_back(reader, -(error == 0 ? EBADF : error));
  if (!reader->closing) uv_poll_start(&reader->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  reader_t *reader = poll->data;
  if (status < 0) {
    recover(reader);
    return;
  }
  for (int batch = 0; batch < BATCHES_PER_WAKE && !reader->closing; batch++) {
    prepare(reader);
    int count = recvmmsg(reader->fd, reader->messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (count < 0) {
      if (errno != EAGAIN && errno != EINTR) call_back(reader, -errno);
      return;
    }
    publish(reader, count);
    call_back(reader, count);
    if (count < BATCH) return;
  }
}

static bool take(napi_env env, napi_value value, bytes_t *bytes, napi_ref *reference) {
  return read_bytes(env, value, bytes) && napi_create_reference(env, value, 1, reference) == napi_ok;
}

/* startReader(fd, {frames, stride, lengths, addresses, addressSize, controls, controlSize}, callback) -> external */
static napi_value start_reader(napi_env env, napi_callback_info info) {
  static const char *USAGE = "startReader(fd, frames, lengths, addresses, controls, callback)";
  napi_value args[6], name, handle;
  size_t count = 6;
  int32_t fd;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok || count < 6 || !read_int(env, args[0], &fd)) return throw_type(env, USAGE);
  if (napi_typeof(env, args[5], &type) != napi_ok || type != napi_function) return throw_type(env, USAGE);
  reader_t *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return throw_errno(env, ENOMEM, "startReader");
  if (!take(env, args[1], &reader->frames, &reader->frames_ref) || !take(env, args[2], &reader->lengths, &reader->lengths_ref) ||
      !take(env, args[3], &reader->addresses, &reader->addresses_ref) || !take(env, args[4], &reader->controls, &reader->controls_ref) ||
      reader->frames.length < BATCH || reader->lengths.length < BATCH * sizeof(uint32_t)) {
    free(reader);
    return throw_type(env, USAGE);
  }
  reader->env = env;
  reader->fd = fd;
  reader->stride = reader->frames.length / BATCH;
  reader->address_size = reader->addresses.length / BATCH;
  size_t control = reader->controls.length / BATCH;
  reader->control_size = control > sizeof(uint32_t) ? control - sizeof(uint32_t) : 0;
  uv_loop_t *loop = NULL;
  napi_get_uv_event_loop(env, &loop);
  int failed = uv_poll_init(loop, &reader->poll, fd);
  if (failed < 0) {
    free(reader);
    return throw_errno(env, -failed, "uv_poll_init");
  }
  reader->poll.data = reader;
  napi_create_reference(env, args[5], 1, &reader->callback);
  napi_create_string_utf8(env, "heraldlb:reader", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &reader->context);
  napi_add_async_cleanup_hook(env, on_cleanup, reader, &reader->cleanup);
  uv_poll_start(&reader->poll, UV_READABLE, on_readable);
  return napi_create_external(env, reader, NULL, NULL, &handle) == napi_ok ? handle : NULL;
}

/* stopReader(external): once; TypeScript guards against a second call. The descriptor stays open. */
static napi_value stop_reader(napi_env env, napi_callback_info info) {
  napi_value args[1], undefined;
  size_t count = 1;
  napi_valuetype type;
  void *data;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok || count < 1 || napi_typeof(env, args[0], &type) != napi_ok ||
      type != napi_external || napi_get_value_external(env, args[0], &data) != napi_ok)
    return throw_type(env, "stopReader(reader)");
  reader_t *reader = data;
  if (!reader->closing) release_references(reader);
  close_reader(reader);
  napi_get_undefined(env, &undefined);
  return undefined;
}

bool export_reader(napi_env env, napi_value exports) {
  napi_value start, stop;
  return napi_create_function(env, "startReader", NAPI_AUTO_LENGTH, start_reader, NULL, &start) == napi_ok &&
         napi_set_named_property(env, exports, "startReader", start) == napi_ok &&
         napi_create_function(env, "stopReader", NAPI_AUTO_LENGTH, stop_reader, NULL, &stop) == napi_ok &&
         napi_set_named_property(env, exports, "stopReader", stop) == napi_ok;
}
