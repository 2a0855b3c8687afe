/*
 * The memory that datagrams are read into. JavaScript owns it:
 *   frames    BATCH x stride         lengths   BATCH x uint32, the received length (larger than stride: truncated)
 *   addresses BATCH x address_size   controls  BATCH x control_size, each preceded by its uint32 length
 */
#ifndef HERALDLB_BATCH_H
#define HERALDLB_BATCH_H

#include "ring.h"
#include "values.h"

#include <sys/socket.h>

#define BATCH 64

typedef struct {
  napi_ref frames_ref, lengths_ref, addresses_ref, controls_ref;
  bytes_t frames, lengths, addresses, controls;
  size_t stride, address_size, control_size;
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
} batch_t;

/* Four Uint8Arrays, in the order above. False: one is none, or too small; what was taken before it stays referenced. */
bool batch_take(napi_env env, batch_t *batch, const napi_value *views);
void batch_release(napi_env env, batch_t *batch);

/* Whether it is still there. JavaScript can take memory away from a view (a transfer to another thread detaches it): then nothing may be written. */
bool batch_has_memory(napi_env env, const batch_t *batch);

/* From the ring where there is one, whose frames have neither address nor control data. The number of frames, 0 when there is nothing more, or -errno. */
int batch_read(batch_t *batch, int fd, ring_t *ring);

#endif
