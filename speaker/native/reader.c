#include "reader.h"
#include "batch.h"
#include "ring.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

/* A flood must not starve timers: so many frames, and so long, per wake-up at most. */
#define FRAMES_PER_WAKE 256
#define WAKE_NS 1000000

/* Reads datagrams into memory that JavaScript owns, from the ring of a packet socket where it has one. */
typedef struct {
  uv_poll_t poll;
  napi_env env;
  napi_async_context context;
  napi_ref callback;
  napi_async_cleanup_hook_handle cleanup;
  batch_t batch;
  int fd;
  ring_t ring;
  /* Frames come faster than it could sleep: see stop_telling. */
  bool busy;
  /* Which file the descriptor stood for when reading began: numbers are used again. */
  dev_t device;
  ino_t inode;
  /* The memory goes when both the poll handle and JavaScript's handle are gone, whichever is later. */
  bool closing, closed, finalized, orphaned;
} reader_t;

static void free_when_unused(reader_t *reader) {
  if (reader->closed && reader->finalized) free(reader);
}

static bool is_same_file(const reader_t *reader) {
  struct stat status;
  return fstat(reader->fd, &status) == 0 && status.st_dev == reader->device && status.st_ino == reader->inode;
}

static void release_references(reader_t *reader) {
  napi_env env = reader->env;
  batch_release(env, &reader->batch);
  if (reader->callback != NULL) napi_delete_reference(env, reader->callback);
  if (reader->context != NULL) napi_async_destroy(env, reader->context);
}

static void on_closed(uv_handle_t *handle) {
  reader_t *reader = handle->data;
  if (reader->orphaned && is_same_file(reader)) close(reader->fd);
  if (reader->cleanup != NULL) napi_remove_async_cleanup_hook(reader->cleanup);
  reader->closed = true;
  free_when_unused(reader);
}

static void close_reader(reader_t *reader) {
  if (reader->closing) return;
  reader->closing = true;
  release_references(reader);
  ring_close(&reader->ring);
  uv_poll_stop(&reader->poll);
  uv_close((uv_handle_t *)&reader->poll, on_closed);
}

/* The environment (a worker, or the process) ends with the reader still open: no JavaScript is left to close the descriptor. */
static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  reader_t *reader = data;
  if (!reader->closing) reader->orphaned = true;
  close_reader(reader);
}

/* JavaScript has dropped its handle. A reader that was never stopped goes on until the environment ends. */
static void on_finalize(napi_env env, void *data, void *hint) {
  reader_t *reader = data;
  reader->finalized = true;
  free_when_unused(reader);
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

static void on_readable(uv_poll_t *poll, int status, int events);

/*
 * A link that went down leaves an error on the socket, and libuv stops polling: take the error off and go on. libuv aborts
 * the process when it is told to poll a descriptor that is closed, so that one is given up.
 */
static void recover(reader_t *reader) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(reader->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error == 0) error = EBADF;
  call_back(reader, -error);
  if (!reader->closing && is_same_file(reader)) uv_poll_start(&reader->poll, UV_READABLE, on_readable);
}

/*
 * While frames come faster than it could sleep, nobody needs to tell it of them: as long as a descriptor is polled, who sends pays for that with
 * each frame, which is a third of what it costs him to fill the ring.
 */
static void stop_telling(reader_t *reader) {
  if (uv_is_active((uv_handle_t *)&reader->poll)) uv_poll_stop(&reader->poll);
}

/* What came in between is told of at once. As in recover, a descriptor that is closed is given up. */
static void tell_again(reader_t *reader) {
  if (uv_is_active((uv_handle_t *)&reader->poll) || reader->closing || !is_same_file(reader)) return;
  uv_poll_start(&reader->poll, UV_READABLE, on_readable);
}

