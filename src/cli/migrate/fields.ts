import { type Raw, integer, items, record, text } from '../../cluster/json.ts';

/** The objects of a list; what is none counts as an empty one, so that positions stay. */
export function records(value: unknown): Raw[] {
  return items(value).map((one) => record(one) ?? {});
}

/** A nested object; an empty one where there is none. */
export function child(raw: Raw | undefined, ...path: readonly string[]): Raw {
  return path.reduce<Raw>((at, name) => record(at[name]) ?? {}, raw ?? {});
}

export function named(list: unknown, name: unknown): Raw | undefined {
  return records(list).find((one) => one['name'] === name);
}

/** @returns undefined for an empty text too */
export function word(value: unknown): string | undefined {
  const found = text(value)?.trim();
  return found === '' ? undefined : found;
}

export function words(value: unknown): string[] {
  return items(value).flatMap((one) => text(one) ?? []);
}

/** Fields that are written only when they say something. */
export function whenTrue(value: unknown): true | undefined {
  return value === true ? true : undefined;
}

export function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** As a Go duration; 0 means that it is not set. */
export function seconds(value: unknown): string | undefined {
  const number = integer(value);
  return number === undefined || number === 0 ? undefined : `${number}s`;
}
