import type { Dict } from './json.ts';

/** One entry of details.causes. */
export interface Cause {
  reason: string;
  message: string;
  field: string;
}

/** What a failed validation found; `text` is the part of the message after the path. */
export interface Fault {
  field: string;
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTypeInvalid'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueNotFound';
  text: string;
}

export interface Kind {
  group: string;
  kind: string;
  plural: string;
}

/** A failure in the real server's words: the HTTP code, the Status body and headers to go with it. */
export class StatusError extends Error {
  readonly status: number;
  readonly body: Dict;
  readonly headers: Record<string, string>;

  constructor(code: number, reason: string, message: string, details?: Dict, headers: Record<string, string> = {}) {
    super(message);
    this.name = 'StatusError';
    this.status = code;
    this.headers = headers;
    this.body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === '' ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

function qualified(kind: Kind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

function details(kind: Kind, name: string): Dict {
  const found: Dict = {};
  if (name !== '') found['name'] = name;
  if (kind.group !== '') found['group'] = kind.group;
  found['kind'] = kind.plural;
  return found;
}

export function notFound(kind: Kind, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualified(kind)} "${name}" not found`, details(kind, name));
}

/** The answer for a path that serves nothing. */
export function noSuchPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(kind: Kind, name: string): StatusError {
  return new StatusError(409, 'AlreadyExists', `${qualified(kind)} "${name}" already exists`, details(kind, name));
}

export function conflict(kind: Kind, name: string, why?: string): StatusError {
  const reason = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${reason}`, details(kind, name));
}

/** Field ownership conflicts of server-side apply. */
export function applyConflict(causes: readonly Cause[]): StatusError {
  const first = causes[0];
  const message =
    causes.length === 1 && first !== undefined
      ? `Apply failed with 1 conflict: ${first.message}: ${first.field}`
      : `Apply failed with ${causes.length} conflicts: ${groupCauses(causes)}`;
  return new StatusError(409, 'Conflict', message, { causes });
}

function groupCauses(causes: readonly Cause[]): string {
  const byManager = new Map<string, string[]>();
  for (const cause of causes) {
    byManager.set(cause.message, [...(byManager.get(cause.message) ?? []), cause.field]);
  }
  return [...byManager].map(([message, fields]) => `${message}:\n${fields.map((f) => `- ${f}`).join('\n')}`).join('\n');
}

export function invalid(kind: Kind, name: string, faults: readonly Fault[]): StatusError {
  const causes = faults.map(({ field, reason, text }) => ({ reason, message: text, field }));
  const whole = [...new Set(faults.map(({ field, text }) => `${field}: ${text}`))];
  const message = whole.length === 1 ? whole[0] : `[${whole.join(', ')}]`;
  const title = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError(422, 'Invalid', `${title} "${name}" is invalid: ${message}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

export function forbidden(kind: Kind, name: string, why: string): StatusError {
  const title = name === '' ? qualified(kind) : `${qualified(kind)} "${name}"`;
  return new StatusError(403, 'Forbidden', `${title} is forbidden: ${why}`, details(kind, name));
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

export function methodNotAllowed(): StatusError {
  return new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function unsupportedMediaType(type: string, supported: readonly string[]): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
    type === '' ? undefined : {},
  );
}

/** A watch resourceVersion older than the event window. */
export function tooOld(asked: string, oldest: number): StatusError {
  return new StatusError(410, 'Expired', `too old resource version: ${asked} (${oldest})`);
}

export function continueExpired(): StatusError {
  return new StatusError(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
}

export function tooLargeVersion(asked: number, current: number): StatusError {
  return new StatusError(
    504,
    'Timeout',
    `Too large resource version: ${asked}, current: ${current}`,
    { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
    { 'retry-after': '1' },
  );
}
