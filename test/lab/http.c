/*
 * The two ends of the lab's load: requests at a rate, each on a connection of its own, and who answers them. In C, because a machine with two
 * cores has routers, nodes and speakers to run beside it. Built by test/lab/directReturn.ts with the C compiler.
 *
 *   http serve PORT                     answers every connection with 200 and closes it
 *   http load HOST RATE TIMEOUT_MS      asks until SIGTERM, then waits for what is under way and prints one line:
 *     {"sent": 1000, "ok": 1000, "failed": 0, "slow": 0, "skipped": 0, "seconds": 1.000, "errors": {}}
 *
 * `slow` took longer than 180 ms: a packet was lost, and TCP sent it again. `skipped` was not asked: MOST were under way already.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define SLOW_MS 180
#define MOST 4000
#define TICK_MS 1

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void watch(int poll, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

/* --- serve ------------------------------------------------------------------------------------------------------- */

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/* Whether this connection is done with. */
static int answer(int fd) {
  char request[4096];
  ssize_t size = recv(fd, request, sizeof request, 0);
  if (size < 0 && errno == EAGAIN) return 0;
  if (size > 0) send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
  close(fd);
  return 1;
}

static void serve(int port) {
  int one = 1;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = INADDR_ANY};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  /* A connection comes with its request. */
  setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (listen(listener, 4096) < 0) die("listen");
  int poll = epoll_create1(0);
  watch(poll, listener, EPOLLIN, listener);
  for (;;) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int fd = (int)events[i].data.u64;
      if (fd != listener) {
        answer(fd);
        continue;
      }
      int accepted;
      while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        if (!answer(accepted)) watch(poll, accepted, EPOLLIN, accepted);
    }
  }
}

/* --- load -------------------------------------------------------------------------------------------------------- */

struct request {
  int fd; /* -1: free */
  int is_sent;
  double begun;
};

/* A ring in the order of asking, so that the oldest is the next to run out of time. */
static struct request ring[MOST * 2];
static const size_t SLOTS = sizeof ring / sizeof *ring;
static size_t head, tail;
static int open_count;
static long sent, ok, failed, slow, skipped;
static struct {
  char name[32];
  long count;
} errors[16];
static volatile sig_atomic_t is_ending;

static void on_signal(int signal) {
  (void)signal;
  is_ending = 1;
}

static void count_error(const char *name) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (errors[i].count == 0) snprintf(errors[i].name, sizeof errors[i].name, "%s", name);
    if (strcmp(errors[i].name, name) != 0) continue;
    errors[i].count += 1;
    return;
  }
}

static void done(struct request *request, const char *error) {
  /* No port stays behind in TIME_WAIT. */
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(request->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(request->fd);
  request->fd = -1;
  open_count -= 1;
  if (error == NULL) ok += 1;
  else {
    failed += 1;
    count_error(error);
  }
  if (now() - request->begun > SLOW_MS) slow += 1;
}

static void ask(int poll, const struct sockaddr_in *server) {
  if (open_count >= MOST || tail - head >= SLOTS) {
    skipped += 1;
    return;
  }
  size_t slot = tail++ % SLOTS;
  struct request *request = &ring[slot];
  *request = (struct request){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .begun = now()};
  if (request->fd < 0) die("socket");
  sent += 1;
  open_count += 1;
  if (connect(request->fd, (const struct sockaddr *)server, sizeof *server) < 0 && errno != EINPROGRESS) {
    done(request, strerrorname_np(errno));
    return;
  }
  watch(poll, request->fd, EPOLLIN | EPOLLOUT | EPOLLET, slot);
}

static void serve_event(struct request *request, uint32_t events, const char *text) {
  if (request->fd < 0) return;
  if (events & EPOLLERR) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    done(request, strerrorname_np(error));
    return;
  }
  if (!request->is_sent && (events & EPOLLOUT)) {
    request->is_sent = 1;
    if (send(request->fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
      done(request, strerrorname_np(errno));
      return;
    }
  }
  if (!(events & EPOLLIN)) return;
  char reply[512];
  ssize_t size = recv(request->fd, reply, sizeof reply, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size < 0) done(request, strerrorname_np(errno));
  else if (size == 0) done(request, "closed");
  else done(request, size >= 12 && memcmp(reply, "HTTP/1.1 200", 12) == 0 ? NULL : "answer");
}

static void run_out(double timeout_ms) {
  for (double until = now() - timeout_ms; head < tail; head++) {
    struct request *oldest = &ring[head % SLOTS];
    if (oldest->fd < 0) continue;
    if (oldest->begun > until) return;
    done(oldest, "timeout");
  }
}

static void report(double seconds) {
  printf("{\"sent\": %ld, \"ok\": %ld, \"failed\": %ld, \"slow\": %ld, \"skipped\": %ld, \"seconds\": %.3f, \"errors\": {", sent, ok, failed,
         slow, skipped, seconds);
  for (size_t i = 0; i < sizeof errors / sizeof *errors && errors[i].count > 0; i++)
    printf("%s\"%s\": %ld", i == 0 ? "" : ", ", errors[i].name, errors[i].count);
  printf("}}\n");
}

static void load(const char *host, double rate, double timeout_ms) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(80)};
  if (inet_pton(AF_INET, host, &server.sin_addr) != 1) die("inet_pton");
  char text[256];
  snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
  signal(SIGTERM, on_signal);
  int poll = epoll_create1(0);
  printf("ready\n");
  fflush(stdout);
  double start = now(), seconds = 0;
  long due = 0;
  while (!is_ending || open_count > 0) {
    if (is_ending && seconds == 0) seconds = (now() - start) / 1e3;
    long wanted = is_ending ? due : (long)((now() - start) * rate / 1e3);
    for (; due < wanted; due++) ask(poll, &server);
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poll, events, EVENTS, TICK_MS);
    for (int i = 0; i < count; i++) serve_event(&ring[events[i].data.u64], events[i].events, text);
    run_out(timeout_ms);
  }
  report(seconds == 0 ? (now() - start) / 1e3 : seconds);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(atoi(argv[2]));
  else if (argc == 5 && strcmp(argv[1], "load") == 0) load(argv[2], atof(argv[3]), atof(argv[4]));
  else {
    fprintf(stderr, "http serve PORT | load HOST RATE TIMEOUT_MS\n");
    return 2;
  }
  return 0;
}
