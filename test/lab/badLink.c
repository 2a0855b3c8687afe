/*
 * A cable between two interfaces that loses, doubles and reorders frames, where the kernel has no netem. It runs until it is killed, and
 * prints what it has done for a line of input.
 *   badLink A B LOST DOUBLED LATE SEED     (in thousandths; a late frame waits for up to 20 ms)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 4096, LATE_MS = 20 };

struct frame {
  double due;
  int fd;
  ssize_t length;
  /* With the kernel's own header in front, which says what of checksums and segments is still to be done. */
  unsigned char bytes[65536 + 128];
};

static struct frame *waiting[SLOTS];
static long seen, lost, doubled, late;

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static int open_interface(const char *name) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)), one = 1, buffer = 16 << 20;
  const struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) < 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0 || bind(fd, (const void *)&at, sizeof at) < 0) {
    perror(name);
    exit(1);
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  return fd;
}

static int happens(const char *thousandths) { return rand() % 1000 < atoi(thousandths); }

static void keep(const struct frame *frame, int fd) {
  for (int i = 0; i < SLOTS; i++) {
    if (waiting[i] != NULL) continue;
    waiting[i] = malloc(sizeof **waiting);
    memcpy(waiting[i], frame, sizeof *frame);
    waiting[i]->fd = fd;
    waiting[i]->due = now() + 1 + rand() % LATE_MS;
    return;
  }
}

static void carry(int from, int to, char **words) {
  static struct frame frame;
  while ((frame.length = recv(from, frame.bytes, sizeof frame.bytes, 0)) > 0) {
    seen++;
    if (happens(words[3])) {
      lost++;
      continue;
    }
    if (happens(words[5])) {
      late++;
      keep(&frame, to);
    } else if (send(to, frame.bytes, (size_t)frame.length, 0) < 0) {
      lost++;
    }
    if (!happens(words[4])) continue;
    doubled++;
    keep(&frame, to);
  }
}

static void send_due(void) {
  const double at = now();
  for (int i = 0; i < SLOTS; i++) {
    if (waiting[i] == NULL || waiting[i]->due > at) continue;
    send(waiting[i]->fd, waiting[i]->bytes, (size_t)waiting[i]->length, 0);
    free(waiting[i]);
    waiting[i] = NULL;
  }
}

int main(int count, char **words) {
  if (count < 7) return 2;
  const int a = open_interface(words[1]), b = open_interface(words[2]);
  srand((unsigned)atoi(words[6]));
  for (;;) {
    struct pollfd all[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    char line[64];
    poll(all, 3, 1);
    carry(a, b, words);
    carry(b, a, words);
    send_due();
    if ((all[2].revents & (POLLIN | POLLHUP)) == 0) continue;
    if (read(0, line, sizeof line) <= 0) return 0;
    printf("{\"seen\":%ld,\"lost\":%ld,\"doubled\":%ld,\"late\":%ld}\n", seen, lost, doubled, late);
    fflush(stdout);
  }
}
