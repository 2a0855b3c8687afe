/**
 * The same text in one piece. What a template puts together keeps its parts until somebody reads it as a number, and a key is kept for
 * as long as its object.
 */
export function flat<T extends string>(value: T): T {
  Number(value);
  return value;
}
