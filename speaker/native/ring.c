#include "ring.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define AHEAD 4
/*
 * To sleep and to be woken costs this thread, and the one that wakes it, tens of microseconds, where an answer costs three. So it looks that long
 * before it sleeps, as long as that pays: when nothing came, at only every second time, then at every fourth, and so on.
 */
#define LOOK_NS 40000
#define MOST_SKIPPED 64

int ring_open(ring_t *ring, int fd, uint32_t slots, uint32_t slot_size) {
  uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
  /* Slots lie one behind the other, so that no block of the ring has a rest at its end. */
  if (slots == 0 || slot_size < TPACKET2_HDRLEN || page % slot_size != 0 || slots % (page / slot_size) != 0 || slots < AHEAD) return -EINVAL;
  if (slots > UINT32_MAX / slot_size) return -EINVAL;
  int version = TPACKET_V2;
  struct tpacket_req request = {
      .tp_block_size = page, .tp_block_nr = slots / (page / slot_size), .tp_frame_size = slot_size, .tp_frame_nr = slots};
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0) return -errno;
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0) return -errno;
  size_t length = (size_t)slots * slot_size;
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    int error = errno;
    /* A ring that nobody reads would keep every frame to itself. */
    request = (struct tpacket_req){0};
    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request);
    return -error;
  }
  *ring = (ring_t){.memory = memory, .length = length, .slots = slots, .slot_size = slot_size, .head = 0};
  return 0;
}

void ring_close(ring_t *ring) {
  if (ring->memory != NULL) munmap(ring->memory, ring->length);
  ring->memory = NULL;
}

static uint8_t *slot_at(const ring_t *ring, uint32_t position) {
  return ring->memory + (size_t)(position < ring->slots ? position : position - ring->slots) * ring->slot_size;
}

static bool has_frame(const ring_t *ring) {
  const struct tpacket2_hdr *header = (const struct tpacket2_hdr *)slot_at(ring, ring->head);
  return (__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

bool ring_await(ring_t *ring, uint64_t end) {
  uint64_t now = uv_hrtime(), until = now + LOOK_NS < end ? now + LOOK_NS : end;
  /* Also of a ring that is never empty a wake-up comes to its end. */
  if (now >= end) return false;
  if (has_frame(ring)) return true;
  if (ring->skips_left > 0) {
    ring->skips_left--;
    return false;
  }
  for (; now < until; now = uv_hrtime()) {
    if (!has_frame(ring)) continue;
    ring->skips = 0;
    return true;
  }
  /* That there was no more time is no sign that nothing comes. */
  if (until == end) return false;
  ring->skips = ring->skips == 0 ? 1 : ring->skips * 2 < MOST_SKIPPED ? ring->skips * 2 : MOST_SKIPPED;
  ring->skips_left = ring->skips;
  return false;
}

int ring_read(ring_t *ring, uint8_t *frames, size_t stride, uint8_t *lengths, int most) {
  int count = 0;
  for (; count < most; count++) {
    uint8_t *slot = slot_at(ring, ring->head);
    struct tpacket2_hdr *header = (struct tpacket2_hdr *)slot;
    if ((__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) break;
    /* Another processor wrote them: they are on the way here while this one is copied. */
    const uint8_t *ahead = slot_at(ring, ring->head + AHEAD);
    __builtin_prefetch(ahead, 1);
    __builtin_prefetch(ahead + 64);
    uint32_t length = header->tp_len, kept = header->tp_snaplen;
    uint32_t copied = kept < stride ? kept : (uint32_t)stride;
    memcpy(frames + (size_t)count * stride, slot + header->tp_mac, copied);
    /* One that was cut says so by a length beyond its place, as recvmmsg with MSG_TRUNC does. */
    if (copied < length && length <= stride) length = (uint32_t)stride + 1;
    memcpy(lengths + (size_t)count * sizeof length, &length, sizeof length);
    __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    ring->head = ring->head + 1 == ring->slots ? 0 : ring->head + 1;
  }
  return count;
}
