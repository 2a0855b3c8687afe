/** No single watch event is larger: etcd takes objects of 1.5 MB. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Most answers and most lines come in one piece, which need not be copied. */
export function joined(chunks: readonly Uint8Array[]): string {
  const [only] = chunks;
  const bytes =
    chunks.length === 1 && only !== undefined ? Buffer.from(only.buffer, only.byteOffset, only.byteLength) : Buffer.concat(chunks);
  return bytes.toString('utf8');
}

/** Newline-separated JSON values. A body that ends inside a value was cut: that throws. */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(10, start); end >= 0; end = chunk.indexOf(10, start)) {
      pending.push(chunk.subarray(start, end));
      const line = joined(pending);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield JSON.parse(line);
    }
    if (start < chunk.length) {
      pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
    }
    if (pendingBytes > MAX_LINE_BYTES) throw new Error('a line of the stream is too long');
  }
  if (joined(pending).trim() !== '') throw new Error('the stream was cut inside a JSON value');
}
