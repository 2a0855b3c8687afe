/*
 * HeraldLB's sockets: what Node.js has no call for, without any policy. Packing of addresses and options, filters and
 * protocols are TypeScript's business; here are system calls, their errors, and (reader.c) one reader on the event loop.
 */
#include "reader.h"
#include "values.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ARGS 6
#define MAX_BATCH 256
#define MAX_OPTION 1024

/* Reads the arguments of a call; those that were not given are undefined. */
static bool arguments(napi_env env, napi_callback_info info, napi_value *args, size_t wanted) {
  size_t count = MAX_ARGS;
  napi_value given[MAX_ARGS];
  if (napi_get_cb_info(env, info, &count, given, NULL, NULL) != napi_ok || count < wanted) return false;
  for (size_t i = 0; i < wanted; i++) args[i] = given[i];
  return true;
}

static napi_value integer(napi_env env, int64_t number) {
  napi_value value;
  return napi_create_int64(env, number, &value) == napi_ok ? value : NULL;
}

static napi_value make_socket(napi_env env, napi_callback_info info) {
  napi_value args[3];
  int32_t domain, type, protocol;
  if (!arguments(env, info, args, 3) || !read_int(env, args[0], &domain) || !read_int(env, args[1], &type) ||
      !read_int(env, args[2], &protocol))
    return throw_type(env, "socket(domain, type, protocol)");
  int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  return fd < 0 ? throw_errno(env, errno, "socket") : integer(env, fd);
}

static napi_value close_socket(napi_env env, napi_callback_info info) {
  napi_value args[1];
  int32_t fd;
  if (!arguments(env, info, args, 1) || !read_int(env, args[0], &fd)) return throw_type(env, "close(fd)");
  return close(fd) < 0 ? throw_errno(env, errno, "close") : integer(env, 0);
}

static napi_value bind_socket(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  bytes_t address;
  if (!arguments(env, info, args, 2) || !read_int(env, args[0], &fd) || !read_bytes(env, args[1], &address))
    return throw_type(env, "bind(fd, address)");
  int failed = bind(fd, (const struct sockaddr *)address.data, (socklen_t)address.length);
  return failed < 0 ? throw_errno(env, errno, "bind") : integer(env, 0);
}

/* Answers 1 when the connection is made already, 0 when it is under way. */
static napi_value connect_socket(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  bytes_t address;
  if (!arguments(env, info, args, 2) || !read_int(env, args[0], &fd) || !read_bytes(env, args[1], &address))
    return throw_type(env, "connect(fd, address)");
  if (connect(fd, (const struct sockaddr *)address.data, (socklen_t)address.length) == 0) return integer(env, 1);
  return errno == EINPROGRESS ? integer(env, 0) : throw_errno(env, errno, "connect");
}

static napi_value listen_socket(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd, backlog;
  if (!arguments(env, info, args, 2) || !read_int(env, args[0], &fd) || !read_int(env, args[1], &backlog))
    return throw_type(env, "listen(fd, backlog)");
  return listen(fd, backlog) < 0 ? throw_errno(env, errno, "listen") : integer(env, 0);
}

static napi_value set_option(napi_env env, napi_callback_info info) {
  napi_value args[4];
  int32_t fd, level, name;
  bytes_t value;
  if (!arguments(env, info, args, 4) || !read_int(env, args[0], &fd) || !read_int(env, args[1], &level) ||
      !read_int(env, args[2], &name) || !read_bytes(env, args[3], &value))
    return throw_type(env, "setsockopt(fd, level, name, value)");
  int failed = setsockopt(fd, level, name, value.data, (socklen_t)value.length);
  return failed < 0 ? throw_errno(env, errno, "setsockopt") : integer(env, 0);
}

static napi_value get_option(napi_env env, napi_callback_info info) {
  napi_value args[4], buffer;
  int32_t fd, level, name, length;
  if (!arguments(env, info, args, 4) || !read_int(env, args[0], &fd) || !read_int(env, args[1], &level) ||
      !read_int(env, args[2], &name) || !read_int(env, args[3], &length) || length < 1 || length > MAX_OPTION)
    return throw_type(env, "getsockopt(fd, level, name, length)");
  uint8_t value[MAX_OPTION];
  socklen_t got = (socklen_t)length;
  if (getsockopt(fd, level, name, value, &got) < 0) return throw_errno(env, errno, "getsockopt");
  return napi_create_buffer_copy(env, got, value, NULL, &buffer) == napi_ok ? buffer : NULL;
}

static napi_value get_name(napi_env env, napi_callback_info info) {
  napi_value args[1], buffer;
  int32_t fd;
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (!arguments(env, info, args, 1) || !read_int(env, args[0], &fd)) return throw_type(env, "getsockname(fd)");
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return throw_errno(env, errno, "getsockname");
  return napi_create_buffer_copy(env, length, &address, NULL, &buffer) == napi_ok ? buffer : NULL;
}

