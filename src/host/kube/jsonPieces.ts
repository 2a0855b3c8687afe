/** So long, at least, is each piece but the last. */
const PIECE = 16 * 1024;
/** So many elements of an array are made into text at a time. */
const ELEMENTS = 64;

type Text = Generator<string, void, void>;

/** What JSON.stringify gives, in pieces: a body of megabytes is so never in memory as a whole. Of a value that does not change meanwhile. */
export function* jsonPieces(value: object): Text {
  let pending: string[] = [];
  let length = 0;
  for (const text of textOf(value)) {
    pending.push(text);
    length += text.length;
    if (length < PIECE) continue;
    yield pending.join('');
    [pending, length] = [[], 0];
  }
  if (length > 0) yield pending.join('');
}

function* textOf(value: unknown): Text {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) yield JSON.stringify(value) ?? 'null';
  else if (Array.isArray(value)) yield* elementsOf(value);
  else yield* fieldsOf(value as Readonly<Record<string, unknown>>);
}

function* elementsOf(list: readonly unknown[]): Text {
  for (let at = 0; at < list.length; at += ELEMENTS) {
    const some = JSON.stringify(list.slice(at, at + ELEMENTS));
    yield `${at === 0 ? '[' : ','}${some.slice(1, -1)}`;
  }
  yield list.length === 0 ? '[]' : ']';
}

function* fieldsOf(fields: Readonly<Record<string, unknown>>): Text {
  let before = '{';
  for (const [name, value] of Object.entries(fields)) {
    // As JSON.stringify does.
    if (value === undefined || typeof value === 'function' || typeof value === 'symbol') continue;
    yield `${before}${JSON.stringify(name)}:`;
    yield* textOf(value);
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}
