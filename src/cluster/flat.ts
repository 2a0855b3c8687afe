let read = 0;

/**
 * The same text in one piece. What a template puts together keeps its parts until somebody reads a character of it, and a key is kept for
 * as long as its object. The sum is there for the compiler, which leaves out what nobody asks for.
 */
export function flat<T extends string>(value: T): T {
  read = (read + value.charCodeAt(0)) & 0xff;
  return value;
}
