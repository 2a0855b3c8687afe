/*
 * The receive ring of a packet socket (TPACKET_V2): frames are in this process's memory when it is woken, and no system call is
 * needed to fetch them. Version 3 collects frames for milliseconds before it wakes anybody.
 */
#ifndef HERALDLB_RING_H
#define HERALDLB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *memory;
  size_t length;
  uint32_t slots, slot_size, head;
  /* How often it is not waited awake after it came to nothing once, and how often of those is left. */
  uint32_t skips, skips_left;
} ring_t;

/* 0, or -errno: then the socket has none, and is read as any other. */
int ring_open(ring_t *ring, int fd, uint32_t slots, uint32_t slot_size);
void ring_close(ring_t *ring);

/* Whether a frame waits in it, or comes so soon that it pays to wait for it awake; at most until `end`, a time of uv_hrtime. */
bool ring_await(ring_t *ring, uint64_t end);

/*
 * Copies out what has come, at most so many frames, and gives their slots back. `lengths` gets a uint32 for each, larger than
 * stride where the frame was cut.
 */
int ring_read(ring_t *ring, uint8_t *frames, size_t stride, uint8_t *lengths, int most);

#endif
