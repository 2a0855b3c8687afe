/** The addresses both ends of every bench session have. */
export const SENDER = { ip: '10.99.0.1', asn: 64512 };
export const RECEIVER = { ip: '10.99.0.2', asn: 64513 };

/** The i-th of the host routes that are announced. */
export function hostRoute(i: number): string {
  return `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`;
}

export function hostRoutes(count: number): string[] {
  return Array.from({ length: count }, (_, i) => hostRoute(i));
}
