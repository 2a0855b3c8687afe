/*
 * The other side of the layer-2 benchmarks, and the peer to be measured against. Built by the bench itself with the C compiler.
 *
 *   segment respond IFACE          answers ARP requests and neighbour solicitations for every VIP, from C on AF_PACKET: as quick as a
 *                                  program outside the kernel gets (recvmmsg, sendmmsg, a look-up that is one comparison)
 *   segment ask IFACE 4|6 VIPS WINDOW SECONDS MAC
 *                                  asks for VIP after VIP with WINDOW questions under way, and prints replies/s and the times to a reply
 *   segment flood IFACE arp|udp PER_SECOND SECONDS
 *                                  broadcasts that concern nobody
 *   segment count IFACE VIPS SECONDS
 *                                  announcements of different VIPs that come in, and when: after how many ms the first, the last
 *
 * VIPs are 10.20.0.0 + n and 2001:db8:20::n.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define FRAME 128
#define BASE 0x0a140000u
#define MAX_VIPS 65536

static uint8_t own_mac[6];
static const uint8_t OWN_IP[4] = {10, 99, 0, 2};
static const uint8_t OWN_IP6[16] = {0x20, 1, 0x0d, 0xb8, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
static const uint8_t VIP6[16] = {0x20, 1, 0x0d, 0xb8, 0, 0x20};
static const uint8_t ALL[6] = {255, 255, 255, 255, 255, 255};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int open_socket(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) die("socket");
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) die("SIOCGIFHWADDR");
  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);
  int big = 8 << 20, one = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
  /* ARP, or ICMPv6 135 and 136 without extension headers. */
  struct sock_filter code[] = {
      {0x28, 0, 0, 12}, {0x15, 5, 0, 0x0806}, {0x15, 0, 5, 0x86dd}, {0x30, 0, 0, 20},
      {0x15, 0, 3, 58}, {0x30, 0, 0, 54},     {0x15, 0, 2, 135},    {0x06, 0, 0, 0xffff},
      {0x06, 0, 0, 0},  {0x15, 0, 1, 136},    {0x06, 0, 0, 0xffff}, {0x06, 0, 0, 0},
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) die("filter");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  return fd;
}

struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  uint8_t frames[BATCH][FRAME];
  int used;
};

static void prepare(struct batch *b) {
  memset(b, 0, sizeof *b);
  for (int i = 0; i < BATCH; i++) {
    b->vectors[i] = (struct iovec){b->frames[i], FRAME};
    b->messages[i].msg_hdr.msg_iov = &b->vectors[i];
    b->messages[i].msg_hdr.msg_iovlen = 1;
  }
}

static void flush(int fd, struct batch *b) {
  int done = 0;
  while (done < b->used) {
    int sent = sendmmsg(fd, b->messages + done, (unsigned)(b->used - done), 0);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN) die("sendmmsg");
    if (sent > 0) done += sent;
  }
  b->used = 0;
}

static uint8_t *next_frame(int fd, struct batch *b, size_t length) {
  if (b->used == BATCH) flush(fd, b);
  b->vectors[b->used].iov_len = length;
  return b->frames[b->used++];
}

static uint16_t icmp6_sum(const uint8_t *ip, size_t payload) {
  uint32_t sum = 58 + (uint32_t)payload;
  for (size_t i = 8; i < 40 + payload; i += 2) sum += (uint32_t)(ip[i] << 8 | (i + 1 < 40 + payload ? ip[i + 1] : 0));
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void put_arp(uint8_t *f, int op, const uint8_t *to, const uint8_t *sender, const uint8_t *target_mac, const uint8_t *target) {
  memcpy(f, to, 6);
  memcpy(f + 6, own_mac, 6);
  static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0};
  memcpy(f + 12, head, sizeof head);
  f[21] = (uint8_t)op;
  memcpy(f + 22, own_mac, 6);
  memcpy(f + 28, sender, 4);
  memcpy(f + 32, target_mac, 6);
  memcpy(f + 38, target, 4);
}

/* type 135 with the source's, 136 with the target's link-layer address */
static void put_nd(uint8_t *f, int type, const uint8_t *to, const uint8_t *src, const uint8_t *dst, uint8_t flags, const uint8_t *target) {
  memcpy(f, to, 6);
  memcpy(f + 6, own_mac, 6);
  static const uint8_t head[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255};
  memcpy(f + 12, head, sizeof head);
  memcpy(f + 22, src, 16);
  memcpy(f + 38, dst, 16);
  memset(f + 54, 0, 8);
  f[54] = (uint8_t)type;
  f[58] = flags;
  memcpy(f + 62, target, 16);
  f[78] = type == 135 ? 1 : 2;
  f[79] = 1;
  memcpy(f + 80, own_mac, 6);
  uint16_t sum = icmp6_sum(f + 14, 32);
  f[56] = (uint8_t)(sum >> 8);
  f[57] = (uint8_t)sum;
}

static int vip4(const uint8_t *at) {
  uint32_t ip = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  return ip - BASE < MAX_VIPS ? (int)(ip - BASE) : -1;
}

static int vip6(const uint8_t *at) {
  return memcmp(at, VIP6, 14) == 0 ? at[14] << 8 | at[15] : -1;
}

static void respond(int fd) {
  static struct batch in, out;
  prepare(&in);
  prepare(&out);
  for (;;) {
    int got = recvmmsg(fd, in.messages, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < got; i++) {
      const uint8_t *f = in.frames[i];
      if (f[12] == 8 && f[21] == 1 && vip4(f + 38) >= 0) put_arp(next_frame(fd, &out, 42), 2, f + 22, f + 38, f + 22, f + 28);
      else if (f[12] == 0x86 && f[54] == 135 && vip6(f + 62) >= 0)
        put_nd(next_frame(fd, &out, 86), 136, f + 6, f + 62, f + 22, 0x40, f + 62);
    }
    flush(fd, &out);
  }
}

