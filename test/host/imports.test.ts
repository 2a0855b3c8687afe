import { describe, expect, it } from 'vitest';

describe('the packages we pinned', () => {
  // The client's own choice of undici does not start on Node 20; the override must hold.
  it('import together on this Node', async () => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const undici = await import('undici');
    expect(new KubeConfig().getContexts()).toEqual([]);
    expect(undici.Agent).toBeTypeOf('function');
  });
});
