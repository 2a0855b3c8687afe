/** What the client wants to read: whole objects, metadata alone, or a table. */
export type Wanted = 'whole' | 'metadata' | 'table';

/** The first offer of an Accept header that can be served; undefined when there is none. */
export function wanted(accept: string): Wanted | undefined {
  if (accept === '') return 'whole';
  for (const offer of accept.split(',')) {
    const [type = '', ...parameters] = offer.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*', 'application/yaml'].includes(type)) continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
    const version = parameters.find((parameter) => parameter.startsWith('v='))?.slice(2);
    if (as === undefined || as === 'APIGroupDiscoveryList') return 'whole';
    if (version !== 'v1') continue;
    if (as === 'Table') return 'table';
    if (as.startsWith('PartialObjectMetadata')) return 'metadata';
  }
  return undefined;
}
