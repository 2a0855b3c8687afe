import { addon } from '../native/addon.ts';
import { SOL_SOCKET, SO_RCVBUF } from './constants.ts';
import { intOption } from './sockaddr.ts';

const SO_RCVBUFFORCE = 33;

/** How much may wait in the kernel until it is read. Only CAP_NET_ADMIN may go beyond the system's limit. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  try {
    addon().setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, intOption(bytes));
  } catch {
    addon().setsockopt(fd, SOL_SOCKET, SO_RCVBUF, intOption(bytes));
  }
}