/* Hands over what has come, batch by batch. False where there is no memory to hand it over in, and never will be. */
static bool read_all(reader_t *reader) {
  bool from_ring = reader->ring.memory != NULL, was_busy = reader->busy;
  uint64_t end = uv_hrtime() + WAKE_NS;
  reader->busy = false;
  for (int frames = 0; frames < FRAMES_PER_WAKE;) {
    if (was_busy || reader->busy) stop_telling(reader);
    if (!batch_has_memory(reader->env, &reader->batch)) return false;
    int count = batch_read(&reader->batch, reader->fd, &reader->ring);
    if (count == 0) return true;
    call_back(reader, count);
    if (count < 0 || reader->closing) return true;
    frames += count;
    /* To look into a ring again costs nothing; to ask the kernel again costs more than to be woken again. */
    if (from_ring ? !ring_await(&reader->ring, end) : count < BATCH) return true;
    reader->busy = from_ring;
  }
  return true;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  reader_t *reader = poll->data;
  if (status < 0) {
    recover(reader);
  } else if (read_all(reader)) {
    tell_again(reader);
  } else {
    uv_poll_stop(poll);
    call_back(reader, -EFAULT);
  }
}

/* Takes the arguments of startReader; what was taken before one is refused stays referenced. */
static bool take_all(reader_t *reader, const napi_value *args) {
  static const char NAME[] = "heraldlb:reader";
  napi_env env = reader->env;
  napi_value name;
  napi_valuetype type;
  if (napi_typeof(env, args[5], &type) != napi_ok || type != napi_function) return false;
  if (!batch_take(env, &reader->batch, args + 1)) return false;
  return napi_create_reference(env, args[5], 1, &reader->callback) == napi_ok &&
         napi_create_string_utf8(env, NAME, NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, NULL, name, &reader->context) == napi_ok;
}

/* Makes the poll handle. 0, or a negative error of libuv. */
static int begin(reader_t *reader) {
  struct stat status;
  uv_loop_t *loop = NULL;
  if (fstat(reader->fd, &status) < 0) return -errno;
  if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
  reader->device = status.st_dev;
  reader->inode = status.st_ino;
  if (napi_get_uv_event_loop(reader->env, &loop) != napi_ok) return -EINVAL;
  int failed = uv_poll_init(loop, &reader->poll, reader->fd);
  if (failed < 0) return failed;
  reader->poll.data = reader;
  napi_add_async_cleanup_hook(reader->env, on_cleanup, reader, &reader->cleanup);
  return uv_poll_start(&reader->poll, UV_READABLE, on_readable);
}

/* startReader(fd, frames, lengths, addresses, controls, callback[, slots, slotSize]) -> external; with slots from a ring of so many */
static napi_value start_reader(napi_env env, napi_callback_info info) {
  napi_value args[8], handle;
  size_t count = 8;
  int32_t fd, slots = 0, slot_size = 0;
  bool given = napi_get_cb_info(env, info, &count, args, NULL, NULL) == napi_ok && count >= 6 && read_int(env, args[0], &fd);
  if (given && count > 6) given = read_int(env, args[6], &slots) && read_int(env, args[7], &slot_size) && slots > 0 && slot_size > 0;
  if (!given) return throw_type(env, "startReader(fd, frames, lengths, addresses, controls, callback, slots, slotSize)");
  reader_t *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return throw_errno(env, ENOMEM, "startReader");
  reader->env = env;
  reader->fd = fd;
  bool taken = take_all(reader, args) && napi_create_external(env, reader, on_finalize, NULL, &handle) == napi_ok;
  if (!taken) {
    release_references(reader);
    free(reader);
    return throw_type(env, "startReader: 64 frames, 64 uint32 lengths, addresses, controls and a function");
  }
  int failed = slots == 0 ? 0 : ring_open(&reader->ring, fd, (uint32_t)slots, (uint32_t)slot_size);
  if (failed >= 0) failed = begin(reader);
  if (failed >= 0) return handle;
  if (reader->poll.data != NULL) {
    close_reader(reader);
  } else {
    release_references(reader);
    ring_close(&reader->ring);
    reader->closing = reader->closed = true;
  }
  return throw_errno(env, -failed, "startReader");
}

/* stopReader(external): no callback comes after it, and a second call does nothing. Before the descriptor is closed. */
static napi_value stop_reader(napi_env env, napi_callback_info info) {
  napi_value args[1], undefined;
  size_t count = 1;
  napi_valuetype type;
  void *data;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok || count < 1 || napi_typeof(env, args[0], &type) != napi_ok ||
      type != napi_external || napi_get_value_external(env, args[0], &data) != napi_ok)
    return throw_type(env, "stopReader(reader)");
  close_reader(data);
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
