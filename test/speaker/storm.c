/*
 * Connects and goes, from several addresses in turn, at a steady pace until its input ends and it has done as many as are asked for;
 * then it prints what came of it. In C, since it shares the machine with the speaker that it attacks: in JavaScript the attacker
 * took five times the processor time of the attacked.
 *   storm HOST PORT PER_SECOND LEAST fin|rst SOURCE...
 * PER_SECOND 0: as fast as it can.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *text, int port) {
  struct sockaddr_in found = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, text, &found.sin_addr);
  return found;
}

/* 0 or the error. */
static int once(const struct sockaddr_in *from, const struct sockaddr_in *to, int reset) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  const struct timeval patience = {.tv_sec = 5};
  const struct linger hard = {.l_onoff = 1, .l_linger = 0};
  int error = 0;
  /* The port is chosen when both ends are known: one that waits for its last packets elsewhere can be had. */
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  if (bind(fd, (const void *)from, sizeof *from) < 0 || connect(fd, (const void *)to, sizeof *to) < 0) error = errno;
  close(fd);
  return error;
}

int main(int count, char **words) {
  if (count < 7) return 2;
  const struct sockaddr_in to = address(words[1], atoi(words[2]));
  const double perSecond = atof(words[3]);
  const long least = atol(words[4]);
  const int reset = strcmp(words[5], "rst") == 0, sources = count - 6;
  const double started = now();
  double slowest = 0, next = started;
  long done = 0, failed = 0, tried = 0;
  int isCalm = 0, last = 0;
  while (!(isCalm && done >= least) && now() - started < 60) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char byte;
    if (!isCalm && poll(&input, 1, 0) > 0 && read(0, &byte, 1) == 0) isCalm = 1;
    const double wait = next - now();
    if (wait > 0) usleep(wait * 1e6);
    /* What was missed is not made up for. */
    next = (wait > -0.1 ? next : now()) + (perSecond > 0 ? 1 / perSecond : 0);
    const struct sockaddr_in from = address(words[6 + tried++ % sources], 0);
    const double began = now();
    const int error = once(&from, &to, reset);
    if (now() - began > slowest) slowest = now() - began;
    if (error == 0) done++;
    else failed++, last = error;
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  const double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  printf("{\"count\":%ld,\"failed\":%ld,\"error\":%d,\"ms\":%.1f,\"slowestMs\":%.1f,\"cpuMs\":%.1f}\n", done, failed, last,
         (now() - started) * 1e3, slowest * 1e3, cpu * 1e3);
  return 0;
}