/* A classic BPF program: eight bytes an instruction, as in struct sock_filter, in the machine's byte order. */
static napi_value set_filter(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  bytes_t program;
  if (!arguments(env, info, args, 2) || !read_int(env, args[0], &fd) || !read_bytes(env, args[1], &program) ||
      program.length == 0 || program.length % sizeof(struct sock_filter) != 0)
    return throw_type(env, "setFilter(fd, program)");
  struct sock_filter instructions[BPF_MAXINSNS];
  size_t count = program.length / sizeof(struct sock_filter);
  if (count > BPF_MAXINSNS) return throw_type(env, "setFilter: the program is too long");
  memcpy(instructions, program.data, program.length);
  struct sock_fprog fprog = {.len = (unsigned short)count, .filter = instructions};
  int failed = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog);
  return failed < 0 ? throw_errno(env, errno, "setsockopt(SO_ATTACH_FILTER)") : integer(env, 0);
}

/* send(fd, bytes, address?): the number of bytes, or -errno; a full buffer is no exception on a hot path. */
static napi_value send_one(napi_env env, napi_callback_info info) {
  napi_value args[3];
  int32_t fd;
  bytes_t data, address = {NULL, 0};
  if (!arguments(env, info, args, 3) || !read_int(env, args[0], &fd) || !read_bytes(env, args[1], &data))
    return throw_type(env, "send(fd, bytes, address)");
  napi_valuetype type;
  if (napi_typeof(env, args[2], &type) != napi_ok || (type != napi_undefined && !read_bytes(env, args[2], &address)))
    return throw_type(env, "send(fd, bytes, address)");
  ssize_t sent = sendto(fd, data.data, data.length, MSG_NOSIGNAL, (const struct sockaddr *)address.data, (socklen_t)address.length);
  return integer(env, sent < 0 ? -errno : sent);
}

/* sendBatch(fd, slab, stride, lengths): frames at multiples of stride, lengths as little-endian uint32. -errno when none went. */
static napi_value send_batch(napi_env env, napi_callback_info info) {
  napi_value args[4];
  int32_t fd, stride;
  bytes_t slab, lengths;
  if (!arguments(env, info, args, 4) || !read_int(env, args[0], &fd) || !read_bytes(env, args[1], &slab) ||
      !read_int(env, args[2], &stride) || !read_bytes(env, args[3], &lengths) || stride < 1)
    return throw_type(env, "sendBatch(fd, slab, stride, lengths)");
  size_t count = lengths.length / sizeof(uint32_t);
  if (count > MAX_BATCH) return throw_type(env, "sendBatch: too many frames");
  struct mmsghdr messages[MAX_BATCH];
  struct iovec parts[MAX_BATCH];
  memset(messages, 0, sizeof messages[0] * count);
  for (size_t i = 0; i < count; i++) {
    uint32_t length;
    memcpy(&length, lengths.data + i * sizeof length, sizeof length);
    if (length > (uint32_t)stride || (i + 1) * (size_t)stride > slab.length) return throw_type(env, "sendBatch: a frame outside the slab");
    parts[i] = (struct iovec){.iov_base = slab.data + i * (size_t)stride, .iov_len = length};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int sent = sendmmsg(fd, messages, (unsigned int)count, MSG_NOSIGNAL);
  return integer(env, sent < 0 ? -errno : sent);
}

static napi_value interface_index(napi_env env, napi_callback_info info) {
  napi_value args[1];
  char name[IF_NAMESIZE + 1];
  size_t length;
  if (!arguments(env, info, args, 1) || napi_get_value_string_utf8(env, args[0], name, sizeof name, &length) != napi_ok)
    return throw_type(env, "ifindex(name)");
  /* Cut off at the buffer's end or at a NUL it would be the name of another interface. */
  if (length >= IF_NAMESIZE || strlen(name) != length) return throw_errno(env, ENODEV, "if_nametoindex");
  unsigned int index = if_nametoindex(name);
  return index == 0 ? throw_errno(env, errno, "if_nametoindex") : integer(env, index);
}

/* Of the calling thread. The threads that it begins later have the ordinary policy. */
static napi_value set_scheduler(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t policy, priority;
  if (!arguments(env, info, args, 2) || !read_int(env, args[0], &policy) || !read_int(env, args[1], &priority))
    return throw_type(env, "setScheduler(policy, priority)");
  struct sched_param parameters = {.sched_priority = priority};
  int failed = sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &parameters);
  return failed < 0 ? throw_errno(env, errno, "sched_setscheduler") : integer(env, 0);
}

static const struct {
  const char *name;
  napi_callback call;
} FUNCTIONS[] = {
    {"socket", make_socket},       {"close", close_socket},     {"bind", bind_socket},     {"connect", connect_socket},
    {"listen", listen_socket},     {"setsockopt", set_option},  {"getsockopt", get_option}, {"getsockname", get_name},
    {"setFilter", set_filter},     {"send", send_one},          {"sendBatch", send_batch}, {"ifindex", interface_index},
    {"setScheduler", set_scheduler},
};

NAPI_MODULE_INIT() {
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
    napi_value function;
    if (napi_create_function(env, FUNCTIONS[i].name, NAPI_AUTO_LENGTH, FUNCTIONS[i].call, NULL, &function) != napi_ok) return NULL;
    if (napi_set_named_property(env, exports, FUNCTIONS[i].name, function) != napi_ok) return NULL;
  }
  return export_reader(env, exports) ? exports : NULL;
}
