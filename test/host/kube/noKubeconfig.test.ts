import { afterEach, expect, it, vi } from 'vitest';
import { loadCredentials } from '../../../src/host/kube/credentials.ts';

afterEach(() => void vi.unstubAllEnvs());

it('where there is no kubeconfig at all, that is said, and no server is guessed', () => {
  vi.stubEnv('HOME', '/nonexistent');
  vi.stubEnv('KUBECONFIG', '');
  expect(() => loadCredentials()).toThrow('there is no kubeconfig');
});