static double sent_at[MAX_VIPS];
static uint32_t histogram[2000000];

static void question(int fd, struct batch *out, int family, int vip, const uint8_t *to) {
  if (family == 4) {
    static const uint8_t zero[6];
    const uint8_t target[4] = {10, 20, (uint8_t)(vip >> 8), (uint8_t)vip};
    put_arp(next_frame(fd, out, 42), 1, ALL, OWN_IP, zero, target);
  } else {
    uint8_t target[16];
    memcpy(target, VIP6, 16);
    target[14] = (uint8_t)(vip >> 8);
    target[15] = (uint8_t)vip;
    /* Unicast, as a host does for a neighbour it knows: what is measured is the answer, not the filter of groups. */
    put_nd(next_frame(fd, out, 86), 135, to, OWN_IP6, target, 0, target);
  }
  sent_at[vip] = now();
}

static double quantile(uint64_t total, double part) {
  uint64_t seen = 0;
  for (size_t us = 0; us < sizeof histogram / sizeof *histogram; us++)
    if ((seen += histogram[us]) > total * part) return us;
  return -1;
}

static void ask(int fd, int family, int vips, int window, double seconds, const uint8_t *to) {
  static struct batch in, out;
  prepare(&in);
  prepare(&out);
  int next = 0, waiting = 0;
  uint64_t replies = 0, lost = 0;
  double begin = now(), end = begin + seconds, last = begin;
  while (now() < end) {
    for (; waiting < window; waiting++, next = (next + 1) % vips) question(fd, &out, family, next, to);
    flush(fd, &out);
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll(&ready, 1, 50) == 0) {
      lost += (uint64_t)waiting;
      waiting = 0;
      continue;
    }
    int got = recvmmsg(fd, in.messages, BATCH, MSG_DONTWAIT, NULL);
    last = now();
    for (int i = 0; i < got; i++) {
      const uint8_t *f = in.frames[i];
      int vip = family == 4 ? (f[12] == 8 && f[21] == 2 ? vip4(f + 28) : -1) : (f[12] == 0x86 && f[54] == 136 ? vip6(f + 62) : -1);
      if (vip < 0 || sent_at[vip] == 0 || memcmp(f, own_mac, 6) != 0) continue;
      double us = (last - sent_at[vip]) * 1e6;
      sent_at[vip] = 0;
      histogram[us < 1999999 ? (size_t)us : 1999999]++;
      replies++;
      waiting--;
    }
  }
  printf("{\"perSecond\":%.0f,\"replies\":%llu,\"p50\":%.0f,\"p99\":%.0f,\"lost\":%llu}\n", last > begin ? replies / (last - begin) : 0, (unsigned long long)replies,
         quantile(replies, 0.5), quantile(replies, 0.99), (unsigned long long)lost);
}

static void flood(int fd, int arp, double rate, double seconds) {
  static struct batch out;
  prepare(&out);
  static const uint8_t nobody[4] = {10, 99, 77, 77}, zero[6];
  double begin = now();
  uint64_t sent = 0;
  for (double t = begin; t < begin + seconds; t = now()) {
    for (; sent < (t - begin) * rate; sent++) {
      if (arp) put_arp(next_frame(fd, &out, 42), 1, ALL, OWN_IP, zero, nobody);
      else {
        uint8_t *f = next_frame(fd, &out, 60);
        memset(f, 0, 60);
        memcpy(f, ALL, 6);
        memcpy(f + 6, own_mac, 6);
        f[12] = 8;
        f[14] = 0x45;
        f[23] = 17;
      }
    }
    flush(fd, &out);
    usleep(500);
  }
  printf("{\"perSecond\":%.0f}\n", sent / (now() - begin));
}

static void count(int fd, int vips, double seconds) {
  static struct batch in;
  prepare(&in);
  static uint8_t seen[MAX_VIPS];
  int different = 0, frames = 0, busiest = 0, in_slice = 0;
  double first = 0, last = 0, slice = 0, end = now() + seconds;
  printf("ready\n");
  fflush(stdout);
  while (now() < end && different < vips) {
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll(&ready, 1, 50) == 0) continue;
    int got = recvmmsg(fd, in.messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
      const uint8_t *f = in.frames[i];
      int vip = f[12] == 8 ? vip4(f + 28) : f[54] == 136 ? vip6(f + 62) : -1;
      if (vip < 0) continue;
      if (f[12] != 8) vip = (vip + MAX_VIPS / 2) % MAX_VIPS;
      double t = now();
      if (t - slice > 0.01) slice = t, in_slice = 0;
      if (++in_slice > busiest) busiest = in_slice;
      frames++;
      if (seen[vip]++) continue;
      if (different++ == 0) first = t;
      last = t;
    }
  }
  printf("{\"different\":%d,\"frames\":%d,\"lastMs\":%.0f,\"busiest10ms\":%d}\n", different, frames, (last - first) * 1e3, busiest);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int fd = open_socket(argv[2]);
  if (strcmp(argv[1], "respond") == 0) respond(fd);
  else if (strcmp(argv[1], "ask") == 0 && argc == 8) {
    uint8_t mac[6];
    sscanf(argv[7], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5);
    ask(fd, atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atof(argv[6]), mac);
  } else if (strcmp(argv[1], "flood") == 0 && argc == 6) flood(fd, strcmp(argv[3], "arp") == 0, atof(argv[4]), atof(argv[5]));
  else if (strcmp(argv[1], "count") == 0 && argc == 5) count(fd, atoi(argv[3]), atof(argv[4]));
  else return 2;
  return 0;
}
